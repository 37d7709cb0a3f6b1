"""Optimizers, schedules and losses by name.

A new one is one function and one line of its table. Keras is imported when
one is made, so that the names can be listed without it.
"""

from __future__ import annotations

import math
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
"""What the learning rate does over the steps of a training.

"cosine" lets it fall to 0 along half a period (Loshchilov and Hutter,
arXiv:1608.03983, equation 5, without restarts). "warm_cosine" first raises
it from 0 for a fifth of the steps, 200 at most, and ends at a hundredth.
"""


@dataclass(frozen=True)
class Loss:
    """How a loss is computed from each form of labels.

    Args:
        integer: Makes the loss for labels that are class numbers; None if
            it needs one-hot labels.
        one_hot: Makes it for one-hot labels, given the label smoothing.
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

"focal" gives little weight to images that are right already (Lin and others,
arXiv:1708.02002, equation 5).
"""

LABELS = ("integer", "one_hot")
"""Forms of labels: the class's number, or one value a class."""


def label_form(loss: str, labels: str | None, smoothing: float) -> str:
    """Says in which form labels are given to a loss.

    Args:
        loss: A key of `LOSSES`.
        labels: One of `LABELS`; None for the simplest that will do.
        smoothing: Label smoothing, which needs one-hot labels.

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
            expected="one_hot, or nothing",
            received=f"integer, with loss {loss} and label smoothing "
            f"{smoothing:g}",
        )
    return labels or ("integer" if possible else "one_hot")


def rate_of(optimizer: Mapping[str, Any]) -> float:
    """Returns the learning rate that a serialised Keras optimizer has.

    A schedule's is the one that it begins with.
    """
    rate = optimizer.get("config", {}).get("learning_rate", math.nan)
    if isinstance(rate, Mapping):
        rate = rate.get("config", {}).get("initial_learning_rate", math.nan)
    return float(rate)
