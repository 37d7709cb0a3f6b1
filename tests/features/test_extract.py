"""The base runs once, and nothing stale is ever read."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.arrays import array_split
from tlkit.drawn.make import write_sample
from tlkit.drawn.sample import draw_pets
from tlkit.features.frozen import narrowed
from tlkit.store import store
from tlkit.store.housekeeping import list_store
from tlkit.store.store import Store, store_folder

NETWORK = tlkit.Network("minivgg", image_size=32, pooling="average")
PLAN = tlkit.Plan(
    "features",
    NETWORK,
    recipe=tlkit.Recipe(precision="float32", batch_size=8),
)
KEPT_AS_FLOAT32 = replace(PLAN, views=tlkit.Views(dtype="float32"))


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 20, "validation": 10, "test": 10}
    return tlkit.load_dataset(write_sample(folder, counts, image_size=48))


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))


def test_features_are_what_the_base_gives(pets):
    features = tlkit.extract_features(KEPT_AS_FLOAT32, pets)
    assert features.computed == 40
    images = np.stack([pets.split("train").read(row, 32) for row in range(20)])
    maps = features.base.predict(images, verbose=0)
    np.testing.assert_allclose(
        features.arrays["train"], maps.mean(axis=(1, 2)), atol=1e-5
    )
    assert features.arrays["test"].shape == (10, 128)
    assert features.arrays["train"].dtype == np.float32


def test_by_default_they_are_kept_as_float16(pets):
    exact = tlkit.extract_features(KEPT_AS_FLOAT32, pets)
    halved = tlkit.extract_features(PLAN, pets)
    assert halved.computed == 40  # not taken from what was kept otherwise
    assert halved.arrays["train"].dtype == np.float16
    np.testing.assert_array_equal(
        halved.arrays["train"][:], exact.arrays["train"][:].astype("float16")
    )
    with pytest.raises(UsageError, match="float16, float32"):
        tlkit.Views(dtype="int8")


def test_a_feature_too_large_for_float16_is_an_error():
    with pytest.raises(TlkitError, match="--features-dtype float32"):
        narrowed(np.array([[1.0, 7e4]], "float32"), "float16")
    kept = narrowed(np.array([[1.0, 7e4]], "float32"), "float32")
    assert kept[0, 1] == 7e4


def test_a_second_run_computes_nothing(pets):
    first = tlkit.extract_features(PLAN, pets)
    again = tlkit.extract_features(PLAN, pets)
    assert again.computed == 0
    np.testing.assert_array_equal(first.arrays["train"], again.arrays["train"])


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 40},
        {"pooling": "max"},
        {"weights": "none"},
    ],
    ids=str,
)
def test_another_network_is_computed_anew(pets, change):
    tlkit.extract_features(PLAN, pets)
    other = tlkit.extract_features(
        replace(PLAN, network=replace(NETWORK, **change)), pets
    )
    assert other.computed == 40


def test_other_weights_are_computed_anew(pets):
    random = replace(PLAN, network=replace(NETWORK, weights="none"))
    tlkit.extract_features(random, pets)
    other = replace(random, seed=1)  # another seed, other random weights
    assert tlkit.extract_features(other, pets).computed == 40


def test_a_folder_that_has_grown_costs_its_new_images(tmp_path):
    folder = write_sample(
        tmp_path / "pets", {"train": 20, "validation": 10}, image_size=48
    )
    cat = min((folder / "train" / "cats").iterdir())
    shutil.copy(cat, cat.with_name("copy.png"))  # the same, computed once
    first = tlkit.extract_features(PLAN, tlkit.load_dataset(folder))
    assert first.computed == 30
    kept = np.asarray(first.arrays["validation"])
    for path in sorted((folder / "train/cats").iterdir())[:3]:
        path.rename(path.with_name(f"renamed-{path.name}"))
    folder = folder.rename(tmp_path / "moved")
    extra = write_sample(
        tmp_path / "extra", {"train": 6, "validation": 2}, 48, seed=9
    )
    for path in extra.glob("*/*/*.png"):
        target = folder / path.relative_to(extra)
        path.rename(target.with_name(f"new-{path.name}"))
    grown = tlkit.extract_features(PLAN, tlkit.load_dataset(folder))
    assert grown.computed == 8
    rows = [
        row
        for row, path in enumerate(grown.data.split("validation").images)
        if not path.name.startswith("new-")
    ]
    np.testing.assert_array_equal(grown.arrays["validation"][rows], kept)


def test_in_pieces_or_at_once_the_features_are_the_same_to_the_bit(
    pets, monkeypatch, tmp_path
):
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "once"))
    whole = tlkit.extract_features(PLAN, pets)
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "pieces"))
    split = pets.split("train")
    for count in (3, 11):
        part = {**pets.splits, "train": split.select(np.arange(count))}
        tlkit.extract_features(PLAN, replace(pets, splits=part))
    last = tlkit.extract_features(PLAN, pets)
    assert last.computed == 9
    for name in pets.splits:
        np.testing.assert_array_equal(
            last.arrays[name][:], whole.arrays[name][:]
        )


def test_an_interrupted_extraction_goes_on(pets, monkeypatch):
    monkeypatch.setattr(store, "SHARD_ROWS", 32)
    large = replace(
        pets,
        splits={
            **pets.splits,
            "train": array_split(*draw_pets(100, 48, 5)[:2]),
        },
    )
    real, written = Store.add, []

    def stop_at_the_third(self, ids, rows):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(ids)
        real(self, ids, rows)

    monkeypatch.setattr(Store, "add", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        tlkit.extract_features(PLAN, large)
    monkeypatch.setattr(Store, "add", real)
    again = tlkit.extract_features(PLAN, large)
    assert again.computed == 100 - 64 + 20


def test_one_changed_pixel_is_computed_anew(pets):
    tlkit.extract_features(PLAN, pets)
    images = np.stack([pets.split("test").read(row) for row in range(10)])
    images[4, 7, 7, 1] ^= 1
    labels = pets.split("test").labels
    other = {**pets.splits, "test": array_split(images, labels)}
    same = {**pets.splits, "test": array_split(images, labels)}
    changed = replace(pets, splits=other)
    # As arrays all ten have digests of their own, as files they had others.
    assert tlkit.extract_features(PLAN, changed).computed == 10
    assert (
        tlkit.extract_features(PLAN, replace(pets, splits=same)).computed == 0
    )


def test_a_damaged_shard_is_noticed_and_only_it_computed_again(pets):
    first = tlkit.extract_features(PLAN, pets)
    kept = np.asarray(first.arrays["train"])
    path = next(
        path
        for path in store_folder().glob("*/*.npy")
        if len(np.load(path)) == 20
    )
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    again = tlkit.extract_features(PLAN, pets)
    assert again.computed == 20
    np.testing.assert_array_equal(again.arrays["train"], kept)


def test_the_recipe_says_what_the_features_are(pets):
    tlkit.extract_features(PLAN, pets)
    (entry,) = list_store()
    assert entry.rows == 40
    assert entry.identity["base"] == "minivgg"
    assert entry.identity["image_size"] == [32, 32]


def test_the_head_learns_what_the_joined_model_then_says(pets, tmp_path):
    run = tlkit.train(PLAN, pets, tmp_path / "run")
    assert run.metrics["training"]["join_difference"] < 1e-5
    # The test images are judged from their pixels and need no features.
    assert run.metrics["training"]["images_through_base"] == 30
    features = tlkit.extract_features(PLAN, pets)
    assert features.computed == 10
    model = keras.models.load_model(run.model_path)
    names = [layer.name for layer in model.layers]
    assert names[-3:] == ["head_dense", "head_dropout", "predictions"]
