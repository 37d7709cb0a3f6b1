"""What all ways to a model share: how long, how fast, how exactly to train."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import TlkitError, UsageError
from tlkit.models.precision import choose_precision
from tlkit.models.specs import ConvBaseSpec
from tlkit.runs.run import Run
from tlkit.tensor.fused_adam import FusedAdam
from tlkit.tensor.strategy import fill_last_batch, make_strategy
from tlkit.training.epoch_lines import EpochLines

BATCH_SIZE = 32
#: Saving a large model takes seconds, an epoch on stored features much less.
_SECONDS_BETWEEN_SAVES = 30.0


@dataclass(frozen=True)
class Training:
    """How to train.

    Args:
        epochs: at most so many passes over the training images.
        batch_size: images per step, over all devices together; None for what
            suits the way.
        learning_rate: of the Adam optimizer; None for what suits the way.
        patience: stop after so many epochs without a lower validation loss;
            the best epoch's weights are kept in any case.
        seed: of initial weights, order, augmentation and dropout.
        precision: see `tlkit.tensor.strategy.choose_precision`.
        devices: how many train together, or `"all"`.
        tensorboard: write logs for TensorBoard into the run folder.

    Raises:
        UsageError: a number is out of its range.
    """

    epochs: int = 30
    batch_size: int | None = None
    learning_rate: float | None = None
    patience: int = 10
    seed: int = 0
    precision: str = "auto"
    devices: int | str = 1
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise UsageError(
                    f"{name} is too small.",
                    expected="1 or more",
                    received=number,
                )
        rate = self.learning_rate
        if rate is not None and not 0 < rate < math.inf:
            raise UsageError(
                "The learning rate is not valid.",
                expected="above 0",
                received=rate,
            )
        if self.seed < 0:
            raise UsageError(
                "The seed is negative.",
                expected="0 or more",
                received=self.seed,
            )

    def suited(
        self,
        learning_rate: float,
        batch_size: int = BATCH_SIZE,
        conv_base: ConvBaseSpec | None = None,
    ) -> Training:
        """Returns this with what suits a way and machine where it is open.

        Args:
            learning_rate: that suits the way.
            batch_size: that suits the way.
            conv_base: that is to be run, for the precision.
        """
        rate = self.learning_rate
        return replace(
            self,
            learning_rate=learning_rate if rate is None else rate,
            batch_size=self.batch_size or batch_size,
            precision=choose_precision(self.precision, conv_base),
        )

    @property
    def images_per_step(self) -> int:
        """The batch size, also where it was left open."""
        return self.batch_size or BATCH_SIZE

    def strategy(self) -> tf.distribute.Strategy:
        """Returns the strategy for `devices`, with all seeds set."""
        keras.utils.set_random_seed(self.seed)
        return make_strategy(self.devices)


def compile_model(
    model: keras.Model, training: Training, steps_per_execution: int = 1
) -> None:
    """Compiles a classifier for training with integer labels.

    Call it inside the scope of the strategy.

    Args:
        model: maps images or features to probabilities.
        training: its learning rate is used.
        steps_per_execution: batches between two calls from Python; more
            make small models faster, and no difference to the result.
    """
    model.compile(
        optimizer=FusedAdam(training.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )


def fit(
    model: keras.Model,
    batches: tf.data.Dataset,
    validation: tf.data.Dataset,
    training: Training,
    run: Run,
    save: Callable[[], None],
) -> dict[str, Any]:
    """Trains with Keras's `fit`; leaves the best epoch's weights in `model`.

    After every epoch `history.csv` is written. The best model so far is
    saved now and then, at the end, and when the user interrupts.

    Args:
        model: compiled.
        batches: of the training split.
        validation: batches of the validation split.
        training: how to train.
        run: where to write.
        save: writes `model` as it is to the run folder.

    Returns:
        `best_epoch` (from 1), `epochs` trained and `seconds` of training.

    Raises:
        TlkitError: the loss is no longer a number, or an image has become
            unreadable.
    """
    keeper = BestEpoch(training.patience, run, save)
    callbacks = [keeper, EpochLines(training.epochs)]
    if training.tensorboard:
        callbacks.append(_tensorboard(run))
    started = time.time()
    strategy = model.distribute_strategy or tf.distribute.get_strategy()
    try:
        with _errors_in_words():
            model.fit(
                fill_last_batch(batches, strategy),
                validation_data=fill_last_batch(validation, strategy),
                epochs=training.epochs,
                callbacks=callbacks,
                shuffle=False,  # the batches are shuffled already
                verbose=0,
            )
    finally:
        keeper.restore()
    return {
        "best_epoch": keeper.best_epoch,
        "epochs": len(keeper.rows),
        "seconds_training": round(time.time() - started, 1),
    }


class BestEpoch(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest validation loss.

    Unlike Keras's own callbacks it writes the history as it goes, never
    takes a loss that is not a number for the best one, and saves atomically.

    Args:
        patience: epochs without a lower validation loss before it stops.
        run: where the history is written.
        save: writes the model as it is to the run folder.
    """

    def __init__(
        self, patience: int, run: Run, save: Callable[[], None]
    ) -> None:
        super().__init__()
        self.patience = patience
        self.run = run
        self.save = save
        self.rows: list[dict[str, float]] = []
        self.best_loss = math.inf
        self.best_epoch = 0
        self._best_weights: list[np.ndarray] | None = None
        self._saved_epoch = 0
        self._saved_at = -math.inf
        self._epoch_started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock."""
        self._epoch_started = time.time()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the history, keeps the best weights, stops if due."""
        logs = {name: float(value) for name, value in (logs or {}).items()}
        seconds = round(time.time() - self._epoch_started, 2)
        self.rows.append({"epoch": epoch + 1, **logs, "seconds": seconds})
        self.run.write_history(self.rows)
        if not all(map(math.isfinite, (logs["loss"], logs["val_loss"]))):
            raise TlkitError(
                f"The loss is no longer a number in epoch {epoch + 1}.",
                where=self.run.path,
                received=f"loss {logs['loss']}, "
                f"validation loss {logs['val_loss']}",
                remedy="Lower the learning rate, or train in float32.",
            )
        if logs["val_loss"] < self.best_loss:
            self.best_loss = logs["val_loss"]
            self.best_epoch = epoch + 1
            self._best_weights = self.model.get_weights()
            if time.time() - self._saved_at > _SECONDS_BETWEEN_SAVES:
                self._save()
        elif epoch + 1 - self.best_epoch >= self.patience:
            self.model.stop_training = True

    def restore(self) -> None:
        """Puts the best weights back and saves them if they are not yet."""
        if self._best_weights is not None:
            self.model.set_weights(self._best_weights)
            if self._saved_epoch != self.best_epoch:
                self._save()

    def _save(self) -> None:
        self.save()
        self._saved_epoch, self._saved_at = self.best_epoch, time.time()


