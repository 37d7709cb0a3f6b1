"""From the maps of a method to heat maps: as large as the image, 0 to 1."""

from __future__ import annotations

import warnings

import keras
import numpy as np

from tlkit.base.errors import Note


def enlarge(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Interpolates maps to a size, linearly between the centres of cells.

    Args:
        maps: Maps of shape `(batch, height, width)`.
        size: Size of the result, `(height, width)` in pixels.

    Returns:
        float32 maps `(batch, *size)`.
    """
    maps = np.asarray(maps, np.float32)
    if maps.shape[1:] == tuple(size):
        return maps
    # Keras resizes images: a map becomes one of a single channel.
    large = keras.ops.image.resize(maps[..., None], size, "bilinear")
    return np.asarray(large)[..., 0]


def as_heat_maps(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Enlarges maps to the images' size and scales them to 0 to 1.

    Args:
        maps: Maps of shape `(batch, height, width)`. Negative values count
            as 0.
        size: Size of the images, `(height, width)` in pixels.

    Returns:
        float32 heat maps `(batch, *size)`, each with the maximum 1. A map
        without a positive value becomes 0 everywhere, and a `Note`, which is
        a warning, says which images that concerns.
    """
    # Cut off before enlarging: otherwise negative cells would darken their
    # neighbours.
    large = enlarge(np.maximum(maps, 0), size)
    highest = large.max(axis=(1, 2), keepdims=True)
    empty = np.flatnonzero(highest.ravel() <= 0)
    if empty.size:
        numbers = ", ".join(map(str, empty[:5])) + (", ..." * (empty.size > 5))
        warnings.warn(
            f"Nothing speaks for the class in {empty.size} of {len(maps)} "
            f"images (number {numbers}): their heat maps are 0 everywhere.",
            Note,
            stacklevel=3,
        )
    # An epsilon instead would leave maps of tiny values short of 1.
    return large / np.where(highest > 0, highest, 1)
