"""How far a training is: in a file of its run, in a line, and as a bar.

The training itself shows it, and so does `tlkit watch`, which reads the file
in another process or on another machine.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tlkit.base.atomic import write_json
from tlkit.base.console import Bar, fitting, say
from tlkit.base.errors import TlkitError
from tlkit.base.records import plain
from tlkit.runs.run import Run

STANDING = "progress.json"
"""Name of the file, which a run has until it is finished."""


@dataclass(frozen=True)
class Best:
    """The best epoch so far, by the loss on the validation images.

    Args:
        epoch: Its number, from 1; 0 before there is one.
        val_loss: Its loss on the validation images.
        val_accuracy: The share of them that it is right about.
    """

    epoch: int = 0
    val_loss: float = math.inf
    val_accuracy: float = 0.0

    def after(self, row: Mapping[str, Any]) -> Best:
        """Returns the best epoch after another one.

        Args:
            row: The figures of that epoch, as the history has them.
        """
        if not row["val_loss"] < self.val_loss:
            return self
        return Best(int(row["epoch"]), row["val_loss"], row["val_accuracy"])


@dataclass(frozen=True)
class Standing:
    """How far a training is.

    Args:
        epoch: Number of the epoch that is being trained, from 1.
        epochs: Number of epochs that are planned.
        done: Number of images of this epoch that have been trained on.
        images: Number of training images.
        best: The best epoch so far.
        learning_rate: The learning rate.
        images_per_second: Training images a second; None at the beginning.
        seconds_left: Seconds until all epochs are trained; None at the
            beginning. Early stopping may end it sooner.
    """

    epoch: int
    epochs: int
    done: int
    images: int
    best: Best
    learning_rate: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None

    def bar(self) -> Bar:
        """Returns what a display shows of it."""
        return Bar(
            f"epoch {self.epoch}/{self.epochs}",
            self.done,
            self.images,
            rate=self.images_per_second,
            left=self.seconds_left,
            below=tuple(self._below()),
        )

    def _below(self) -> list[str]:
        rate, best = "", ""
        if self.learning_rate is not None:
            rate = f"rate {self.learning_rate:.3g}  "
        if self.best.epoch:
            best = (
                f"best epoch {self.best.epoch}: loss "
                f"{self.best.val_loss:.4f}, accuracy "
                f"{self.best.val_accuracy:.3f}"
            )
        return [f"learning {rate}{best}" if rate else best, f"{rate}{best}"]


def write_standing(run: Run, standing: Standing) -> None:
    """Writes how far a training is to its run, for those who watch it.

    Where that fails the training goes on, as nothing depends on it.
    """
    with contextlib.suppress(TlkitError):
        write_json(run.path / STANDING, plain(asdict(standing)))


def read_standing(run: Run) -> Standing | None:
    """Reads how far a training is; None where its run does not say so."""
    # It may be removed, as its run is finished, or written by another version.
    with contextlib.suppress(OSError, ValueError, TypeError):
        found = json.loads((run.path / STANDING).read_text("utf-8"))
        # JSON has no infinite numbers.
        best = {n: v for n, v in found["best"].items() if v is not None}
        return Standing(**{**found, "best": Best(**best)})
    return None


def say_epoch(
    run: Run, epochs: int, row: Mapping[str, Any], best: Best
) -> None:
    """Prints the line of an epoch that is over.

    Args:
        run: The run.
        epochs: Number of epochs that are planned.
        row: The epoch's figures as the history has them, and what is known
            besides.
        best: The best epoch so far, with this one.
    """
    # All numbers of one width, so that the lines stand in columns.
    name = f"epoch {int(row['epoch']):>{len(str(epochs))}}/{epochs}"
    loss, accuracy = f"{row['loss']:.4f}", f"{row['accuracy']:.3f}"
    held_out = f"{row['val_loss']:.4f}", f"{row['val_accuracy']:.3f}"
    seconds = f"{row['seconds']:.1f} s"
    is_best = best.epoch == row["epoch"]
    text = fitting(
        f"{name}  loss {loss}  accuracy {accuracy}  validation loss "
        f"{held_out[0]}  accuracy {held_out[1]}  {seconds}"
        f"{'  best so far' if is_best else ''}",
        f"{name}  loss {loss}, {accuracy}  validation loss {held_out[0]}, "
        f"{held_out[1]}  {seconds}{'  best' if is_best else ''}",
        f"{name}  {loss}, {accuracy}  validation {held_out[0]}, {held_out[1]}"
        f"{'  best' if is_best else ''}",
    )
    number = {"epoch": int(row["epoch"]), "epochs": epochs}
    about = {"event": "epoch", "run": str(run.path), **number}
    say(text, {**about, **row, "best": asdict(best)})
