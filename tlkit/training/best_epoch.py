"""Keeps the best epoch so far, in memory and on the disk."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tlkit.base.errors import TlkitError
from tlkit.runs.run import Run

#: Saving a large model takes seconds, an epoch on stored rows much less. To
#: save every better epoch would take longer than the training itself.
_SECONDS_BETWEEN_SAVES = 30.0


class BestEpoch(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest validation loss.

    Unlike Keras's own callbacks it writes the history after every epoch,
    never takes a loss of NaN for the best one (`ModelCheckpoint` would keep a
    NaN of the first epoch for good), and saves atomically.

    Args:
        patience: Number of epochs in a row without a lower validation loss
            after which the training ends.
        run: The run whose history is written.
        save: Function that saves the model with its present weights to the
            run folder.
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
        self.best_weights: list[np.ndarray] | None = None
        self._saved_epoch = 0
        self._saved_at = -math.inf
        self._epoch_started = 0.0

    def go_on(
        self,
        rows: Sequence[dict[str, float]],
        best_weights: list[np.ndarray] | None,
    ) -> None:
        """Takes over what an interrupted training had come to.

        Args:
            rows: The history of the epochs before, one row each.
            best_weights: The weights of the best of them.
        """
        self.rows, self.best_weights = [*rows], best_weights
        for row in rows:
            self._note_if_better(row)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Notes the time, from which the epoch's seconds are counted."""
        self._epoch_started = time.time()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the history, keeps the best weights and ends the training.

        Raises:
            TlkitError: The training or validation loss is NaN or infinite.
        """
        logs = {name: float(value) for name, value in (logs or {}).items()}
        seconds = round(time.time() - self._epoch_started, 2)
        row = {"epoch": epoch + 1, **logs, "seconds": seconds}
        self.rows.append(row)
        # Before the check, so that the history shows the epoch that failed.
        self.run.write_history(self.rows)
        if not all(map(math.isfinite, (logs["loss"], logs["val_loss"]))):
            raise TlkitError(
                f"The loss is no longer a number in epoch {epoch + 1}.",
                where=self.run.path,
                received=f"loss {logs['loss']}, "
                f"validation loss {logs['val_loss']}",
                remedy="Lower the learning rate, or train in float32.",
            )
        if self._note_if_better(row):
            self.best_weights = self.model.get_weights()
            if time.time() - self._saved_at > _SECONDS_BETWEEN_SAVES:
                self._save()
        elif epoch + 1 - self.best_epoch >= self.patience:
            self.model.stop_training = True

    def _note_if_better(self, row: Mapping[str, float]) -> bool:
        better = row["val_loss"] < self.best_loss
        if better:
            self.best_loss = row["val_loss"]
            self.best_epoch = int(row["epoch"])
        return better

    def restore(self) -> None:
        """Puts the best weights back, and saves the model if it is not yet."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
            if self._saved_epoch != self.best_epoch:
                self._save()

    def _save(self) -> None:
        self.save()
        self._saved_epoch, self._saved_at = self.best_epoch, time.time()
