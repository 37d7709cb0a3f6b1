"""Prints a line for each epoch."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
from rich.progress import Progress

from tlkit.base.console import say, steps_bar


class EpochLines(keras.callbacks.Callback):
    """Prints a line for each epoch; on a terminal also draws a bar within it.

    Args:
        epochs: Number of epochs that are planned, which each line shows
            beside the epoch's own number.
        best: Lowest validation loss of the epochs before, if there were some.
    """

    def __init__(self, epochs: int, best: float = math.inf) -> None:
        super().__init__()
        self.epochs = epochs
        self._best = best
        self._started = 0.0
        self._bar: Progress | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the bar and the clock."""
        self._started = time.time()
        self._bar = steps_bar()
        self._task = self._bar.add_task(
            f"epoch {epoch + 1}/{self.epochs}", total=self.params.get("steps")
        )
        self._bar.start()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's line."""
        self._stop_bar()
        logs = logs or {}
        is_best = logs["val_loss"] < self._best
        self._best = min(self._best, logs["val_loss"])
        # All numbers of one width, so that the lines stand in columns.
        width = len(str(self.epochs))
        say(
            f"epoch {epoch + 1:>{width}}/{self.epochs}  "
            f"loss {logs['loss']:.4f}  accuracy {logs['accuracy']:.3f}  "
            f"validation loss {logs['val_loss']:.4f}  "
            f"accuracy {logs['val_accuracy']:.3f}  "
            f"{time.time() - self._started:.1f} s"
            f"{'  best so far' if is_best else ''}"
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Removes the bar, also where an epoch was broken off."""
        self._stop_bar()

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
