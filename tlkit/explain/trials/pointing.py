"""Do maps lie on what tells classes apart, where that is known?"""

from __future__ import annotations

import numpy as np

from tlkit.base.errors import UsageError
from tlkit.explain.opened.heat import enlarge


def pointing_game(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Says of which images the hottest pixel lies in the mask.

    Zhang et al., "Top-down Neural Attention by Excitation Backprop"
    (arXiv:1608.00507), section 4.1, without their margin of 15 pixels. Of
    several pixels that are equally hot, more than half must lie in the mask:
    a map that is the same everywhere points at nothing.

    Args:
        maps: `(batch, height, width)`.
        masks: bool, of the same shape; True on what is to be found.

    Returns:
        bool `(batch,)`.

    Raises:
        UsageError: the shapes differ, or a mask is empty.
    """
    maps, masks = _check(maps, masks)
    hottest = maps == maps.max(axis=1, keepdims=True)
    return 2 * (hottest & masks).sum(axis=1) > hottest.sum(axis=1)


def overlap(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Measures each map's intersection over union with its mask, equal areas.

    As many of the hottest pixels as the mask has are laid against the mask:
    no threshold has to be chosen, and a map gains nothing by being wide or
    narrow. Of equally hot pixels at the limit each counts in part, which is
    what drawing lots among them would give on average.

    Args:
        maps: `(batch, height, width)`.
        masks: bool, of the same shape; True on what is to be found.

    Returns:
        float64 `(batch,)`, 0 to 1.

    Raises:
        UsageError: the shapes differ, or a mask is empty.
    """
    maps, masks = _check(maps, masks)
    area = masks.sum(axis=1)
    ranked = -np.sort(-maps, axis=1)
    limit = np.take_along_axis(ranked, area[:, None] - 1, axis=1)
    above, level = maps > limit, maps == limit
    share = (area - above.sum(axis=1)) / level.sum(axis=1)
    common = (above & masks).sum(axis=1) + share * (level & masks).sum(axis=1)
    return common / (2 * area - common)


def _check(
    maps: np.ndarray, masks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    maps, masks = np.asarray(maps), np.asarray(masks, bool)
    if maps.ndim != 3 or maps.shape != masks.shape:
        raise UsageError(
            "Each map needs a mask of its size.",
            where="masks",
            expected=f"shape {maps.shape}, (batch, height, width)",
            received=masks.shape,
        )
    flat = masks.reshape(len(masks), -1)
    if not flat.any(axis=1).all():
        raise UsageError(
            "There is nothing to be found in an empty mask.",
            where=f"masks[{int(np.argmin(flat.any(axis=1)))}]",
            expected="one True or more",
        )
    return maps.reshape(len(maps), -1), flat


def centre_maps(shape: tuple[int, int, int]) -> np.ndarray:
    """Draws maps that are hottest in the middle, whatever the image.

    Photographers put their subject there: what knows more than that must
    beat these maps.

    Args:
        shape: `(batch, height, width)`.

    Returns:
        float32 of that shape, 1 in the middle to 0 in the corners.
    """
    count, *sides = shape
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in sides)
    distance = np.hypot(rows[:, None], columns)
    one = 1 - distance / max(distance.max(), 1)
    return np.tile(one.astype(np.float32), (count, 1, 1))


def random_maps(
    shape: tuple[int, int, int], cells: tuple[int, int], seed: int = 0
) -> np.ndarray:
    """Draws maps by lot.

    Args:
        shape: `(batch, height, width)`.
        cells: `(height, width)` of the feature map that they stand for, each
            of whose cells is drawn; the image's own for one draw a pixel.
        seed: other maps for another one.

    Returns:
        float32 of that shape, 0 to 1.
    """
    count, *size = shape
    draws = np.random.default_rng(seed).random((count, *cells), np.float32)
    return enlarge(draws, tuple(size))
