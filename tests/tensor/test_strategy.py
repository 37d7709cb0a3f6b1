"""Two devices, or two hosts, train the same model as one device."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.drawn.make import write_sample
from tlkit.models.precision import choose_precision
from tlkit.models.specs import BASES
from tlkit.tensor.strategy import count_devices, make_strategy

sys.path.insert(0, str(Path(__file__).parent))

import together


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    counts = {"train": 40, "validation": 18, "test": 12}
    data = write_sample(folder / "pets", counts, image_size=48)
    # Not as many of both, as one way balances its classes.
    for path in sorted((data / "train" / "dogs").iterdir())[:5]:
        path.unlink()
    return folder, together.train_all(data, folder)


@pytest.mark.slow
@pytest.mark.parametrize("way", together.WAYS)
@pytest.mark.parametrize("kind", ["two", "hosts"])
def test_the_weights_are_those_of_one_device(trained, kind, way):
    """With dropout, augmentation and batches that cannot be divided."""
    folder, facts = trained
    assert together.largest_difference(folder, way, kind) < 1e-5
    one, other = facts["one"][way], facts[kind][way]
    assert list(one["history"]) == list(other["history"])
    for name, values in one["history"].items():
        np.testing.assert_allclose(
            values, other["history"][name], rtol=1e-4, err_msg=name
        )


@pytest.mark.slow
@pytest.mark.parametrize("way", together.WAYS)
def test_one_host_alone_writes(trained, way):
    folder, facts = trained
    assert facts["hosts"][way]["files"] == facts["one"][way]["files"]
    left = [path.name for path in (folder / "hosts").rglob(".partial*")]
    assert left == []


@pytest.mark.slow
def test_the_rows_of_several_hosts_are_those_of_one(trained):
    """Each computes a part, in a store that they share."""
    folder, _ = trained
    kept = {
        kind: {
            path.relative_to(folder / kind): path.read_bytes()
            for path in (folder / kind / together.SHARED).glob("*/*.npy")
        }
        for kind in together.KINDS
    }
    expected = rows_of(kept["one"])
    assert len(expected) > 100
    assert rows_of(kept["two"]) == expected
    assert rows_of(kept["hosts"]) == expected


def rows_of(files):
    """Returns the rows in a store, whatever shards hold them."""
    return sorted(
        (path.parts[1], row.tobytes())
        for path, content in files.items()
        for row in np.load(io.BytesIO(content))
    )


def test_more_devices_than_there_are_is_a_usage_error():
    with pytest.raises(UsageError, match="number of devices"):
        make_strategy(1000)
    with pytest.raises(UsageError, match="number of devices"):
        make_strategy(0)


@pytest.mark.parametrize("devices", [1, "auto", "cpu"])
def test_one_device_is_the_default_strategy(devices):
    assert count_devices(devices) == 1
    assert make_strategy(devices) is tf.distribute.get_strategy()


def test_unknown_precision_is_a_usage_error():
    with pytest.raises(UsageError, match="Unknown precision"):
        choose_precision("float8")
    assert choose_precision("float32") == "float32"
    assert choose_precision("auto") in ("float32", "mixed_bfloat16")
    if not tf.config.list_physical_devices("GPU"):
        # Depthwise convolutions gain nothing by it on a processor.
        assert choose_precision("auto", BASES["mobilenet_v2"]) == "float32"
    asked = choose_precision("mixed_bfloat16", BASES["mobilenet_v2"])
    assert asked == "mixed_bfloat16"
