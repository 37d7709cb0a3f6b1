"""Shows how far a training is: on a terminal, in lines, and in a file."""

from __future__ import annotations

import time
from typing import Any

import keras

from tlkit.base.console import Display, Rate, Seldom
from tlkit.runs.run import Run
from tlkit.runs.standing import Best, Standing, say_epoch, write_standing

#: Nobody who watches a run needs news more often, in seconds.
_WRITTEN_EVERY = 1.0


class TrainingDisplay(keras.callbacks.Callback):
    """Draws a bar within each epoch, and prints a line after it.

    What is drawn is also written to the run, for `tlkit watch`. Each is done
    seldom enough to cost nothing that one could notice.

    Args:
        run: The run.
        epochs: Number of epochs that are planned.
        images: Number of training images.
        batch_size: Number of images in a step, over all devices together.
        best: The best epoch of those that were trained before.
    """

    def __init__(
        self, run: Run, epochs: int, images: int, batch_size: int, best: Best
    ) -> None:
        super().__init__()
        self._run, self._epochs = run, epochs
        self._images, self._batch_size = images, batch_size
        self._best = best
        self._display, self._written = Display(), Seldom(_WRITTEN_EVERY)
        self._pace = Pace(epochs, images)
        self._epoch = self._done = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begins with an empty bar."""
        self._epoch, self._done = epoch, 0
        self._pace.begin_epoch(epoch)
        self._show()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        # By the number of the batch: an epoch may begin in its middle.
        self._done = min((batch + 1) * self._batch_size, self._images)
        self._pace.note(self._done)
        self._show()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Draws the last steps, too, while the epoch is measured."""
        self._show()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's line."""
        self._pace.end_epoch()
        figures = {name: float(value) for name, value in (logs or {}).items()}
        row = {
            "epoch": epoch + 1,
            **figures,
            "learning_rate": learning_rate_of(self.model),
            "images_per_second": self._pace.images_per_second,
            "seconds": self._pace.seconds,
        }
        self._best = self._best.after(row)
        self._display.replace(lambda: self._standing().bar())
        say_epoch(self._run, self._epochs, row, self._best)

    def on_train_end(self, logs: Any = None) -> None:
        """Removes the bar."""
        self.close()

    def close(self) -> None:
        """Removes the bar, also where Keras was interrupted."""
        self._display.close()

    def _show(self) -> None:
        self._display.show(lambda: self._standing().bar())
        self._written.do(lambda: write_standing(self._run, self._standing()))

    def _standing(self) -> Standing:
        return Standing(
            self._epoch + 1,
            self._epochs,
            self._done,
            self._images,
            self._best,
            learning_rate_of(self.model),
            self._pace.images_per_second,
            self._pace.seconds_left,
        )


def learning_rate_of(model: keras.Model) -> float:
    """Returns the learning rate of the present step, from its schedule too."""
    rate = keras.ops.convert_to_numpy(model.optimizer.learning_rate)
    # float32 has seven digits; the others would be noise.
    return float(f"{rate:.7g}")


class Pace:
    """How fast a training is, and how long it will take.

    Args:
        epochs: Number of epochs that are planned.
        images: Number of training images.
    """

    def __init__(self, epochs: int, images: int) -> None:
        self._epochs, self._images = epochs, images
        self._epoch = self._done = 0
        self._rate = Rate()
        self._known: float | None = None
        self._begun = self._trained_at = time.monotonic()
        self._besides = 0.0
        self.seconds = 0.0
        """Seconds of the last epoch that is over."""

    def begin_epoch(self, epoch: int) -> None:
        """Begins an epoch, whose number counts from 0."""
        self._known = self.images_per_second
        self._epoch, self._done, self._rate = epoch, 0, Rate()
        self._begun = self._trained_at = time.monotonic()

    def note(self, done: int) -> None:
        """Notes that so many images of the epoch have been trained on."""
        self._done, self._trained_at = done, time.monotonic()
        self._rate.note(done)

    def end_epoch(self) -> None:
        """Ends the epoch, which was measured, and maybe saved, as well."""
        now = time.monotonic()
        self._besides = now - self._trained_at
        self.seconds = round(now - self._begun, 2)
        if self._rate.per_second is None and self._done:
            # An epoch of one step.
            self._known = self._done / (self._trained_at - self._begun)

    @property
    def images_per_second(self) -> float | None:
        """Training images a second, in this epoch or else the last one."""
        rate = self._rate.per_second or self._known
        return rate and round(rate, 1)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all epochs are over; None as long as nobody knows."""
        rate = self.images_per_second
        if rate is None:
            return None
        left = self._epochs - self._epoch
        return (left * self._images - self._done) / rate + left * self._besides
