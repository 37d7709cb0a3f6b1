"""Sizes of images, and how images of other shapes are brought to them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tlkit.base.choices import check_known
from tlkit.base.errors import UsageError

STRETCH, CROP, PAD = "stretch", "crop", "pad"

FITS = (STRETCH, CROP, PAD)
"""How an image of another shape is brought to a size; see `Frame`."""


class Window(NamedTuple):
    """A rectangle of an image, in pixels; it may reach beyond its edges.

    Attributes:
        top: First row; negative if rows of a border come before the image.
        bottom: The row after the last.
        left: First column; negative if a border comes before the image.
        right: The column after the last.
    """

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """The `(height, width)` of the rectangle."""
        return self.bottom - self.top, self.right - self.left

    def reduced(
        self, reduction: int, size: tuple[int, int], small: Sequence[int]
    ) -> Window:
        """Returns the window in the same image at a fraction of its size.

        Args:
            reduction: What the sides of the image were divided by.
            size: `(height, width)` of the whole image.
            small: Shape of the reduced image, of whole pixels.
        """
        return Window(
            round(self.top / reduction),
            small[0] - round((size[0] - self.bottom) / reduction),
            round(self.left / reduction),
            small[1] - round((size[1] - self.right) / reduction),
        )


@dataclass(frozen=True)
class Frame:
    """The rectangle of pixels to which a network wants every image brought.

    It goes wherever images are read. The size alone would not do, as an
    image that is stretched differs from one that is cropped.

    Args:
        height: Height in pixels, 1 or more.
        width: Width in pixels, 1 or more.
        fit: What happens to an image of another shape. `"stretch"` changes
            its aspect ratio, as Keras does. `"crop"` cuts off what is too
            much, equally at both sides. `"pad"` adds equal black borders.
            Both keep the aspect ratio.

    Raises:
        UsageError: The fit is none of `FITS`.
    """

    height: int
    width: int
    fit: str = STRETCH

    def __post_init__(self) -> None:
        check_known("fit", self.fit, FITS)

    @property
    def size(self) -> tuple[int, int]:
        """The `(height, width)` in pixels."""
        return self.height, self.width

    def settings(self) -> dict[str, Any]:
        """Returns size and fit as they are kept in keys and model files."""
        # A stretched image needs no word: so were all before there were
        # other fits, and what was stored then shall be found again.
        fit = {} if self.fit == STRETCH else {"fit": self.fit}
        return {"image_size": list(self.size), **fit}

    def window(self, height: int, width: int) -> Window:
        """Returns the rectangle of an image that is resized into the frame.

        It is the one that the `Resizing` layer of Keras takes, to the pixel.

        Args:
            height: Height of the image in pixels.
            width: Width of the image in pixels.

        Example:
            >>> Frame(100, 100, "crop").window(60, 80)
            Window(top=0, bottom=60, left=10, right=70)
            >>> Frame(100, 100, "pad").window(60, 80)
            Window(top=-10, bottom=70, left=0, right=80)
        """
        if self.fit == STRETCH:
            return Window(0, height, 0, width)
        # What the other side would have to be.
        rows = _whole(width * self.height, self.width)
        columns = _whole(height * self.width, self.height)
        if self.fit == CROP:
            rows, columns = min(height, rows), min(width, columns)
            rows, columns = max(rows, 1), max(columns, 1)
            top, left = (height - rows) // 2, (width - columns) // 2
            return Window(top, top + rows, left, left + columns)
        top = (max(height, rows) - height) // 2
        left = (max(width, columns) - width) // 2
        return Window(-top, height + top, -left, width + left)


def _whole(number: int, divisor: int) -> int:
    """Divides and drops the fraction, in float32 as the layer does."""
    # Imported here, as the command's help does without NumPy.
    import numpy as np

    return int(np.float32(number) / np.float32(divisor))


ImageSize = int | Sequence[int] | Frame
"""One number for a square, or `(height, width)`, in pixels, to which images
are stretched; or a `Frame`, which says how else they are brought to it."""


def as_frame(image_size: ImageSize) -> Frame:
    """Returns an image size as a frame; a size alone means stretching.

    Args:
        image_size: A number or a pair, as for `as_height_width`; or a frame,
            which is returned as it is.

    Raises:
        UsageError: The size is none of them.
    """
    if isinstance(image_size, Frame):
        return image_size
    return Frame(*as_height_width(image_size))


def as_height_width(image_size: int | Sequence[int]) -> tuple[int, int]:
    """Returns an image size as `(height, width)`.

    Args:
        image_size: One number for a square, or a pair `(height, width)`, in
            pixels, each at least 1.

    Returns:
        The `(height, width)` as plain integers.

    Raises:
        UsageError: The size is neither.

    Example:
        >>> as_height_width(150), as_height_width([96, 128])
        ((150, 150), (96, 128))
    """
    try:
        pair = _pair(image_size)
    except (TypeError, ValueError):
        pair = None
    if pair is None or min(pair) < 1:
        raise UsageError(
            "This is not an image size.",
            expected="a whole number of pixels, or (height, width)",
            received=repr(image_size),
            remedy="Pass for example 150 or (120, 160).",
        )
    return pair


def _pair(image_size: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(image_size, Sequence):
        height, width = image_size
    else:
        height = width = image_size
    # `operator.index` takes NumPy's integers and refuses 150.5, which int()
    # would silently cut; True and False are integers to Python only.
    if isinstance(height, bool) or isinstance(width, bool):
        raise TypeError("a truth value is not a number of pixels")
    return operator.index(height), operator.index(width)
