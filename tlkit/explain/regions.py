"""The hot region of a heat map: its box, the part cut out, the part covered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from tlkit.base.errors import UsageError


class Box(NamedTuple):
    """A rectangle in pixels. `right` and `bottom` lie just outside of it."""

    left: int
    top: int
    right: int
    bottom: int


#: A box of this share of the map or more points at nothing.
_NEARLY_ALL = 0.9


def hot_box(heat: np.ndarray, threshold: float = 0.5) -> Box | None:
    """Finds the box around the largest connected hot region.

    Zhou et al., "Learning Deep Features for Discriminative Localization"
    (arXiv:1512.04150), section 3.2, localise objects in this way, with a
    threshold of 0.2 of the maximum. Here the threshold lies between the map's
    minimum and its maximum: maps of 3 x 3 cells are often warm everywhere,
    and half of their maximum would be exceeded everywhere, too.

    Args:
        heat: Heat map `(height, width)`, 0 to 1.
        threshold: Share of the way from the map's minimum to its maximum from
            which on a pixel is hot, above 0 and up to 1. A higher threshold
            gives a smaller box.

    Returns:
        The box, or None if no single place stands out: the map is 0
        everywhere, or the box would cover 90 % of it or more.

    Raises:
        UsageError: The threshold is out of its range.

    Example:
        >>> hot_box(np.array([[0.0, 0.1, 0.0], [0.0, 1.0, 0.9]]))
        Box(left=1, top=1, right=3, bottom=2)
    """
    hot = _hot(heat, threshold)
    if not hot.any():
        return None
    # Pixels that touch at a corner only are not connected: scipy's default.
    regions, _ = ndimage.label(hot)
    # Label 0 is the background and is left out of the count.
    largest = np.bincount(regions.ravel())[1:].argmax()
    rows, columns = ndimage.find_objects(regions)[largest]
    box = Box(columns.start, rows.start, columns.stop, rows.stop)
    return None if _area(box) >= _NEARLY_ALL * heat.size else box


def _area(box: Box) -> int:
    return (box.right - box.left) * (box.bottom - box.top)


def crop(
    image: np.ndarray, heat: np.ndarray, threshold: float = 0.5
) -> np.ndarray:
    """Cuts out the box of the hot region.

    Args:
        image: Image `(height, width, channels)`.
        heat: Heat map `(height, width)`, 0 to 1.
        threshold: From where on a pixel is hot; see `hot_box`.

    Returns:
        A copy of that part of the image, or of all of it if there is no box.

    Raises:
        UsageError: Image and heat map differ in size, or the threshold is out
            of its range.
    """
    _check_sizes(image, heat)
    box = hot_box(heat, threshold)
    if box is None:
        return image.copy()
    return image[box.top : box.bottom, box.left : box.right].copy()


def erase(
    image: np.ndarray, heat: np.ndarray, threshold: float = 0.5
) -> np.ndarray:
    """Covers every hot pixel with the image's mean colour.

    If a network still finds the class afterwards, it finds it elsewhere. Wei
    et al., "Object Region Mining with Adversarial Erasing" (arXiv:1703.08448).

    Args:
        image: Image `(height, width, channels)`.
        heat: Heat map `(height, width)`, 0 to 1.
        threshold: From where on a pixel is hot; see `hot_box`.

    Returns:
        A new image of the same shape and dtype.

    Raises:
        UsageError: Image and heat map differ in size, or the threshold is out
            of its range.
    """
    _check_sizes(image, heat)
    erased = image.copy()
    colour = image.mean(axis=(0, 1))
    # `astype` would cut off the fraction and make the colour darker.
    if np.issubdtype(image.dtype, np.integer):
        colour = colour.round()
    erased[_hot(heat, threshold)] = colour.astype(image.dtype)
    return erased


def _hot(heat: np.ndarray, threshold: float) -> np.ndarray:
    if not 0 < threshold <= 1:
        raise UsageError(
            "The threshold must be a share of the heat map's range.",
            where="threshold",
            expected="above 0, up to 1",
            received=threshold,
        )
    # Without the second part, a map that is 0 everywhere would be hot all over.
    lowest, highest = heat.min(), heat.max()
    return (heat >= lowest + threshold * (highest - lowest)) & (heat > 0)


def _check_sizes(image: np.ndarray, heat: np.ndarray) -> None:
    if image.shape[:2] != heat.shape:
        raise UsageError(
            "The image and its heat map differ in size.",
            where="heat",
            expected=image.shape[:2],
            received=heat.shape,
        )
