"""One small drawn data set, and one quick run of each way, for all tests."""

import pytest

import tlkit
from tlkit.drawn.make import write_sample


@pytest.fixture(scope="session")
def small():
    return tlkit.Network("minivgg", image_size=64, pooling="average", units=16)


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
    two = tlkit.Recipe(epochs=2, batch_size=16)
    networks = {
        "scratch": tlkit.Network(image_size=64),
        "features": small,
        "augmented": small,
    }
    found = {
        way: tlkit.train(
            tlkit.Plan(way, network, recipe=two), pets, folder / way
        )
        for way, network in networks.items()
    }
    gently = tlkit.Plan(
        "finetune",
        recipe=tlkit.Recipe(epochs=1, batch_size=16, learning_rate=1e-4),
        start=found["augmented"],
        from_layer="block5",
    )
    found["finetune"] = tlkit.train(gently, pets, folder / "finetune")
    return found
