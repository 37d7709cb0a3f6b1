"""Do heat maps lie on what tells classes apart, where that is known?"""

from __future__ import annotations

import numpy as np

from tlkit.base.errors import UsageError
from tlkit.explain.opened.heat import enlarge


def pointing_game(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Says for each image whether the hottest pixel lies in its mask.

    Zhang et al., "Top-down Neural Attention by Excitation Backprop"
    (arXiv:1608.00507), section 4.1, without their margin of 15 pixels. Of
    several pixels that are equally hot, more than half must lie in the mask.
    Thus a map that is the same everywhere does not hit a small mask.

    Args:
        maps: Heat maps `(batch, height, width)`.
        masks: Masks as bool, of the same shape: True where the heat maps
            should be hot.

    Returns:
        bool `(batch,)`: True where the heat map hits its mask.

    Raises:
        UsageError: The shapes differ, or a mask is empty.
    """
    maps, masks = _check(maps, masks)
    hottest = maps == maps.max(axis=1, keepdims=True)
    return 2 * (hottest & masks).sum(axis=1) > hottest.sum(axis=1)


def overlap(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Measures each map's intersection over union with its mask, equal areas.

    Of the heat map as many pixels are taken as the mask has, the hottest
    first. No threshold has to be chosen, and a map gains nothing by being wide
    or narrow. Where several equally hot pixels compete for the last places,
    each counts in part: the mean over all choices among them.

    Args:
        maps: Heat maps `(batch, height, width)`.
        masks: Masks as bool, of the same shape: True where the heat maps
            should be hot.

    Returns:
        float64 overlaps `(batch,)`, 0 to 1.

    Raises:
        UsageError: The shapes differ, or a mask is empty.
    """
    maps, masks = _check(maps, masks)
    area = masks.sum(axis=1)
    ranked = -np.sort(-maps, axis=1)
    limit = np.take_along_axis(ranked, area[:, None] - 1, axis=1)
    above, level = maps > limit, maps == limit
    # The places left after the hotter pixels are shared by the equally hot.
    share = (area - above.sum(axis=1)) / level.sum(axis=1)
    common = (above & masks).sum(axis=1) + share * (level & masks).sum(axis=1)
    # Both sides have `area` pixels, so their union has 2 area - common.
    return common / (2 * area - common)


def _check(
    maps: np.ndarray, masks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    maps, masks = np.asarray(maps), np.asarray(masks, bool)
    if maps.ndim != 3 or maps.shape != masks.shape:
        raise UsageError(
            "Each heat map needs a mask of its size.",
            where="masks",
            expected=f"shape {maps.shape}, (batch, height, width)",
            received=masks.shape,
        )
    flat = masks.reshape(len(masks), -1)
    if not flat.any(axis=1).all():
        raise UsageError(
            "The mask is empty: there is nothing to find.",
            where=f"masks[{int(np.argmin(flat.any(axis=1)))}]",
            expected="one True or more",
        )
    return maps.reshape(len(maps), -1), flat


def centre_maps(shape: tuple[int, int, int]) -> np.ndarray:
    """Draws heat maps that are hottest in the middle, whatever the image.

    They are a baseline: photographers put their subject in the middle, so a
    method that explains anything must do better.

    Args:
        shape: Shape of the result, `(batch, height, width)`.

    Returns:
        float32 maps of that shape, from 1 in the middle to 0 in the corners.
    """
    count, *sides = shape
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in sides)
    distance = np.hypot(rows[:, None], columns)
    # At least 1, for a map of a single pixel, whose distance is 0.
    one = 1 - distance / max(distance.max(), 1)
    return np.tile(one.astype(np.float32), (count, 1, 1))


def random_maps(
    shape: tuple[int, int, int], cells: tuple[int, int], seed: int = 0
) -> np.ndarray:
    """Draws random heat maps, as a baseline.

    Args:
        shape: Shape of the result, `(batch, height, width)`.
        cells: Number of cells, `(height, width)`. One value is drawn for each
            and enlarged to the image, as if the map came from a feature map of
            this size. With the image's own size, each pixel has its own value.
        seed: Seed of the random values. The same seed gives the same maps.

    Returns:
        float32 maps of that shape, 0 to 1.
    """
    count, *size = shape
    draws = np.random.default_rng(seed).random((count, *cells), np.float32)
    return enlarge(draws, tuple(size))
