"""How a small network is trained: everything but the network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import keras

from tlkit.base.choices import check_known
from tlkit.base.errors import UsageError
from tlkit.data.augment import Augmentation
from tlkit.models.specs import PRECISIONS
from tlkit.tensor.fused_adam import FusedAdam

OPTIMIZERS: Mapping[str, Any] = {
    "sgd": keras.optimizers.SGD,
    "momentum": lambda rate, **more: keras.optimizers.SGD(rate, 0.9, **more),
    "adagrad": keras.optimizers.Adagrad,
    "adam": FusedAdam,
}
"""Optimizers by name; "momentum" is SGD with a momentum of 0.9."""

SCHEDULES = ("constant", "cosine")
"""What the learning rate does: it stays, or falls to 0 along a cosine."""

#: Nothing happens to an image unless it is asked for.
_STILL = {
    "rotation_range": 0.0,
    "width_shift_range": 0.0,
    "height_shift_range": 0.0,
    "shear_range": 0.0,
    "zoom_range": 0.0,
    "horizontal_flip": False,
}


@dataclass(frozen=True)
class Recipe:
    """How to train: the parameters that every sweep has.

    Args:
        learning_rate: of the optimizer, 0 or more.
        batch_size: images per step, 1 or more.
        epochs: passes over the training images, 1 or more.
        optimizer: a name in `OPTIMIZERS`.
        schedule: a name in `SCHEDULES`; steps of 0 to `epochs` are the
            cosine's half period (Loshchilov and Hutter, arXiv:1608.03983,
            equation 5, without restarts).
        weight_decay: share of each weight that a step takes away, times the
            learning rate; with "adam" this is AdamW (arXiv:1711.05101).
        label_smoothing: share of a label that is spread over all classes
            (Szegedy and others, arXiv:1512.00567, section 7).
        augmentation: fields of `tlkit.Augmentation` by name, for new random
            views in every epoch; those not named do nothing. None for the
            images as they are.
        image_size: side in pixels to resize to, bilinearly; None for the
            images' own.
        precision: see `tlkit.tensor.strategy.choose_precision`.

    Raises:
        UsageError: a value is out of its range or unknown.
    """

    learning_rate: float = 0.1
    batch_size: int = 256
    epochs: int = 10
    optimizer: str = "sgd"
    schedule: str = "constant"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augmentation: Mapping[str, Any] | None = None
    image_size: int | None = None
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "image_size"):
            _check_count(name, getattr(self, name), name == "image_size")
        for name, below in (
            ("learning_rate", math.inf),
            ("weight_decay", math.inf),
            ("label_smoothing", 1.0),
        ):
            _check_number(name, getattr(self, name), below)
        check_known("optimizer", self.optimizer, OPTIMIZERS)
        check_known("schedule", self.schedule, SCHEDULES)
        check_known("precision", self.precision, PRECISIONS)
        self.make_augmentation()

    def make_augmentation(self) -> Augmentation | None:
        """Returns what may happen to a training image, if anything."""
        if self.augmentation is None:
            return None
        names = [field.name for field in fields(Augmentation)]
        if not isinstance(self.augmentation, Mapping):
            raise UsageError(
                "An augmentation is written as names and values.",
                where="augmentation",
                expected='such as {"horizontal_flip": true}',
                received=repr(self.augmentation),
            )
        for name in self.augmentation:
            check_known("augmentation", name, names)
        return Augmentation(**{**_STILL, **self.augmentation})

    def make_optimizer(self, steps: int) -> keras.Optimizer:
        """Makes the optimizer.

        Args:
            steps: of the whole training, for the schedule.
        """
        rate: Any = self.learning_rate
        if self.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        decay = self.weight_decay or None
        return OPTIMIZERS[self.optimizer](rate, weight_decay=decay)

    def settings(self) -> dict[str, Any]:
        """Returns every parameter by name, as JSON can hold it."""
        return asdict(self)


def _check_count(name: str, value: Any, or_none: bool) -> None:
    if value is None and or_none:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(
            f"{name} is not possible.",
            where=name,
            expected="a whole number, 1 or more",
            received=repr(value),
        )


def _check_number(name: str, value: Any, below: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < below:
        raise UsageError(
            f"{name} is not possible.",
            where=name,
            expected="a number, 0 or more"
            + ("" if math.isinf(below) else f", below {below:g}"),
            received=repr(value),
        )
