"""Every way ends in the same thing: a finished run and a model for anyone."""

import json
import math
import subprocess
import sys
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.models.saving import read_about
from tlkit.plans.files import open_parts, plan_to_dict
from tlkit.plans.resolve import resolve
from tlkit.tensor.pipeline import make_batches
from tlkit.training.frozen import frozen_stays_frozen

WAYS = ["scratch", "features", "augmented", "finetune"]


@pytest.fixture(params=WAYS)
def run(request, runs):
    return runs[request.param]


def test_a_run_folder_holds_everything(run):
    names = {
        path.relative_to(run.path).as_posix()
        for path in run.path.rglob("*")
        if path.is_file()
    }
    assert names == {
        "config.json",
        "environment.json",
        "history.csv",
        "images.csv",
        "metrics.json",
        "model.keras",
        "status.json",
        "plots/confusion.png",
        "plots/curves.png",
    }
    assert run.status["state"] == "finished"


def test_the_config_is_the_plan_with_nothing_open(run, pets):
    config = run.config
    assert config["way"] == run.way == run.path.name
    assert config["data"]["fingerprint"] == pets.fingerprint()
    assert config["data"]["class_names"] == ["cats", "dogs"]
    assert config["seed"] == 0
    assert config["recipe"]["precision"] != "auto"
    plan = run.plan
    start = tlkit.open_run(plan.start).plan if plan.start else None
    resolved = resolve(plan, pets, start)
    assert open_parts(resolved) == []
    # Resolving it once more changes nothing.
    assert plan_to_dict(resolved) == plan_to_dict(plan)


@pytest.mark.parametrize("way", ["scratch", "finetune"])
def test_a_run_is_made_again_from_its_config(way, runs, pets, tmp_path):
    run = runs[way]
    again = tlkit.train(run.path / "config.json", pets, tmp_path / "again")
    assert again.config["recipe"] == run.config["recipe"]
    one, other = (
        keras.models.load_model(path.model_path).get_weights()
        for path in (run, again)
    )
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_history_has_a_row_per_epoch(run):
    history = run.history
    epochs = 1 if run.path.name == "finetune" else 2
    assert history["epoch"] == list(range(1, epochs + 1))
    assert all(map(math.isfinite, history["val_loss"]))


def test_the_figures_are_those_of_the_saved_model(run, pets):
    model = keras.models.load_model(run.model_path)
    batches = make_batches(pets, "test", model.get_layer("resize").height, 8)
    shares = model.predict(batches, verbose=0)
    labels = pets.split("test").labels
    right = int((shares.argmax(axis=1) == labels).sum())
    metrics = run.metrics
    assert metrics["split"] == "test"
    assert metrics["count"] == 24
    assert metrics["correct"] == right
    by_hand = -np.log(shares[np.arange(24), labels]).mean()
    assert metrics["log_loss"] == pytest.approx(by_hand, abs=1e-4)
    assert metrics["validation"]["count"] == 20
    low, high = metrics["accuracy_interval"]
    assert low < metrics["accuracy"] < high


def test_the_best_epoch_is_kept(run, pets):
    model = keras.models.load_model(run.model_path)
    model.compile(loss="sparse_categorical_crossentropy")
    size = model.get_layer("resize").height
    loss = model.evaluate(make_batches(pets, "validation", size, 16), verbose=0)
    # Trained in bfloat16 where the machine has it, measured in float32.
    assert loss == pytest.approx(min(run.history["val_loss"]), abs=0.05)


def test_the_model_is_flat_float32_and_takes_raw_pixels(run):
    model = keras.models.load_model(run.model_path, safe_mode=True)
    assert not [x for x in model.layers if isinstance(x, keras.Model)]
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert model.input_shape == (None, None, None, 3)
    random = np.random.default_rng(0)
    for shape in [(64, 64), (90, 133), (31, 40)]:
        images = random.integers(0, 256, (3, *shape, 3)).astype("uint8")
        shares = model.predict(images, verbose=0)
        assert shares.shape == (3, 2)
        assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_the_model_file_carries_its_class_names(run):
    about = read_about(run.model_path)
    assert about["class_names"] == ["cats", "dogs"]
    with zipfile.ZipFile(run.model_path) as archive:
        assert archive.testzip() is None


