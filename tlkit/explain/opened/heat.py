"""From raw maps to heat maps: enlarged, 0 to 1."""

from __future__ import annotations

import warnings

import keras
import numpy as np

from tlkit.base.errors import Note


def enlarge(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Interpolates maps to a size, linearly between the centres of cells.

    Args:
        maps: `(batch, height, width)`.
        size: `(height, width)` in pixels.

    Returns:
        float32 `(batch, *size)`.
    """
    maps = np.asarray(maps, np.float32)
    if maps.shape[1:] == tuple(size):
        return maps
    large = keras.ops.image.resize(maps[..., None], size, "bilinear")
    return np.asarray(large)[..., 0]


def as_heat_maps(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Enlarges maps to the images' size and scales them to 0 to 1.

    Args:
        maps: `(batch, height, width)`; negative values count as 0.
        size: `(height, width)` in pixels.

    Returns:
        float32 `(batch, *size)`; each map's maximum is 1. A map without a
        positive value is 0 everywhere, and a `Note` (a warning) says which.
    """
    large = enlarge(np.maximum(maps, 0), size)
    highest = large.max(axis=(1, 2), keepdims=True)
    empty = np.flatnonzero(highest.ravel() <= 0)
    if empty.size:
        numbers = ", ".join(map(str, empty[:5])) + (", ..." * (empty.size > 5))
        warnings.warn(
            f"Nothing speaks for the class in {empty.size} of {len(maps)} "
            f"images (number {numbers}): their maps are 0 everywhere.",
            Note,
            stacklevel=3,
        )
    return large / np.where(highest > 0, highest, 1)
