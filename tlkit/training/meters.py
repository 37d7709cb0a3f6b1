"""What is measured in an epoch so far, which a checkpoint keeps."""

from __future__ import annotations

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

    def add_earlier(self, values: np.ndarray) -> None:
        """Adds the sums of batches that were seen before an interruption.

        Call it after the first batch that is seen again. The order in which
        two numbers are added does not change their sum.

        Args:
            values: Four numbers, see `values`.
        """
        self.values += values

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

    def add_earlier(self, values: np.ndarray) -> None:
        """Adds the sums of batches that were seen before an interruption."""
        # Keras makes these variables with the first step.
        for variable, value in zip(self._variables(), values, strict=True):
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
