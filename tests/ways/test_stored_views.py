"""Trained from stored views, a model is what end to end would make of it."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import tlkit
from tlkit.base.errors import UsageError
from tlkit.data.augment import View
from tlkit.features.extract import describe_part
from tlkit.features.frozen import FrozenPart
from tlkit.features.views import extract_views
from tlkit.store.housekeeping import list_store

NETWORK = tlkit.TransferNetwork("minivgg", image_size=64, units=16)
EXACT = tlkit.Training(
    epochs=3, batch_size=16, patience=3, precision="float32", seed=5
)
ALL_VIEWS = tlkit.Views(count=3, dtype="float32")
TURNED = tlkit.Augmentation(rotation=20, channel_shift=20)


@pytest.fixture
def new_store(tmp_path, monkeypatch):
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))


def weights_of(run):
    model = keras.models.load_model(run.model_path)
    return [layer.get_weights() for layer in model.layers if layer.weights]


def assert_same(one, other):
    assert one.history["loss"] == pytest.approx(other.history["loss"], rel=1e-4)
    assert one.history["val_loss"] == pytest.approx(
        other.history["val_loss"], rel=1e-4
    )
    for ours, theirs in zip(weights_of(one), weights_of(other), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_as_many_views_as_epochs_are_the_books_computation(pets, tmp_path):
    def train(views):
        folder = tmp_path / str(bool(views))
        return tlkit.train_augmented(
            pets, NETWORK, TURNED, EXACT, folder, views
        )

    from_store, end_to_end = train(ALL_VIEWS), train(None)
    assert_same(from_store, end_to_end)
    assert from_store.config["settings"]["views"]["count"] == 3
    assert end_to_end.config["settings"]["views"] is None
    # Dropout and order are in it: another seed is another training.
    other = replace(EXACT, seed=6)
    apart = tlkit.train_augmented(
        pets, NETWORK, TURNED, other, tmp_path / "other", ALL_VIEWS
    )
    assert apart.history["loss"] != pytest.approx(
        end_to_end.history["loss"], rel=1e-2
    )


@pytest.mark.slow
def test_fine_tuning_from_views_is_fine_tuning(pets, runs, tmp_path):
    gently = replace(EXACT, learning_rate=1e-3)

    def train(views):
        return tlkit.fine_tune(
            pets,
            runs["augmented"],
            "block5",
            TURNED,
            gently,
            tmp_path / str(bool(views)),
            views,
        )

    from_store, end_to_end = train(ALL_VIEWS), train(None)
    assert_same(from_store, end_to_end)
    before = weights_of(runs["augmented"])
    moved = [
        not all(map(np.array_equal, layer, old))
        for layer, old in zip(weights_of(from_store), before, strict=True)
    ]
    # Two convolutions of block5 and the two dense layers of seven blocks' 9.
    assert moved == [False] * 5 + [True] * 4


@pytest.mark.slow
def test_views_are_computed_once_and_more_cost_only_themselves(
    pets, tmp_path, new_store
):
    def computed(number, count):
        run = tlkit.train_augmented(
            pets,
            NETWORK,
            training=EXACT,
            run_folder=tmp_path / str(number),
            views=tlkit.Views(count),
        )
        assert run.metrics["training"]["join_difference"] < 1e-5
        return run.metrics["training"]["images_through_base"]

    assert computed(0, 1) == 40 + 20
    assert computed(1, 1) == 0
    assert computed(2, 2) == 40
    assert computed(3, 9) == 40  # three epochs need three views


def test_a_stored_view_is_what_the_frozen_part_gives(pets, new_store):
    base = NETWORK.build_base()
    strategy = EXACT.strategy()
    part = FrozenPart(
        base,
        describe_part(NETWORK, "base", "float32"),
        (64, 64),
        strategy,
        "float32",
    )
    rows = extract_views(part, pets, TURNED, seed=3, count=2)
    split = pets.split("train")
    for number in range(2):
        images = np.stack(
            [
                TURNED(
                    split.read(row, 64),
                    seed=3,
                    image_id=int(split.digests[row][:15], 16),
                    view=number,
                )
                for row in range(5)
            ]
        )
        np.testing.assert_allclose(
            rows.train[number][:5],
            base.predict(images, verbose=0),
            atol=1e-4,
        )
    plain = pets.split("validation").read(0, 64)[None]
    np.testing.assert_allclose(
        rows.validation[:1], base.predict(plain, verbose=0), atol=1e-4
    )


def test_whatever_determines_a_view_has_a_key_of_its_own(pets):
    base = NETWORK.build_base()
    strategy = EXACT.strategy()

    def key(cut="base", policy="float32", size=64, dtype="float16", view=None):
        about = describe_part(NETWORK, cut, policy)
        part = FrozenPart(base, about, (size, size), strategy, dtype)
        return part.store(view).key

    turned = View(TURNED, 3, 0)
    keys = [
        key(),
        key(cut="block4"),
        key(policy="mixed_bfloat16"),
        key(size=65),
        key(dtype="float32"),
        key(view=turned),
        key(view=replace(turned, seed=4)),
        key(view=replace(turned, augmentation=tlkit.Augmentation())),
    ]
    assert len(set(keys)) == len(keys)
    assert key(view=replace(turned, number=1)) == key(view=turned)
    kernel = base.get_layer("block1_conv1").kernel
    kernel.assign_add(np.full(kernel.shape, 1e-3, np.float32))
    assert key() not in keys


@pytest.mark.slow
def test_a_cut_through_a_residual_block_trains_end_to_end(pets, tmp_path):
    network = tlkit.TransferNetwork(
        "mobilenet_v2", "none", image_size=32, alpha=0.35, units=0
    )
    one = tlkit.Training(epochs=1, batch_size=16)
    start = tlkit.train_augmented(
        pets, network, training=one, run_folder=tmp_path / "start"
    )
    assert start.config["settings"]["views"] is not None
    run = tlkit.fine_tune(
        pets,
        start,
        "block_14_project",
        training=one,
        run_folder=tmp_path / "run",
    )
    assert run.status["state"] == "finished"
    assert run.config["settings"]["views"] is None


def test_the_store_says_what_are_views(pets, tmp_path, new_store):
    tlkit.train_augmented(
        pets, NETWORK, training=EXACT, run_folder=tmp_path / "run"
    )
    found = {
        (entry.recipe.get("cut"), bool(entry.recipe.get("augmentation")))
        for entry in list_store()
    }
    assert ("flatten (Flatten)", True) in found
    assert ("flatten (Flatten)", False) in found


def test_a_run_folder_that_exists_is_found_before_the_work(
    pets, tmp_path, new_store
):
    with pytest.raises(UsageError, match="exists"):
        tlkit.train_augmented(
            pets, NETWORK, training=EXACT, run_folder=tmp_path
        )
    assert list_store() == []


def test_no_view_is_too_few():
    with pytest.raises(UsageError, match="--end-to-end"):
        tlkit.Views(0)
