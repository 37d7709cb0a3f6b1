"""What may happen to a training image, in words that options share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from tlkit.base.choices import check_known
from tlkit.base.errors import UsageError
from tlkit.base.fields import Checked, Option, field
from tlkit.data.ranges import Range, factors, read_pair, read_range

# `tlkit --help` reads the fields below and needs neither NumPy nor OpenCV.
if TYPE_CHECKING:
    import numpy as np

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
"""What stands beyond the border of an image that was moved."""


def _factor_of(what: str) -> Option:
    return Option(
        f"Multiply {what} by a factor from LOW,HIGH.",
        at_least=0,
        parse=read_pair,
        metavar="LOW,HIGH",
    )


@dataclass(frozen=True)
class Augmentation(Checked):
    """What may happen to a training image.

    Every field but `flip` has the meaning that Keras's `ImageDataGenerator`
    gives the parameter of the same name with `_range` behind it; `flip` is
    its `horizontal_flip`. The defaults are those of *Deep Learning with
    Python* (1st edition, listing 5.11), which suit photographs of animals.
    Text, X-rays and plates are other: see `AUGMENTATIONS`.

    Args:
        rotation: Degrees. The angle is drawn evenly from plus or minus this.
        width_shift: Share of the width by which the image moves at most,
            left or right; 1 or more counts pixels.
        height_shift: Share of the height by which the image moves at most,
            up or down; 1 or more counts pixels.
        shear: Degrees. The angle is drawn evenly from plus or minus this.
        zoom: `z` for factors between `1 - z` and `1 + z`, or
            `(low, high)`; above 1 more of the scene is seen. Drawn for each
            axis apart.
        flip: Whether half of the views are mirrored left to right.
        vertical_flip: Whether half of the views are mirrored top to bottom.
        fill_mode: What stands beyond the border: `"nearest"`, `"constant"`
            (black), `"reflect"` or `"wrap"`.
        brightness: `(low, high)`, factor of all values. None changes nothing.
        contrast: `(low, high)`, factor of the distance from the image's mean
            gray. None changes nothing.
        saturation: `(low, high)`, factor of the distance from gray. None
            changes nothing.
        channel_shift: What is added to each channel lies in plus or minus
            this, of 255.

    Raises:
        UsageError: A range is negative or not in order, or there is no such
            fill mode.

    Example:
        >>> import numpy as np
        >>> image = np.zeros((8, 8, 3), np.uint8)
        >>> Augmentation()(image, seed=0, image_id=7, view=3).shape
        (8, 8, 3)
    """

    rotation: float = field(
        40.0, Option("Turn by up to this many degrees.", at_least=0)
    )
    width_shift: float = field(
        0.2,
        Option("Move sideways by up to this share of the width.", at_least=0),
    )
    height_shift: float = field(
        0.2,
        Option(
            "Move up or down by up to this share of the height.", at_least=0
        ),
    )
    shear: float = field(
        0.2, Option("Slant by up to this many degrees.", at_least=0)
    )
    zoom: float | Range = field(
        0.2,
        Option(
            "Zoom by up to this share, or by a factor from LOW,HIGH.",
            at_least=0,
            parse=read_range,
            metavar="SHARE|LOW,HIGH",
        ),
    )
    flip: bool = field(True, Option("Mirror half of the views left to right."))
    vertical_flip: bool = field(
        False, Option("Mirror half of the views top to bottom.")
    )
    fill_mode: str = field(
        "nearest",
        Option(
            "What stands beyond the border of a moved image.",
            choices=lambda: FILL_MODES,
        ),
    )
    brightness: Range | None = field(None, _factor_of("all values"))
    contrast: Range | None = field(
        None, _factor_of("the distance from the mean gray")
    )
    saturation: Range | None = field(None, _factor_of("the distance from gray"))
    channel_shift: float = field(
        0.0, Option("Add up to this much, of 255, to each colour.", at_least=0)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("zoom", "brightness", "contrast", "saturation"):
            self._check_factors(name)

    def _check_factors(self, name: str) -> None:
        value = getattr(self, name)
        low, high = factors(value)
        zoom = name == "zoom"
        if not 0 <= low <= high or (zoom and low == 0):
            raise UsageError(
                f"{name} is not a range of factors.",
                where=name,
                expected="(low, high) with 0 < low <= high, or z in [0, 1)"
                if zoom
                else "(low, high) with 0 <= low <= high",
                received=value,
            )

    @property
    def changes_nothing(self) -> bool:
        """Whether every view of an image is the image as it is."""
        return replace(self, fill_mode="nearest") == AUGMENTATIONS["none"]

    def settings(self) -> dict[str, Any]:
        """Returns the fields by name, as JSON can hold them."""
        return asdict(self)

    def __call__(
        self, image: np.ndarray, *, seed: int, image_id: int, view: int
    ) -> np.ndarray:
        """Returns view number `view` of an image: always the same one.

        Args:
            image: uint8 array of shape `(height, width, 3)`.
            seed: Seed of the run.
            image_id: Which image it is, 0 or more. tlkit takes it from the
                image's content, so that a renamed file keeps its views.
            view: Which view, 0 or more; in training, the epoch.

        Returns:
            uint8 array of the same shape.
        """
        from tlkit.data.warp import draw_view

        return draw_view(self, image, seed, image_id, view)


AUGMENTATIONS: Mapping[str, Augmentation] = {
    "book": Augmentation(),
    "mild": Augmentation(
        rotation=10.0,
        width_shift=0.1,
        height_shift=0.1,
        shear=0.0,
        zoom=0.1,
        flip=False,
    ),
    "none": Augmentation(
        rotation=0.0,
        width_shift=0.0,
        height_shift=0.0,
        shear=0.0,
        zoom=0.0,
        flip=False,
    ),
}
"""Augmentations by name.

`book` suits photographs of things that have no right side. `mild` turns and
moves a little and mirrors nothing: for handwriting, text, plates, X-rays.
"""


def make_augmentation(
    given: str | Mapping[str, Any], otherwise: str = "none"
) -> Augmentation:
    """Makes an augmentation of a name, or of fields by name.

    Args:
        given: A key of `AUGMENTATIONS`; or fields of `Augmentation`, among
            them perhaps `preset`, a key of `AUGMENTATIONS` that says what
            the fields that are not named are.
        otherwise: The preset where none is named.

    Raises:
        UsageError: A name is unknown, or a value out of its range.

    Example:
        >>> make_augmentation({"preset": "mild", "rotation": 5}).rotation
        5.0
    """
    named = {"preset": given} if isinstance(given, str) else dict(given)
    preset = named.pop("preset", otherwise)
    check_known("augmentation", preset, AUGMENTATIONS)
    for name in named:
        check_known(
            "augmentation", name, [own.name for own in fields(Augmentation)]
        )
    return replace(AUGMENTATIONS[preset], **named)


@dataclass(frozen=True)
class View:
    """A random view of every image, and which.

    Args:
        augmentation: What may happen to an image.
        seed: Seed of the run.
        number: Which view, 0 or more; end to end it would be the epoch.
    """

    augmentation: Augmentation
    seed: int
    number: int
