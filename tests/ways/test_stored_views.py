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
from tlkit.tensor.strategy import make_strategy

NETWORK = tlkit.Network("minivgg", image_size=64, units=16)
RECIPE = tlkit.Recipe(epochs=3, batch_size=16, patience=3, precision="float32")
EXACT = tlkit.Plan("augmented", NETWORK, recipe=RECIPE, seed=5)
ALL_VIEWS = tlkit.Views(count=3, dtype="float32")
END_TO_END = tlkit.Views(count=0)
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
    plan = replace(EXACT, augmentation=TURNED)

    def train(name, **changes):
        return tlkit.train(replace(plan, **changes), pets, tmp_path / name)

    from_store = train("stored", views=ALL_VIEWS)
    end_to_end = train("end to end", views=END_TO_END)
    assert_same(from_store, end_to_end)
    assert from_store.plan.views.count == 3
    assert end_to_end.plan.views.count == 0
    # Dropout and order are in it: another seed is another training.
    apart = train("other", views=ALL_VIEWS, seed=6)
    assert apart.history["loss"] != pytest.approx(
        end_to_end.history["loss"], rel=1e-2
    )


@pytest.mark.slow
def test_fine_tuning_from_views_is_fine_tuning(pets, runs, tmp_path):
    plan = tlkit.Plan(
        "finetune",
        augmentation=TURNED,
        recipe=replace(RECIPE, learning_rate=1e-3),
        seed=5,
        start=runs["augmented"],
        from_layer="block5",
    )

    def train(name, views):
        return tlkit.train(replace(plan, views=views), pets, tmp_path / name)

    from_store, end_to_end = train("a", ALL_VIEWS), train("b", END_TO_END)
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
        plan = replace(EXACT, views=tlkit.Views(count))
        run = tlkit.train(plan, pets, tmp_path / str(number))
        assert run.metrics["training"]["join_difference"] < 1e-5
        return run.metrics["training"]["images_through_base"]

    assert computed(0, 1) == 40 + 20
    assert computed(1, 1) == 0
    assert computed(2, 2) == 40
    assert computed(3, 9) == 40  # three epochs need three views


def test_without_augmentation_there_is_one_view(pets, tmp_path, new_store):
    plan = replace(EXACT, augmentation="none")
    run = tlkit.train(plan, pets, tmp_path / "run")
    assert run.metrics["training"]["images_through_base"] == 40 + 20
    (entry,) = (e for e in list_store() if e.identity.get("base"))
    assert entry.identity["augmentation"] is None


def test_a_stored_view_is_what_the_frozen_part_gives(pets, new_store):
    base = NETWORK.resolved().build_base()
    strategy = make_strategy()
    part = FrozenPart(
        base,
        describe_part(NETWORK.resolved(), "base", "float32"),
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
    base = NETWORK.resolved().build_base()
    strategy = make_strategy()

    def key(cut="base", policy="float32", size=64, dtype="float16", view=None):
        about = describe_part(NETWORK.resolved(), cut, policy)
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
    network = tlkit.Network(
        "mobilenet_v2", "none", image_size=32, alpha=0.35, units=0
    )
    one = tlkit.Recipe(epochs=1, batch_size=16)
    start = tlkit.train(
        tlkit.Plan("augmented", network, recipe=one), pets, tmp_path / "start"
    )
    assert start.plan.views.count == 1  # an epoch needs no more
    plan = tlkit.Plan(
        "finetune", recipe=one, start=start, from_layer="block_14_project"
    )
    run = tlkit.train(plan, pets, tmp_path / "run")
    assert run.status["state"] == "finished"
    assert run.plan.views.count == 0


def test_the_store_says_what_are_views(pets, tmp_path, new_store):
    tlkit.train(EXACT, pets, tmp_path / "run")
    found = {
        (entry.identity.get("cut"), bool(entry.identity.get("augmentation")))
        for entry in list_store()
    }
    assert ("flatten (Flatten)", True) in found
    assert ("flatten (Flatten)", False) in found


def test_a_run_folder_that_exists_is_found_before_the_work(
    pets, tmp_path, new_store
):
    with pytest.raises(UsageError, match="exists"):
        tlkit.train(EXACT, pets, tmp_path)
    assert list_store() == []
