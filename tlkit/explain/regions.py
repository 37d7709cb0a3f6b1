"""The hot region of a heat map: where it lies, cut out, covered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from tlkit.base.errors import UsageError


class Box(NamedTuple):
    """A rectangle in pixels; right and bottom are just outside of it."""

    left: int
    top: int
    right: int
    bottom: int


def hot_box(heat: np.ndarray, threshold: float = 0.5) -> Box | None:
    """Bounds the largest connected hot region: weak localisation.

    Zhou et al., "Learning Deep Features for Discriminative Localization"
    (arXiv:1512.04150), section 3.2, where the threshold is 0.2.

    Args:
        heat: `(height, width)`, 0 to 1.
        threshold: share of the maximum from which on a pixel is hot, above 0
            to 1.

    Returns:
        The box; None if the map is 0 everywhere.

    Raises:
        UsageError: the threshold is out of its range.

    Example:
        >>> hot_box(np.array([[0.0, 0.1, 0.0], [0.0, 1.0, 0.9]]))
        Box(left=1, top=1, right=3, bottom=2)
    """
    hot = _hot(heat, threshold)
    if not hot.any():
        return None
    regions, _ = ndimage.label(hot)
    largest = np.bincount(regions.ravel())[1:].argmax()
    rows, columns = ndimage.find_objects(regions)[largest]
    return Box(columns.start, rows.start, columns.stop, rows.stop)


def crop(
    image: np.ndarray, heat: np.ndarray, threshold: float = 0.5
) -> np.ndarray:
    """Cuts out the box of the hot region.

    Args:
        image: `(height, width, channels)`.
        heat: `(height, width)`, 0 to 1.
        threshold: see `hot_box`.

    Returns:
        The part of the image, a copy; all of it if nothing is hot.

    Raises:
        UsageError: the sizes differ, or the threshold is out of its range.
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

    What a network still finds afterwards, it finds elsewhere: Wei et al.,
    "Object Region Mining with Adversarial Erasing" (arXiv:1703.08448).

    Args:
        image: `(height, width, channels)`.
        heat: `(height, width)`, 0 to 1.
        threshold: see `hot_box`.

    Returns:
        A new image of the same shape and dtype.

    Raises:
        UsageError: the sizes differ, or the threshold is out of its range.
    """
    _check_sizes(image, heat)
    erased = image.copy()
    colour = image.mean(axis=(0, 1))
    if np.issubdtype(image.dtype, np.integer):
        colour = colour.round()
    erased[_hot(heat, threshold)] = colour.astype(image.dtype)
    return erased


def _hot(heat: np.ndarray, threshold: float) -> np.ndarray:
    if not 0 < threshold <= 1:
        raise UsageError(
            "The threshold is a share of the map's maximum.",
            where="threshold",
            expected="above 0, up to 1",
            received=threshold,
        )
    return (heat >= threshold * heat.max()) & (heat > 0)


def _check_sizes(image: np.ndarray, heat: np.ndarray) -> None:
    if image.shape[:2] != heat.shape:
        raise UsageError(
            "The image and its heat map differ in size.",
            where="heat",
            expected=image.shape[:2],
            received=heat.shape,
        )
