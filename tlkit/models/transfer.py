"""What a transfer network is made of, in one value that routes pass on."""

from __future__ import annotations

import os
from dataclasses import dataclass

import keras

from tlkit.base.image_size import ImageSize, as_height_width
from tlkit.models.bases import build_base, check_base
from tlkit.models.heads import HeadSpec
from tlkit.models.specs import ConvBaseSpec, base_spec


@dataclass(frozen=True)
class TransferNetwork:
    """A conv base and the head on top of it.

    Args:
        base: name of the conv base, one of `tlkit.models.bases.BASES`.
        weights: `"imagenet"`, `"tlkit"`, the path of a `.h5` or
            `.weights.h5` file (`str` or `Path`), or `"none"` for random
            weights; None for those that the base comes with.
        image_size: pixels the base works at, `int` or `(height, width)`;
            None for the base's own default.
        alpha: width multiplier of MobileNet and MobileNetV2.
        pooling: `"flatten"`, `"average"` or `"max"`; None for what suits
            the base.
        units: of the hidden dense layer; 0 leaves it out.
        dropout: share of the hidden units dropped in training, 0 to 1.
        l2: factor of the head's squared weights that is added to the loss.

    Raises:
        UsageError: a value is unknown or out of its range.

    Example:
        >>> TransferNetwork("mobilenet_v2").size
        (224, 224)
    """

    base: str = "vgg16"
    weights: str | os.PathLike[str] | None = None
    image_size: ImageSize | None = None
    alpha: float = 1.0
    pooling: str | None = None
    units: int = 256
    dropout: float = 0.5
    l2: float = 0.0

    def __post_init__(self) -> None:
        # A Path would not fit into a run's config.json.
        weights = self.spec.published if self.weights is None else self.weights
        object.__setattr__(self, "weights", str(weights))
        self.head(2)

    @property
    def spec(self) -> ConvBaseSpec:
        """What is known of the conv base."""
        return base_spec(self.base)

    @property
    def size(self) -> tuple[int, int]:
        """`(height, width)` in pixels that the base works at."""
        return as_height_width(self.image_size or self.spec.image_size)

    @property
    def warning(self) -> str | None:
        """What must be said of a base that has learnt nothing, else None."""
        if self.weights != "none":
            return None
        return (
            f"The conv base {self.base} has random weights: this is not "
            "transfer learning, and the accuracy shows it."
        )

    def check(self) -> None:
        """Raises the UsageErrors of `build_base`, without building it."""
        check_base(self.base, str(self.weights), self.size, self.alpha)

    def build_base(self) -> keras.Model:
        """Builds the conv base with its weights."""
        return build_base(self.base, str(self.weights), self.size, self.alpha)

    def head(self, classes: int) -> HeadSpec:
        """Says what the head is for a number of classes."""
        pooling = self.pooling or self.spec.pooling
        return HeadSpec(classes, pooling, self.units, self.dropout, self.l2)