@contextlib.contextmanager
def frozen_stays_frozen(model: keras.Model) -> Iterator[None]:
    """Checks that what is frozen is the same to the bit after the block.

    Args:
        model: its layers with `trainable=False`, and every batch
            normalisation whose `trainable` is False, are watched.

    Raises:
        TlkitError: a frozen weight or statistic has changed; the message
            names the layers.
    """
    before = _frozen_digests(model)
    yield
    after = _frozen_digests(model)
    changed = [name for name in before if before[name] != after.get(name)]
    if changed:
        raise TlkitError(
            "Frozen layers have changed in training.",
            where=", ".join(changed[:10]),
            expected="weights and statistics equal to the bit",
            remedy="This is a fault of tlkit or Keras; please report it.",
        )


def _frozen_digests(model: keras.Model) -> dict[str, str]:
    return {
        layer.name: weights_digest(layer.get_weights())
        for layer in model.layers
        if layer.weights and not layer.trainable
    }


def weights_digest(weights: Sequence[np.ndarray]) -> str:
    """Returns a SHA-256 over arrays: their values, types and shapes."""
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(f"{weight.dtype}{weight.shape}".encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _tensorboard(run: Run) -> keras.callbacks.Callback:
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "TensorBoard is not installed.",
            remedy="pip install 'tlkit[tensorboard]'",
        ) from error
    return keras.callbacks.TensorBoard(run.path / "tensorboard")


@contextlib.contextmanager
def _errors_in_words() -> Iterator[None]:
    """Finds the words of a `TlkitError` inside TensorFlow's wrapping."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise TlkitError(
            "The device has too little memory.",
            remedy="Choose a smaller batch size or image size.",
        ) from error
    except tf.errors.OpError as error:
        _, found, words = str(error).partition("TlkitError: ")
        if not found:
            raise
        problem, *lines = words.split("\nTraceback")[0].splitlines()
        details = [line for line in lines if line.startswith("  ")]
        raise TlkitError("\n".join([problem, *details[:4]])) from error