def test_frozen_layers_are_those_of_a_fresh_base(runs):
    base = tlkit.build_base("minivgg")
    trained = keras.models.load_model(runs["augmented"].model_path)
    compared = 0
    for layer in base.layers:
        for fresh, kept in zip(
            layer.get_weights(),
            trained.get_layer(layer.name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(fresh, kept)
            compared += 1
    assert compared == 14  # 7 convolutions with their biases


def test_fine_tuning_moves_the_top_and_nothing_else(runs):
    before = keras.models.load_model(runs["augmented"].model_path)
    after = keras.models.load_model(runs["finetune"].model_path)
    moved = {
        layer.name
        for layer in after.layers
        if any(
            not np.array_equal(one, other)
            for one, other in zip(
                layer.get_weights(),
                before.get_layer(layer.name).get_weights(),
                strict=True,
            )
        )
    }
    assert moved == {
        "block5_conv1",
        "block5_conv2",
        "head_dense",
        "predictions",
    }
    trained = runs["finetune"].metrics["training"]["trained_layers"]
    assert moved == set(trained)


def test_the_freeze_audit_notices_a_moved_weight():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.layers[0].trainable = False
    with (
        pytest.raises(TlkitError, match="Frozen layers have changed"),
        frozen_stays_frozen(model),
    ):
        model.layers[0].kernel.assign_add(np.full((3, 2), 1e-7, "float32"))


def test_a_plan_of_other_data_says_so(runs, pets, tmp_path, capsys):
    fewer = pets.split("train").select(np.arange(30))
    data = replace(pets, splits={**pets.splits, "train": fewer})
    config = runs["features"].path / "config.json"
    run = tlkit.train(config, data, tmp_path / "run")
    (note,) = [n for n in run.metrics["notes"] if "other data" in n]
    assert pets.fingerprint() in note
    assert data.fingerprint() in note
    assert note in capsys.readouterr().err
    same = tlkit.train(config, pets, tmp_path / "same")
    assert not [n for n in same.metrics["notes"] if "other data" in n]


def scratch(recipe, **network):
    return tlkit.Plan(
        "scratch", tlkit.Network(image_size=64, **network), recipe=recipe
    )


def test_an_existing_run_folder_is_not_touched(pets, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("42")
    with pytest.raises(UsageError, match="exists"):
        tlkit.train(scratch(tlkit.Recipe()), pets, tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_failed_run_leaves_nothing(pets, tmp_path):
    plan = scratch(tlkit.Recipe(epochs=2), l2=1e38)
    with pytest.raises(TlkitError, match="no longer a number"):
        tlkit.train(plan, pets, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_fine_tuning_needs_a_run_with_a_base(pets, runs, tmp_path):
    for start, from_layer, words in (
        (runs["scratch"], None, "no conv base"),
        (tmp_path, None, "No such run"),
        (runs["augmented"], "block6", "no block"),
        (None, None, "goes on from a run"),
    ):
        plan = tlkit.Plan("finetune", start=start, from_layer=from_layer)
        with pytest.raises(UsageError, match=words):
            tlkit.train(plan, pets)


def test_fine_tuning_keeps_the_network_of_its_start(pets, runs):
    start, other = runs["augmented"], tlkit.Network("vgg16")
    plan = tlkit.Plan("finetune", other, start=start)
    with pytest.raises(UsageError, match="has another network"):
        tlkit.train(plan, pets)


def test_a_head_on_stored_features_learns_in_the_asked_precision(
    pets, small, tmp_path
):
    """Other digits, the same learning, and always a float32 model."""
    runs = [
        tlkit.train(
            tlkit.Plan(
                "features",
                small,
                recipe=tlkit.Recipe(
                    epochs=3, batch_size=16, precision=precision
                ),
            ),
            pets,
            tmp_path / precision,
        )
        for precision in ("float32", "mixed_bfloat16")
    ]
    first, second = (run.history["val_loss"] for run in runs)
    assert first != second
    np.testing.assert_allclose(first, second, rtol=0.05)
    model = tlkit.load_classifier(runs[1].path).model
    policies = {layer.dtype_policy.name for layer in model.layers}
    assert policies == {"float32"}


def test_early_stopping_stops(pets, tmp_path):
    recipe = tlkit.Recipe(
        epochs=30, batch_size=16, patience=1, learning_rate=0.01
    )
    run = tlkit.train(scratch(recipe), pets, tmp_path / "run")
    losses = run.history["val_loss"]
    assert len(losses) < 30
    best = losses.index(min(losses))
    assert len(losses) == best + 2
    assert run.metrics["training"]["best_epoch"] == best + 1


def test_tensorboard_logs_when_asked(pets, tmp_path):
    plan = replace(
        scratch(tlkit.Recipe(epochs=1)),
        machine=tlkit.Machine(track=("tensorboard",)),
    )
    run = tlkit.train(plan, pets, tmp_path / "run")
    assert list((run.path / "tensorboard").rglob("events.out.tfevents*"))


PLAIN_KERAS = """
import json, sys
import keras, numpy as np
from PIL import Image
model = keras.models.load_model(sys.argv[1], safe_mode=True)
shares = [
    model.predict(np.asarray(Image.open(path).convert("RGB"))[None], verbose=0)
    for path in sys.argv[2:]
]
assert not [name for name in sys.modules if name.startswith("tlkit")]
print(json.dumps(np.concatenate(shares).tolist()))
"""


def test_plain_keras_says_the_same_as_tlkit(run, tmp_path):
    """A process that never heard of tlkit, pictures of three sizes."""
    random = np.random.default_rng(1)
    size = keras.models.load_model(run.model_path).get_layer("resize").height
    paths = []
    for number, shape in enumerate([(size, size), (80, 120), (200, 77)]):
        path = tmp_path / f"{number}.png"
        noise = random.integers(0, 256, (8, 8, 3)).astype("uint8")
        Image.fromarray(noise).resize(shape[::-1]).save(path)
        paths.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, str(run.model_path), *paths],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    plain = np.array(json.loads(done.stdout.splitlines()[-1]), "float32")
    model = keras.models.load_model(run.model_path)
    here = np.concatenate(
        [
            model.predict(np.asarray(Image.open(path))[None], verbose=0)
            for path in paths
        ]
    )
    # The same model on the same pixels, here and there: no difference.
    np.testing.assert_array_equal(plain, here)
    # tlkit resizes to whole numbers before the model, Keras inside it.
    ours = tlkit.load_classifier(run.path).predict(paths)
    np.testing.assert_allclose(plain, ours, atol=0.02)
    np.testing.assert_allclose(plain[0], ours[0], atol=1e-6)
