"""Convolution and cross-correlation, written from their sums.

What deep learning calls convolution is cross-correlation: the kernel is laid
on the image as it is. Convolution in mathematics turns it by half a turn first.
A network that learns its kernels learns turned ones just as well, so the
difference matters only where a kernel is given.
"""

from __future__ import annotations

import numpy as np

from tlkit.base.errors import UsageError
from tlkit.sums.sizes import Padding, output_size, padding_places


def cross_correlate(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Lays a kernel on every place of an image, and adds up the products.

    `output[i, j] = sum over u, v of image[i + u, j + v] kernel[u, v]`

    Args:
        image: Image of one channel, `(height, width)`.
        kernel: Kernel of shape `(rows, columns)`, not larger than the image.

    Returns:
        `(height - rows + 1, width - columns + 1)`.

    Raises:
        UsageError: The kernel is larger than the image.

    Example:
        >>> cross_correlate(np.arange(9).reshape(3, 3), np.arange(4.0)
        ...     .reshape(2, 2)).tolist()
        [[19.0, 25.0], [37.0, 43.0]]
    """
    rows, columns = kernel.shape
    output = np.zeros(
        (
            output_size(image.shape[0], rows),
            output_size(image.shape[1], columns),
        )
    )
    # A loop over places, slow but close to the formula above.
    for i, j in np.ndindex(*output.shape):
        output[i, j] = np.sum(image[i : i + rows, j : j + columns] * kernel)
    return output


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves as in mathematics: cross-correlates with the turned kernel.

    `output[i, j] = sum over u, v of image[i - u, j - v] kernel[u, v]`, at the
    places where the whole kernel lies on the image. Unlike cross-correlation
    it commutes and associates.

    Args:
        image: Image of one channel, `(height, width)`.
        kernel: Kernel of shape `(rows, columns)`, not larger than the image.

    Returns:
        `(height - rows + 1, width - columns + 1)`.

    Raises:
        UsageError: The kernel is larger than the image.
    """
    return cross_correlate(image, kernel[::-1, ::-1])


def conv2d(
    images: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: Padding = "valid",
) -> np.ndarray:
    """Computes what a `Conv2D` layer computes, straight from its formula.

    `output[n, i, j, d] = bias[d] + sum over u, v, c of
    padded[n, i stride + u, j stride + v, c] kernel[u, v, c, d]`

    Every output channel has a kernel of its own over all input channels:
    `(rows columns channels + 1) output channels` parameters.

    Args:
        images: Batch of shape `(batch, height, width, channels)`.
        kernel: Kernels of shape `(rows, columns, channels, output channels)`.
        bias: One number per output channel, or None for no bias.
        stride: Places from one position of the kernel to the next, 1 or more.
        padding: Either `"valid"`, `"same"` or a number of places on either
            side. The added places are zero.

    Returns:
        `(batch, output height, output width, output channels)`.

    Raises:
        UsageError: Kernel and images differ in their number of channels, or
            the kernel is larger than the padded image.
    """
    rows, columns, channels, output_channels = kernel.shape
    if images.shape[-1] != channels:
        raise UsageError(
            "The kernel and the images differ in their number of channels.",
            expected=f"{images.shape[-1]} channels",
            received=f"a kernel of shape {kernel.shape}",
        )
    sides = [
        padding_places(padding, size, window, stride)
        for size, window in zip(images.shape[1:3], (rows, columns), strict=True)
    ]
    padded = np.pad(images, [(0, 0), *sides, (0, 0)])
    output = np.zeros(
        (
            len(images),
            output_size(padded.shape[1], rows, stride),
            output_size(padded.shape[2], columns, stride),
            output_channels,
        )
    )
    for i, j in np.ndindex(*output.shape[1:3]):
        top, left = i * stride, j * stride
        window = padded[:, top : top + rows, left : left + columns, :]
        # (batch, rows, columns, channels) by (rows, columns, channels, output
        # channels): the sum runs over the three axes they share.
        output[:, i, j, :] = np.tensordot(window, kernel, axes=3)
    return output if bias is None else output + bias
