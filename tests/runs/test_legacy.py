"""Runs that tlkit 0.1 has left still open; these were made by it."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import tlkit
from tlkit.data.augment import Augmentation
from tlkit.drawn.make import write_sample
from tlkit.plans.files import plan_from_dict, plan_to_dict

RUNS = Path(__file__).parent / "of_0_1"
WAYS = ("scratch", "features", "augmented", "finetune")


@pytest.fixture(scope="module", autouse=True)
def own_store(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLKIT_STORE", str(tmp_path_factory.mktemp("store")))
        yield


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """The very images that the runs were trained on."""
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 20, "validation": 8, "test": 12}
    return tlkit.load_dataset(write_sample(folder, counts, image_size=48))


@pytest.mark.parametrize("way", WAYS)
def test_settings_are_read_as_a_plan(way):
    run = tlkit.open_run(RUNS / way)
    plan = run.plan
    assert run.way == plan.way == way
    assert plan.seed == 4
    assert plan.recipe.epochs == 1
    assert plan.recipe.batch_size == 10
    assert run.class_names == ["cats", "dogs"]
    assert run.base == ("" if way == "scratch" else "mobilenet")
    again = plan_from_dict(plan_to_dict(plan))
    assert plan_to_dict(again) == plan_to_dict(plan)


def test_what_the_settings_said_is_in_the_plan():
    scratch = tlkit.open_run(RUNS / "scratch").plan
    assert scratch.network.image_size == (64, 64)
    assert scratch.augmentation.changes_nothing
    turned = tlkit.open_run(RUNS / "scratch-augmented").plan
    told = Augmentation(rotation=10, zoom=(0.8, 1.2))
    assert turned.augmentation == told
    augmented = tlkit.open_run(RUNS / "augmented").plan
    assert augmented.network.alpha == 0.25
    assert augmented.views == tlkit.Views(1, "float16")
    tuned = tlkit.open_run(RUNS / "finetune").plan
    assert tuned.views.count == 0
    assert tuned.from_layer == "conv_dw_12"
    assert tuned.start == "augmented"


def test_they_are_listed(tmp_path):
    shutil.copytree(RUNS, tmp_path / "runs")
    found = tlkit.find_runs(tmp_path / "runs")
    assert {run.path.name for run in found} == {*WAYS, "scratch-augmented"}


def test_the_model_is_judged_as_it_was(pets):
    run = tlkit.open_run(RUNS / "augmented")
    assert run.data["fingerprint"] == pets.fingerprint()
    measured = tlkit.evaluate(tlkit.load_classifier(run.path), pets)
    assert measured["correct"] == run.metrics["correct"]
    assert measured["log_loss"] == pytest.approx(
        run.metrics["log_loss"], abs=1e-4
    )


def test_the_model_predicts_and_is_explained(pets):
    classifier = tlkit.load_classifier(RUNS / "augmented")
    images = np.stack([pets.split("test").read(row, 32) for row in range(2)])
    shares = classifier.predict(list(images))
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    heat = tlkit.draw_heat_maps(classifier.model, images, "gradcam")
    assert heat.shape[0] == 2


def test_fine_tuning_goes_on_from_one(pets, tmp_path):
    plan = tlkit.Plan(
        "finetune",
        views=tlkit.Views(1),
        recipe=tlkit.Recipe(epochs=1, learning_rate=1e-3),
        start=RUNS / "augmented",
        from_layer="conv_dw_13",
    )
    run = tlkit.train(plan, pets, tmp_path / "run")
    assert run.status["state"] == "finished"
    assert run.plan.network.base == "mobilenet"
    trained = run.metrics["training"]["trained_layers"]
    assert {"conv_dw_13", "predictions"} <= set(trained)
    before = keras.models.load_model(RUNS / "augmented" / "model.keras")
    after = keras.models.load_model(run.model_path)
    for layer in before.layers:
        if layer.name not in trained:
            for one, other in zip(
                layer.get_weights(),
                after.get_layer(layer.name).get_weights(),
                strict=True,
            ):
                np.testing.assert_array_equal(one, other)
    notes = " ".join(run.metrics["notes"])
    assert "trained the run that this one goes on from" not in notes


def test_a_run_of_it_is_trained_again_from_its_config(pets, tmp_path):
    """What it was made by is a plan, and a plan can be trained."""
    plan = tlkit.open_run(RUNS / "augmented").plan
    run = tlkit.train(plan, pets, tmp_path / "again")
    old = tlkit.open_run(RUNS / "augmented")
    # Random weights of the base and the head come from the same seed.
    assert run.history["val_loss"] == pytest.approx(
        old.history["val_loss"], abs=1e-3
    )
