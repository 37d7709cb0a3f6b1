"""Max and average pooling, and how the gradient goes back through them.

Pooling learns nothing. Its gradient says who was responsible: after a maximum
the one that was largest, after an average all of the window alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tlkit.sums.sizes import Padding, output_size, padding_places

#: Row and column of an output, and the window of the input that it pools.
_Place = tuple[int, int, slice, slice]


def max_pool2d(
    images: np.ndarray, size: int, stride: int, padding: Padding = "valid"
) -> np.ndarray:
    """Keeps the largest value of every window.

    Args:
        images: `(batch, height, width, channels)`.
        size: side of the window.
        stride: places from one window to the next; below `size` they overlap.
        padding: `"valid"`, `"same"` or a number; padding is never the maximum.

    Returns:
        `(batch, output height, output width, channels)`.
    """
    output = _empty_output(images, size, stride, padding)
    for i, j, rows, columns in _places(images, size, stride, padding):
        output[:, i, j] = images[:, rows, columns].max(axis=(1, 2))
    return output


def max_pool2d_gradient(
    images: np.ndarray,
    upstream: np.ndarray,
    size: int,
    stride: int,
    padding: Padding = "valid",
) -> np.ndarray:
    """Sends each output's gradient to the input that was the largest.

    Args:
        images: what was pooled, `(batch, height, width, channels)`.
        upstream: gradient with respect to the output, of the output's shape.
        size: side of the window.
        stride: places from one window to the next.
        padding: as it was pooled.

    Returns:
        The gradient with respect to `images`, of their shape. Of equal
        maxima the first, row by row, has it all.
    """
    gradient = np.zeros(images.shape)
    batch, channels = np.ogrid[: images.shape[0], : images.shape[3]]
    for i, j, rows, columns in _places(images, size, stride, padding):
        window = images[:, rows, columns]
        flat = window.reshape(len(window), -1, window.shape[-1])
        row, column = np.divmod(flat.argmax(axis=1), window.shape[2])
        place = (batch, rows.start + row, columns.start + column, channels)
        gradient[place] += upstream[:, i, j]
    return gradient


def average_pool2d(
    images: np.ndarray, size: int, stride: int, padding: Padding = "valid"
) -> np.ndarray:
    """Averages every window.

    Args:
        images: `(batch, height, width, channels)`.
        size: side of the window.
        stride: places from one window to the next; below `size` they overlap.
        padding: `"valid"`, `"same"` or a number; padding is not averaged.

    Returns:
        `(batch, output height, output width, channels)`.
    """
    output = _empty_output(images, size, stride, padding)
    for i, j, rows, columns in _places(images, size, stride, padding):
        output[:, i, j] = images[:, rows, columns].mean(axis=(1, 2))
    return output


def average_pool2d_gradient(
    images: np.ndarray,
    upstream: np.ndarray,
    size: int,
    stride: int,
    padding: Padding = "valid",
) -> np.ndarray:
    """Shares each output's gradient among the inputs of its window.

    Args:
        images: what was pooled, `(batch, height, width, channels)`.
        upstream: gradient with respect to the output, of the output's shape.
        size: side of the window.
        stride: places from one window to the next.
        padding: as it was pooled.

    Returns:
        The gradient with respect to `images`, of their shape.
    """
    gradient = np.zeros(images.shape)
    for i, j, rows, columns in _places(images, size, stride, padding):
        pooled = (rows.stop - rows.start) * (columns.stop - columns.start)
        share = upstream[:, i, j] / pooled
        gradient[:, rows, columns] += share[:, None, None, :]
    return gradient


def _windows(
    places: int, size: int, stride: int, padding: Padding
) -> list[slice]:
    """The windows along one axis, without what lies in the padding."""
    sides = padding_places(padding, places, size, stride)
    starts = [
        index * stride - sides[0]
        for index in range(output_size(places, size, stride, sides))
    ]
    return [slice(max(start, 0), min(start + size, places)) for start in starts]


def _places(
    images: np.ndarray, size: int, stride: int, padding: Padding
) -> Iterator[_Place]:
    height, width = images.shape[1:3]
    for i, rows in enumerate(_windows(height, size, stride, padding)):
        for j, columns in enumerate(_windows(width, size, stride, padding)):
            yield i, j, rows, columns


def _empty_output(
    images: np.ndarray, size: int, stride: int, padding: Padding
) -> np.ndarray:
    batch, height, width, channels = images.shape
    rows = len(_windows(height, size, stride, padding))
    columns = len(_windows(width, size, stride, padding))
    return np.zeros((batch, rows, columns, channels))
