"""Reads image sizes, which are one number or a pair."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from tlkit.base.errors import UsageError

ImageSize = int | Sequence[int]
"""One number for a square, or `(height, width)`, in pixels."""


def as_height_width(image_size: ImageSize) -> tuple[int, int]:
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


def _pair(image_size: ImageSize) -> tuple[int, int]:
    if isinstance(image_size, Sequence):
        height, width = image_size
    else:
        height = width = image_size
    # `operator.index` takes NumPy's integers and refuses 150.5, which int()
    # would silently cut; True and False are integers to Python only.
    if isinstance(height, bool) or isinstance(width, bool):
        raise TypeError("a truth value is not a number of pixels")
    return operator.index(height), operator.index(width)
