"""Optimizers, schedules and losses by name.

To add one, write its function and a line in its table. Keras is imported only
when one is made, so that help and errors can list the names without waiting
for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlkit.base.errors import UsageError

if TYPE_CHECKING:
    import keras


def _sgd(rate: Any, decay: float | None) -> keras.Optimizer:
    import keras

    return keras.optimizers.SGD(rate, weight_decay=decay)


def _momentum(rate: Any, decay: float | None) -> keras.Optimizer:
    import keras

    return keras.optimizers.SGD(rate, 0.9, weight_decay=decay)


def _adagrad(rate: Any, decay: float | None) -> keras.Optimizer:
    import keras

    return keras.optimizers.Adagrad(rate, weight_decay=decay)


def _adam(rate: Any, decay: float | None) -> keras.Optimizer:
    # The same numbers as Keras's own, sooner.
    from tlkit.tensor.fused_adam import FusedAdam

    return FusedAdam(rate, weight_decay=decay)


def _rmsprop(rate: Any, decay: float | None) -> keras.Optimizer:
    import keras

    return keras.optimizers.RMSprop(rate, weight_decay=decay)


OPTIMIZERS: Mapping[str, Callable[[Any, float | None], keras.Optimizer]] = {
    "adam": _adam,
    "sgd": _sgd,
    "momentum": _momentum,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
}
"""Optimizers by name; "momentum" is SGD with a momentum of 0.9."""


def _constant(rate: float, steps: int) -> Any:
    return rate


def _cosine(rate: float, steps: int) -> Any:
    import keras

    return keras.optimizers.schedules.CosineDecay(rate, steps)


def _warm_cosine(rate: float, steps: int) -> Any:
    import keras

    # A fifth at most, or a short training would only warm up.
    warm_up = min(200, steps // 5)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        steps - warm_up,
        alpha=0.01,
        warmup_target=rate,
        warmup_steps=warm_up,
    )


SCHEDULES: Mapping[str, Callable[[float, int], Any]] = {
    "constant": _constant,
    "cosine": _cosine,
    "warm_cosine": _warm_cosine,
}
"""Schedules by name: how the learning rate changes from step to step.

"constant" does not change it. "cosine" lets it fall to 0 along half a period
of the cosine (Loshchilov and Hutter, arXiv:1608.03983, equation 5, without
restarts). "warm_cosine" first raises it from 0, over a fifth of the steps but
200 at most, and then lets it fall to a hundredth.
"""


@dataclass(frozen=True)
class Loss:
    """The functions that make a loss, one for each form of labels.

    Args:
        integer: Function that makes the loss for labels that are class
            numbers; None if the loss needs one-hot labels.
        one_hot: Function that makes the loss for one-hot labels from the
            label smoothing, 0 to below 1.
    """

    integer: Callable[[], Any] | None
    one_hot: Callable[[float], Any]


def _one_hot_crossentropy(smoothing: float) -> Any:
    import keras

    return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)


def _focal_crossentropy(smoothing: float) -> Any:
    import keras

    return keras.losses.CategoricalFocalCrossentropy(label_smoothing=smoothing)


LOSSES: Mapping[str, Loss] = {
    "crossentropy": Loss(
        lambda: "sparse_categorical_crossentropy", _one_hot_crossentropy
    ),
    "focal": Loss(None, _focal_crossentropy),
}
"""Losses by name.

"focal" gives little weight to images that the model classifies well already
(Lin and others, arXiv:1708.02002, equation 5).
"""

LABELS = ("integer", "one_hot")
"""Forms of labels: the number of the class, or one value for each class."""


def label_form(loss: str, labels: str | None, smoothing: float) -> str:
    """Returns the form in which labels are given to a loss.

    Args:
        loss: Name of the loss, a key of `LOSSES`.
        labels: The form that is asked for, one of `LABELS`. None takes the
            simpler one, integers, where the loss allows it.
        smoothing: Label smoothing, 0 to below 1. Any above 0 needs one-hot
            labels, as it spreads a label over all classes.

    Raises:
        UsageError: The loss cannot be computed from labels of this form.

    Example:
        >>> label_form("crossentropy", None, 0.1)
        'one_hot'
    """
    possible = LOSSES[loss].integer is not None and not smoothing
    if labels == "integer" and not possible:
        raise UsageError(
            "This loss needs one-hot labels.",
            where="labels",
            expected="one_hot, or leave it out",
            received=f"integer, with loss {loss} and label smoothing "
            f"{smoothing:g}",
        )
    return labels or ("integer" if possible else "one_hot")


def rate_of(optimizer: Mapping[str, Any]) -> float:
    """Returns the learning rate of a serialised Keras optimizer.

    Args:
        optimizer: The mapping that `keras.optimizers.serialize` returns.

    Returns:
        The learning rate; of a schedule the one of the first step.
    """
    rate = optimizer["config"]["learning_rate"]
    if not isinstance(rate, Mapping):
        return float(rate)
    import keras

    return float(keras.optimizers.schedules.deserialize(dict(rate))(0))
