"""A training that goes on ends as if it had never been interrupted."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.interruption import Interrupted, listening
from tlkit.models.digests import weights_digest
from tlkit.training import checkpoint, train

#: What is different each time: what it cost.
COSTS = ("seconds_training", "images_through_base")


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    """Each epoch's state is written, however short the epoch was."""
    monkeypatch.setattr(checkpoint, "_RARELY", 0)


class Stop(keras.callbacks.Callback):
    """Interrupts in the second step of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch, self.now = epoch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            raise KeyboardInterrupt


def interrupt(plan, data, folder, epoch=1):
    with pytest.raises(KeyboardInterrupt):
        tlkit.train(plan, data, folder, [Stop(epoch)])
    run = tlkit.open_run(folder)
    assert run.state == "interrupted"
    assert run.checkpoint_path.exists()
    return run


class Signal(Stop):
    """Asks the command to end, as a machine does that is taken away."""

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def ask_to_end(plan, data, folder, epoch=1):
    with listening(), pytest.raises(Interrupted):
        tlkit.train(plan, data, folder, [Signal(epoch)])
    run = tlkit.open_run(folder)
    state = checkpoint.read_state(run.checkpoint_path)
    assert (state.epoch, state.step) == (epoch, 2)
    return run


def facts(run):
    """Weights, history and figures of a run, without what it cost."""
    model = keras.models.load_model(run.model_path)
    history = {n: v for n, v in run.history.items() if n != "seconds"}
    metrics = json.loads((run.path / "metrics.json").read_text())
    for cost in COSTS:
        metrics["training"].pop(cost, None)
    return weights_digest(model.get_weights()), history, metrics


def assert_same(run, whole):
    for one, other in zip(facts(run), facts(whole), strict=True):
        assert one == other
    assert run.state == "finished"
    assert not run.checkpoint_path.exists()
    assert not (run.path / "trained.json").exists()
    assert not list(run.path.rglob(".partial-*"))


@pytest.mark.parametrize("way", ["scratch", "features", "augmented"])
def test_a_run_goes_on_to_the_same_bit(way, runs, pets, tmp_path, capsys):
    """Dropout in each, views in one; against runs that nobody stopped."""
    run = interrupt(runs[way].plan, pets, tmp_path / "run")
    assert "tlkit resume" in capsys.readouterr().err
    again = tlkit.resume(run.path)
    assert "goes on after epoch 1 of 2" in capsys.readouterr().err
    assert_same(again, runs[way])


HARDER = {
    "end to end": ("augmented", {"views": tlkit.Views(0)}),
    "augmented": ("scratch", {"augmentation": "book"}),
    "schedule": ("scratch", {"optimizer": "momentum", "schedule": "cosine"}),
    "bfloat16": ("scratch", {"precision": "mixed_bfloat16"}),
    "float16": ("features", {"precision": "mixed_float16"}),
    "averages": (
        "features",
        {"optimizer": keras.optimizers.AdamW(1e-2, use_ema=True)},
    ),
}


@pytest.mark.parametrize("name", HARDER)
def test_whatever_a_plan_has_goes_on(name, pets, small, tmp_path):
    way, changes = HARDER[name]
    of_plan = {
        n: v for n, v in changes.items() if n in ("views", "augmentation")
    }
    of_recipe = {n: v for n, v in changes.items() if n not in of_plan}
    plan = tlkit.Plan(
        way,
        tlkit.Network(image_size=64) if way == "scratch" else small,
        recipe=tlkit.Recipe(epochs=3, batch_size=16, **of_recipe),
        **of_plan,
    )
    whole = tlkit.train(plan, pets, tmp_path / "whole")
    run = interrupt(plan, pets, tmp_path / "run")
    # The same call goes on as well.
    assert_same(tlkit.train(plan, pets, run.path), whole)


WITHIN = {
    "pixels": ("scratch", {"augmentation": "book"}, {"balance": True}),
    "rows": ("augmented", {"views": tlkit.Views(2)}, {"labels": "one_hot"}),
}


def plan_within(name, small):
    way, of_plan, of_recipe = WITHIN[name]
    return tlkit.Plan(
        way,
        tlkit.Network(image_size=64) if way == "scratch" else small,
        recipe=tlkit.Recipe(epochs=3, batch_size=7, **of_recipe),
        **of_plan,
    )


@pytest.mark.parametrize("name", WITHIN)
def test_a_signal_keeps_the_step(name, pets, small, tmp_path, capsys):
    plan = plan_within(name, small)
    whole = tlkit.train(plan, pets, tmp_path / "whole")
    run = ask_to_end(plan, pets, tmp_path / "run")
    capsys.readouterr()
    assert_same(tlkit.resume(run.path), whole)
    assert "after epoch 1 of 3, step 2" in capsys.readouterr().err
    # In the last epoch, after which no other begins.
    run = ask_to_end(plan, pets, tmp_path / "late", 2)
    assert_same(tlkit.resume(run.path), whole)


def test_long_epochs_are_kept_step_by_step(pets, small, tmp_path, monkeypatch):
    """As if every step took five minutes; Ctrl-C in Python, unprepared."""
    plan = plan_within("pixels", small)
    whole = tlkit.train(plan, pets, tmp_path / "whole")
    monkeypatch.setattr(checkpoint, "_SECONDS_WITHIN", 0)
    run = interrupt(plan, pets, tmp_path / "run")
    state = checkpoint.read_state(run.checkpoint_path)
    assert (state.epoch, state.step) == (1, 1)
    run = tlkit.open_run(run.path)
    assert_same(tlkit.resume(run.path), whole)


@pytest.mark.parametrize("views", [2, 0])
def test_fine_tuning_goes_on(views, runs, pets, tmp_path):
    plan = tlkit.Plan(
        "finetune",
        recipe=tlkit.Recipe(epochs=2, batch_size=16, learning_rate=1e-4),
        start=runs["augmented"],
        from_layer="block5",
        views=tlkit.Views(views),
    )
    whole = tlkit.train(plan, pets, tmp_path / "whole")
    run = interrupt(plan, pets, tmp_path / "run")
    assert_same(tlkit.resume(run.path, pets), whole)


def test_patience_and_the_best_epoch_are_remembered(pets, tmp_path, capsys):
    """The best epoch lies before the interruption, the end behind it."""
    recipe = tlkit.Recipe(
        epochs=30, batch_size=16, patience=3, learning_rate=0.01
    )
    plan = tlkit.Plan("scratch", tlkit.Network(image_size=64), recipe=recipe)
    whole = tlkit.train(plan, pets, tmp_path / "whole")
    best = whole.metrics["training"]["best_epoch"]
    assert best + 3 == len(whole.history["loss"]) < 30
    run = interrupt(plan, pets, tmp_path / "run", epoch=best + 1)
    assert "best so far" in capsys.readouterr().err
    assert_same(tlkit.resume(run.path), whole)
    assert "best so far" not in capsys.readouterr().err


def test_it_goes_on_more_than_once(pets, small, tmp_path):
    recipe = tlkit.Recipe(epochs=4, batch_size=16)
    plan = tlkit.Plan("features", small, recipe=recipe)
    whole = tlkit.train(plan, pets, tmp_path / "whole")
    for epoch in (1, 2, 3):
        run = interrupt(plan, pets, tmp_path / "run", epoch)
    assert_same(tlkit.resume(run.path), whole)


def test_callbacks_of_the_user_begin_anew_and_a_line_says_so(
    runs, pets, tmp_path, capsys
):
    run = interrupt(runs["features"].plan, pets, tmp_path / "run")
    seen = keras.callbacks.LambdaCallback()
    assert_same(tlkit.resume(run.path, callbacks=[seen]), runs["features"])
    assert "callbacks of your own begin anew" in capsys.readouterr().err


def test_the_latest_unfinished_run_goes_on_by_itself(
    runs, pets, tmp_path, monkeypatch
):
    plan = replace(runs["features"].plan, start=None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        tlkit.train(plan, pets, None, [Stop(1)])
    (begun,) = tlkit.find_runs()
    other = tlkit.train(replace(plan, seed=5), pets)
    assert other.path != begun.path
    assert tlkit.train(plan, pets).path == begun.path
    assert_same(begun, runs["features"])
    # A finished one is left alone.
    assert tlkit.train(plan, pets).path != begun.path


def test_a_full_disk_that_is_freed_loses_nothing(
    runs, pets, tmp_path, monkeypatch
):
    write, written = checkpoint.write_state, []

    def full_at_the_second(path, state):
        written.append(path)
        if len(written) == 2:
            raise TlkitError("Cannot write checkpoint.npz: disk full.")
        write(path, state)

    monkeypatch.setattr(checkpoint, "write_state", full_at_the_second)
    with pytest.raises(TlkitError, match="disk full"):
        tlkit.train(runs["scratch"].plan, pets, tmp_path / "run")
    run = tlkit.open_run(tmp_path / "run")
    assert run.state == "failed"
    assert_same(tlkit.resume(run.path), runs["scratch"])


def test_what_fails_in_its_first_epoch_keeps_its_steps(
    runs, pets, tmp_path, monkeypatch, capsys
):
    """Such an epoch may take hours, and there is no model yet."""
    monkeypatch.setattr(checkpoint, "_SECONDS_WITHIN", 0)

    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise TlkitError("Another host is gone.")

    with pytest.raises(TlkitError, match="host"):
        tlkit.train(runs["scratch"].plan, pets, tmp_path / "run", [Fail()])
    run = tlkit.open_run(tmp_path / "run")
    assert run.state == "failed"
    assert not run.model_path.exists()
    monkeypatch.undo()
    again = tlkit.resume(run.path)
    assert "after epoch 0 of 2, step 1" in capsys.readouterr().err
    assert_same(again, runs["scratch"])


@pytest.mark.parametrize("damage", ["cut", "gone", "other images"])
def test_without_a_sound_checkpoint_it_begins_anew(
    damage, runs, pets, tmp_path, capsys
):
    run = interrupt(runs["features"].plan, pets, tmp_path / "run")
    kept = run.checkpoint_path.read_bytes()
    if damage == "cut":
        run.checkpoint_path.write_bytes(kept[:-100])
    elif damage == "gone":
        run.checkpoint_path.unlink()
    data = pets
    if damage == "other images":
        # The same images in another order, as after files were renamed.
        turned = pets.split("train").select(np.arange(40)[::-1])
        data = replace(pets, splits={**pets.splits, "train": turned})
    again = tlkit.resume(run.path, data)
    said = capsys.readouterr().err
    assert "begins anew" in said
    assert ("damaged" in said) == (damage == "cut")
    assert ("not used" in said) == (damage != "gone")
    if damage != "other images":
        assert_same(again, runs["features"])


def test_of_a_trained_model_only_the_rest_is_done(
    runs, pets, tmp_path, monkeypatch, capsys
):
    def fail(*_):
        raise TlkitError("The disk is full.")

    monkeypatch.setattr(train, "write_results", fail)
    with pytest.raises(TlkitError, match="full"):
        tlkit.train(runs["scratch"].plan, pets, tmp_path / "run")
    run = tlkit.open_run(tmp_path / "run")
    assert run.state == "failed"
    monkeypatch.undo()
    monkeypatch.setattr(train, "fit", fail)
    assert_same(tlkit.resume(run.path), runs["scratch"])
    assert "is judged now" in capsys.readouterr().err


def test_what_is_not_the_same_run_is_refused(runs, pets, tmp_path):
    plan = runs["features"].plan
    run = interrupt(plan, pets, tmp_path / "run")
    before = {p: p.read_bytes() for p in run.path.iterdir()}
    other = replace(plan, recipe=replace(plan.recipe, epochs=7), seed=3)
    with pytest.raises(UsageError, match="exists already") as caught:
        tlkit.train(other, pets, run.path)
    for words in ("recipe.epochs 2", "recipe.epochs 7", "seed 0", "seed 3"):
        assert words in str(caught.value)
    fewer = pets.split("train").select(np.arange(30))
    data = replace(pets, splits={**pets.splits, "train": fewer})
    for refused in (
        lambda: tlkit.train(plan, data, run.path),
        lambda: tlkit.resume(run.path, data),
    ):
        with pytest.raises(UsageError, match=data.fingerprint()):
            refused()
    with pytest.raises(UsageError, match="exists already"):
        tlkit.train(plan, pets, runs["features"].path)
    with pytest.raises(UsageError, match="finished"):
        tlkit.resume(runs["features"].path)
    assert before == {p: p.read_bytes() for p in run.path.iterdir()}


def test_the_run_of_a_living_process_is_left_alone(runs, pets, tmp_path):
    plan = runs["features"].plan

    def another_tries(run):
        with pytest.raises(UsageError, match="Another process") as caught:
            tlkit.train(plan, pets, run.path)
        assert str(os.getpid()) in str(caught.value)
        with pytest.raises(UsageError, match="Another process"):
            tlkit.resume(run.path)

    run = tlkit.train(plan, pets, tmp_path / "run", on_start=another_tries)
    assert_same(run, runs["features"])


def test_data_that_have_gone_are_asked_for(runs, pets, tmp_path):
    arrays = replace(pets, read_as={})
    run = interrupt(runs["features"].plan, arrays, tmp_path / "run")
    with pytest.raises(UsageError, match=r"tlkit resume .* DATA"):
        tlkit.resume(run.path)
    assert_same(tlkit.resume(run.path, pets), runs["features"])


TWO_DEVICES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
import numpy as np
import tlkit
from tlkit.training import checkpoint
sys.path.insert(0, sys.argv[3])
from test_going_on import ask_to_end, assert_same, interrupt
checkpoint._RARELY = 0
data, folder = tlkit.load_dataset(sys.argv[1]), sys.argv[2]
for way, network in {
    "scratch": tlkit.Network(image_size=64),
    "augmented": tlkit.Network(
        "minivgg", image_size=64, pooling="average", units=8
    ),
}.items():
    recipe = tlkit.Recipe(epochs=3, batch_size=15)
    plan = tlkit.Plan(way, network, recipe=recipe, machine=tlkit.Machine(2))
    whole = tlkit.train(plan, data, f"{folder}/{way}")
    run = interrupt(plan, data, f"{folder}/{way}-interrupted")
    assert_same(tlkit.resume(run.path), whole)
    run = ask_to_end(plan, data, f"{folder}/{way}-asked")
    assert_same(tlkit.resume(run.path), whole)
    # On one device it goes on as well, but for the last digits.
    run = ask_to_end(plan, data, f"{folder}/{way}-fewer")
    fewer = tlkit.resume(run.path, devices=1)
    np.testing.assert_allclose(
        fewer.history["val_loss"], whole.history["val_loss"], rtol=1e-3
    )
"""


@pytest.mark.slow
def test_two_devices_go_on_to_the_same_bit(pets, tmp_path, own_store):
    done = subprocess.run(
        [
            sys.executable, "-c", TWO_DEVICES,
            pets.source, tmp_path, os.path.dirname(__file__),
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
