"""What is measured in an epoch so far, which a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np


class Meters:
    """Sums of an epoch's losses and right answers.

    Attributes:
        values: Four float64 numbers: the sum of the losses of all images and
            their number, the number of right answers and, again, of images.
            They are those that Keras's own metrics keep, in their order.
    """

    def __init__(self) -> None:
        self.values = np.zeros(4)

    def reset(self) -> None:
        """Begins an epoch."""
        self.values = np.zeros(4)

    def add(self, loss: float, count: float, right: float) -> None:
        """Adds a batch.

        Args:
            loss: Sum of the losses of its images.
            count: Number of its images.
            right: Number of those that are right.
        """
        self.values += [loss, count, right, count]

    def join(self, before: Sequence[float]) -> None:
        """Adds the sums of the batches before an interruption.

        Args:
            before: Four numbers, see `values`.
        """
        self.values = self.values + np.array(before)

    def logs(self) -> dict[str, float]:
        """Returns mean loss and accuracy, by the names that Keras uses."""
        loss, images, right, answers = self.values
        # In this order, in which the columns of a history stand.
        return {"accuracy": right / answers, "loss": loss / images}


class KerasMeters(Meters):
    """The same of a model that Keras's `fit` trains, whose metrics keep them.

    Args:
        model: The model, compiled with accuracy as its only metric.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    @property
    def values(self) -> np.ndarray:  # type: ignore[override]
        """The sums that the model's metrics have come to."""
        kept = self._variables()
        return np.array([float(variable.numpy()) for variable in kept])

    def join(self, before: Sequence[float]) -> None:
        """Adds the sums of the batches before an interruption."""
        for variable, value in zip(self._variables(), before, strict=True):
            variable.assign_add(value)

    def _variables(self) -> list[keras.Variable]:
        return self._model.metrics_variables


def meters_of(model: keras.Model) -> Meters:
    """Returns what takes up the measurements of a training.

    Args:
        model: The model that is trained, compiled.
    """
    if model.distribute_strategy.num_replicas_in_sync > 1:
        return Meters()
    return KerasMeters(model)
