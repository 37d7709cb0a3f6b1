"""Time left and rates of a training, and callbacks under any loop."""

import re
import time

import keras
import numpy as np
import pytest

from tlkit.runs.run import Run
from tlkit.runs.standing import Best, read_standing
from tlkit.training.display import Pace, TrainingDisplay, learning_rate_of


def test_time_left_is_that_of_the_whole_training(let_pass):
    """3 epochs of 100 images: 2 s to compile, 0.1 s an image, 5 s besides."""
    pace = Pace(3, 100)
    pace.begin_epoch(0)
    assert pace.seconds_left is None
    let_pass(2)
    for done in range(10, 101, 10):
        let_pass(1)
        pace.note(done)
        if done == 10:
            assert pace.images_per_second is None
    assert pace.images_per_second == 10
    # What an epoch takes besides is not known yet.
    assert pace.seconds_left == pytest.approx(20)
    let_pass(5)
    pace.end_epoch()
    assert pace.seconds == 17
    pace.begin_epoch(1)
    assert pace.images_per_second == 10
    assert pace.seconds_left == pytest.approx(2 * (10 + 5))
    let_pass(1)
    pace.note(10)
    let_pass(1)
    pace.note(20)
    assert pace.seconds_left == pytest.approx(8 + 10 + 2 * 5)


def test_epochs_of_one_step_have_a_rate(let_pass):
    pace = Pace(10, 32)
    pace.begin_epoch(0)
    let_pass(4)
    pace.note(32)
    assert pace.images_per_second is None
    pace.end_epoch()
    pace.begin_epoch(1)
    assert pace.images_per_second == 8
    assert pace.seconds_left == 9 * 4


def test_it_needs_nothing_but_the_hooks_of_keras(tmp_path, capsys, monkeypatch):
    """Another loop than `fit`, which begins in the middle of an epoch."""
    monkeypatch.setattr("tlkit.base.console._RARELY", 0)
    monkeypatch.setattr("tlkit.training.display._WRITTEN_EVERY", 0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    schedule = keras.optimizers.schedules.ExponentialDecay(0.25, 1, 0.5)
    model.compile(keras.optimizers.SGD(schedule), "mse")
    display = TrainingDisplay(Run(tmp_path), 4, 70, 32, Best(1, 0.5, 0.75))
    callbacks = keras.callbacks.CallbackList([display], model=model)
    callbacks.set_params({"epochs": 4, "steps": 3})
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(2)
    standing = read_standing(Run(tmp_path))
    assert (standing.epoch, standing.epochs) == (3, 4)
    assert (standing.done, standing.images) == (0, 70)
    assert standing.best == Best(1, 0.5, 0.75)
    model.optimizer.iterations.assign(2)
    for batch in (1, 2):
        time.sleep(0.6)
        callbacks.on_train_batch_end(batch, {"loss": 1.0})
    standing = read_standing(Run(tmp_path))
    assert standing.done == 70
    assert standing.learning_rate == 0.25 * 0.5**2
    assert standing.images_per_second == pytest.approx(6 / 0.6, rel=0.5)
    figures = {"loss": 1.0, "accuracy": 0.5, "val_loss": 0.25}
    callbacks.on_epoch_end(2, {**figures, "val_accuracy": np.float32(0.625)})
    callbacks.on_train_end()
    assert re.fullmatch(
        r"epoch 3/4  loss 1\.0000  accuracy 0\.500  validation loss 0\.2500  "
        r"accuracy 0\.625  \d\.\d s  best so far\n",
        capsys.readouterr().err,
    )


def test_the_learning_rate_has_the_digits_that_it_was_given():
    """float32 made 0.0005000000237487257 of 0.0005."""
    for optimizer in (
        keras.optimizers.Adam(5e-4),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(5e-4)),
    ):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(optimizer, "mse")
        assert learning_rate_of(model) == 5e-4
