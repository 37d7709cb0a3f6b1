"""What fails inside TensorFlow reaches the user in words."""

import pytest

import tlkit
from tlkit.base.errors import TlkitError
from tlkit.drawn.make import write_sample
from tlkit.training.results import predict_split

NETWORK = tlkit.Network("minivgg", image_size=32)


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """Files of images, of which one has gone since they were listed."""
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))
    folder = write_sample(tmp_path / "pets", {"train": 9, "validation": 4}, 48)
    data = tlkit.load_dataset(folder)
    data.split("validation").images[1].unlink()
    return data


def readers(data):
    """All that read the pixels of a whole split, except a training."""
    base = NETWORK.resolved().build_base()
    return {
        "extraction": lambda: tlkit.extract_features(
            tlkit.Plan("features", NETWORK), data
        ),
        "prediction": lambda: predict_split(base, data, "validation", 32),
    }


@pytest.mark.parametrize("reader", ["extraction", "prediction"])
def test_an_image_that_has_gone_is_named(pets, reader):
    gone = pets.split("validation").images[1]
    with pytest.raises(TlkitError) as refused:
        readers(pets)[reader]()
    assert str(refused.value) == (
        "Cannot read this image.\n"
        f"  where:     {gone}\n"
        "  received:  no such file or directory"
    )
