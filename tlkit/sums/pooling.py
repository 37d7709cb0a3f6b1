"""Max and average pooling, and how the gradient goes back through them.

Pooling has no weights. Its gradient goes to the inputs that made the output:
with a maximum to the largest one, with an average to all of the window alike.
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
        images: Batch of shape `(batch, height, width, channels)`.
        size: Side of the window.
        stride: Places from one window to the next. Below `size` the windows
            overlap.
        padding: Either `"valid"`, `"same"` or a number of places on either
            side. An added place is never the maximum.

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
        images: Input of the pooling, `(batch, height, width, channels)`.
        upstream: Gradient with respect to the output, of the output's shape.
        size: Side of the window, as in the pooling.
        stride: Places from one window to the next, as in the pooling.
        padding: Padding, as in the pooling.

    Returns:
        The gradient with respect to `images`, of their shape. If several
        values of a window are equally large, the first one, row by row, gets
        all of it.
    """
    gradient = np.zeros(images.shape)
    # Shapes (batch, 1) and (1, channels): together with the rows and columns
    # below, (batch, channels), they name one place in each image and channel.
    batch, channels = np.ogrid[: images.shape[0], : images.shape[3]]
    for i, j, rows, columns in _places(images, size, stride, padding):
        window = images[:, rows, columns]
        flat = window.reshape(len(window), -1, window.shape[-1])
        row, column = np.divmod(flat.argmax(axis=1), window.shape[2])
        place = (batch, rows.start + row, columns.start + column, channels)
        # Within a window no place is named twice, so that += adds everything.
        gradient[place] += upstream[:, i, j]
    return gradient


def average_pool2d(
    images: np.ndarray, size: int, stride: int, padding: Padding = "valid"
) -> np.ndarray:
    """Averages every window.

    Args:
        images: Batch of shape `(batch, height, width, channels)`.
        size: Side of the window.
        stride: Places from one window to the next. Below `size` the windows
            overlap.
        padding: Either `"valid"`, `"same"` or a number of places on either
            side. Added places are left out of the average.

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
        images: Input of the pooling, `(batch, height, width, channels)`.
        upstream: Gradient with respect to the output, of the output's shape.
        size: Side of the window, as in the pooling.
        stride: Places from one window to the next, as in the pooling.
        padding: Padding, as in the pooling.

    Returns:
        The gradient with respect to `images`, of their shape.
    """
    gradient = np.zeros(images.shape)
    for i, j, rows, columns in _places(images, size, stride, padding):
        # At the border a window has fewer places, padding aside.
        pooled = (rows.stop - rows.start) * (columns.stop - columns.start)
        share = upstream[:, i, j] / pooled
        gradient[:, rows, columns] += share[:, None, None, :]
    return gradient


def _windows(
    places: int, size: int, stride: int, padding: Padding
) -> list[slice]:
    """Returns the windows along one axis, cut off where padding begins."""
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
