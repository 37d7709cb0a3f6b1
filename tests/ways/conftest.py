"""One small drawn data set, and one quick run of each way, for all tests."""

import pytest

import tlkit
from tlkit.drawn.make import write_sample


@pytest.fixture(scope="session")
def small():
    return tlkit.TransferNetwork(
        "minivgg", image_size=64, pooling="average", units=16
    )


@pytest.fixture(scope="session")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 40, "validation": 20, "test": 24}
    return tlkit.load_dataset(write_sample(folder, counts, image_size=64))


@pytest.fixture(scope="session", autouse=True)
def own_store(tmp_path_factory):
    """The user's own store stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        store = tmp_path_factory.mktemp("store")
        patch.setenv("TLKIT_STORE", str(store))
        yield store


@pytest.fixture(scope="session")
def runs(pets, small, tmp_path_factory, own_store):
    """Finished runs by name of the way, two epochs each."""
    folder = tmp_path_factory.mktemp("runs")
    two = tlkit.Training(epochs=2, batch_size=16)
    features = tlkit.extract_features(pets, small, two)
    found = {
        "scratch": tlkit.train_from_scratch(
            pets, 64, training=two, run_folder=folder / "scratch"
        ),
        "features": tlkit.train_on_features(features, two, folder / "features"),
        "augmented": tlkit.train_augmented(
            pets, small, training=two, run_folder=folder / "augmented"
        ),
    }
    found["finetune"] = tlkit.fine_tune(
        pets,
        found["augmented"],
        from_layer="block5",
        training=tlkit.Training(epochs=1, batch_size=16, learning_rate=1e-4),
        run_folder=folder / "finetune",
    )
    return found
