"""The size of what a sliding window puts out.

A window of F places, moved S places at a time over W places with P places of
padding on either side, fits `(W - F + 2P) / S + 1` times, rounded down.
"""

from __future__ import annotations

from collections.abc import Sequence

from tlkit.base.errors import UsageError

BATCH_SIZE = 32
"""Images in a step of training, for its memory, where nothing else is said."""

Padding = str | int
"""`"valid"` (no padding), `"same"`, or a number of places on either side."""


def window_extent(window: int, dilation: int = 1) -> int:
    """Returns the places from a window's first element to its last.

    Args:
        window: Elements of the window.
        dilation: Places from one element of the window to the next.

    Example:
        >>> window_extent(3), window_extent(3, dilation=2)
        (3, 5)
    """
    return dilation * (window - 1) + 1


def output_size(
    size: int,
    window: int,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
) -> int:
    """Counts the places at which a window fits: `(W - F + 2P) / S + 1`.

    Args:
        size: Places in the input along one axis, W.
        window: Elements of the window. F is their extent, `window_extent`.
        stride: Places from one position of the window to the next, S.
        padding: Places added before and after, together 2P.
        dilation: Places from one element of the window to the next.

    Raises:
        UsageError: The window is larger than the padded input.

    Example:
        AlexNet's first convolution and VGG's:

        >>> output_size(227, window=11, stride=4)
        55
        >>> output_size(224, window=3, padding=(1, 1))
        224
    """
    padded = size + sum(padding)
    extent = window_extent(window, dilation)
    if extent > padded:
        raise UsageError(
            "The window is larger than the padded input.",
            expected=f"{extent} places or more",
            received=f"{size}, and {sum(padding)} of padding",
        )
    return (padded - extent) // stride + 1


def padding_places(
    padding: Padding, size: int, window: int, stride: int = 1, dilation: int = 1
) -> tuple[int, int]:
    """Returns how many places padding adds before and after, on one axis.

    `"same"` adds as few places as make the output `ceil(size / stride)` long.
    Of an odd number, the place left over comes after, as in TensorFlow.

    Args:
        padding: Either `"valid"`, `"same"` or a number of places on either
            side.
        size: Places in the input.
        window: Elements of the window.
        stride: Places from one position of the window to the next.
        dilation: Places from one element of the window to the next.

    Raises:
        UsageError: There is no such padding.

    Example:
        >>> padding_places("same", 224, window=3, stride=2)
        (0, 1)
    """
    if padding == "valid":
        return 0, 0
    if padding == "same":
        # Where the last window begins; -(-a // b) is a / b rounded up.
        reached = (-(-size // stride) - 1) * stride
        missing = max(reached + window_extent(window, dilation) - size, 0)
        return missing // 2, missing - missing // 2
    if isinstance(padding, str) or padding < 0:
        raise UsageError(
            "There is no such padding.",
            where="padding",
            expected="valid, same, or a number of places, 0 or more",
            received=repr(padding),
        )
    return padding, padding


def shape_text(shape: Sequence[int | None]) -> str:
    """Writes a shape as text, with `any` for a size that varies.

    Args:
        shape: Sizes of the shape. None stands for one that varies.

    Example:
        >>> shape_text((224, 224, 3)), shape_text((None, None, 1))
        ('224x224x3', 'anyxanyx1')
    """
    return "x".join("any" if size is None else str(size) for size in shape)
