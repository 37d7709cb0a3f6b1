"""One layer in numbers: its window, multiply-adds and receptive field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from tlkit.sums.receptive_field import (
    Field,
    crop,
    pad,
    slide,
    spread,
    union,
    whole,
)
from tlkit.sums.sizes import padding_places, window_extent

Fields = tuple[Field, Field]
"""Receptive fields along rows and along columns."""


@dataclass(frozen=True)
class Signal:
    """What flows from layer to layer.

    Attributes:
        tensor: Symbolic tensor with the shape, such as
            `(1, height, width, channels)`, and the dtype.
        fields: Receptive fields of its units, or None if they are not known.
    """

    tensor: keras.KerasTensor
    fields: Fields | None


@dataclass(frozen=True)
class Window:
    """A window that slides over rows and columns.

    Attributes:
        size: Elements of the window along rows and columns.
        stride: Places from one position to the next, along rows and columns.
        padding: Either `"valid"` or `"same"`.
        dilation: Places from one element to the next, along rows and columns.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: str
    dilation: tuple[int, int] = (1, 1)

    def padding_on(self, axis: int, places: int) -> tuple[int, int]:
        """Returns the places of padding before and after on an axis."""
        return padding_places(
            self.padding,
            places,
            self.size[axis],
            self.stride[axis],
            self.dilation[axis],
        )

    def size_sum(self, axis: int, places: int) -> str:
        """Writes out how large the output is: `(W - F + 2P)/S + 1`.

        Args:
            axis: Axis of the image, 0 for rows and 1 for columns.
            places: W, the places that the window slides over.
        """
        stride, dilation = self.stride[axis], self.dilation[axis]
        sides = self.padding_on(axis, places)
        extent = window_extent(self.size[axis], dilation)
        return f"({places} - {extent} + {sum(sides)})/{stride} + 1"

    def __str__(self) -> str:
        text = f"{self.size[0]}x{self.size[1]}"
        if max(self.stride) > 1:
            text += f" /{_pair_text(self.stride)}"
        if max(self.dilation) > 1:
            text += f" dilated {_pair_text(self.dilation)}"
        return f"{text} {self.padding}"


def window_of(
    operation: Any, kind: str | None, kernel: Any = None
) -> Window | None:
    """Reads the window of a convolution or pooling.

    Args:
        operation: A layer, or an operation of `keras.ops`.
        kind: Its kind, from `kind_of`.
        kernel: Kernel that an operation `Conv` is given.

    Returns:
        The window, or None for a layer of any other kind.
    """
    if kind == "pooling":
        size = _pair(operation.pool_size)
        # The operations of `keras.ops` leave the strides None by default.
        stride = _pair(operation.strides or operation.pool_size)
        return Window(size, stride, operation.padding)
    if kind != "convolution":
        return None
    if isinstance(operation, keras.Layer):
        size = operation.kernel_size
    else:
        size = tuple(kernel.shape[:2])
    return Window(
        size,
        _pair(operation.strides),
        operation.padding,
        _pair(operation.dilation_rate),
    )


def size_sums(window: Window, shape: Sequence[int]) -> str:
    """Writes out how large a window's output is.

    Args:
        window: Window that slides.
        shape: Shape of what it slides over, `(1, height, width, channels)`.

    Returns:
        The sums for rows and columns, or one sum if both are the same.
    """
    rows, columns = (window.size_sum(axis, shape[axis + 1]) for axis in (0, 1))
    return rows if rows == columns else f"{rows}, {columns}"


def count_multiply_adds(
    operation: Any,
    kind: str | None,
    given: keras.KerasTensor,
    output: keras.KerasTensor,
    kernel: Any = None,
) -> int | None:
    """Counts a layer's multiply-adds for one image.

    Only convolutions and dense layers have any. Each weight of the kernel, the
    bias aside, is used once at each place of the output (of the input, if the
    convolution is transposed), padding included. By convention, pooling,
    normalisation and activations count as 0.

    Args:
        operation: A layer, or an operation of `keras.ops`.
        kind: Its kind, from `kind_of`.
        given: Input of the layer.
        output: Output of the layer.
        kernel: Kernel that an operation is given as its second argument.

    Returns:
        The number of multiply-adds, or None if the layer is not known.
    """
    if kind not in ("convolution", "transposed", "dense"):
        return 0 if kind else None
    if isinstance(operation, layers.SeparableConv2D):
        kernels = [operation.depthwise_kernel, operation.pointwise_kernel]
    elif isinstance(operation, keras.Layer):
        kernels = [operation.kernel]
    else:
        kernels = [kernel]
    # A kernel that is not an array cannot be counted.
    if any(not hasattr(kernel, "shape") for kernel in kernels):
        return None
    # A transposed convolution lays the kernel on the places of its input.
    at = given if kind == "transposed" else output
    places = math.prod(at.shape[1:-1])
    return places * sum(math.prod(kernel.shape) for kernel in kernels)


def fields_after(
    operation: Any,
    kind: str | None,
    signals: Sequence[Signal],
    output: keras.KerasTensor,
    window: Window | None,
) -> Fields | None:
    """Returns the receptive fields of a layer's units.

    Args:
        operation: A layer, or an operation of `keras.ops`.
        kind: Its kind, from `kind_of`.
        signals: Inputs of the layer.
        output: Output of the layer.
        window: Its window, or None if it has none.

    Returns:
        Fields along rows and columns, or None if they are not known.
    """
    both = []
    for axis in (0, 1):
        below = [signal.fields[axis] for signal in signals if signal.fields]
        if len(below) < len(signals):
            return None
        # A vector has no places: each of its numbers may depend on all inputs.
        if len(output.shape) == 2 or all(field.is_whole for field in below):
            joint = union([whole(field) for field in below])
        elif len(output.shape) != 4:
            return None
        else:
            joint = _field_after(operation, kind, below, axis, window)
            # A reshaping that changes the shape moves places. One that does not
            # is let through, such as a Resizing to the size there is.
            if kind == "reshaping" and output.shape != signals[0].tensor.shape:
                return None
        if joint is None:
            return None
        both.append(joint)
    return both[0], both[1]


def _field_after(
    operation: Any,
    kind: str | None,
    below: Sequence[Field],
    axis: int,
    window: Window | None,
) -> Field | None:
    if window:
        return slide(
            below[0],
            window.size[axis],
            window.stride[axis],
            window.padding_on(axis, len(below[0].first)),
            window.dilation[axis],
        )
    if kind == "padding":
        return pad(below[0], *operation.padding[axis])
    if kind == "cropping":
        return crop(below[0], *operation.cropping[axis])
    if kind == "global":
        return whole(below[0])
    if kind == "spreading":
        return spread(below[0])
    if kind in ("place by place", "dense", "reshaping"):
        return union(below)
    return None


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return value[0], value[-1]


def _pair_text(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"
