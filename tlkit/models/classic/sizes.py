"""Checks of sizes: the input of a network, and windows that must fit."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import keras

from tlkit.base.errors import UsageError
from tlkit.tensor.graphs import first_input, origin

ImageShape = Sequence[int]
"""`(height, width, channels)`, each at least 1."""


def image_input(input_shape: ImageShape) -> keras.KerasTensor:
    """Begins a functional graph with images of one size.

    Args:
        input_shape: `(height, width, channels)`, each at least 1.

    Returns:
        The symbolic input `image`, shape `(batch, height, width, channels)`.

    Raises:
        UsageError: The shape is anything else, for example one without
            channels.
    """
    # `operator.index` accepts whole numbers of NumPy and refuses 28.0.
    try:
        shape = tuple(operator.index(number) for number in input_shape)
    except TypeError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1:
        raise UsageError(
            "This is not the shape of an image.",
            where="input_shape",
            expected="(height, width, channels), each at least 1",
            received=repr(input_shape),
            remedy="Pass for example (28, 28, 1) for grey images or "
            "(224, 224, 3) for colour.",
        )
    return keras.Input(shape, name="image")


def channels_of(x: keras.KerasTensor, where: str) -> int:
    """Reads the number of channels of a feature map.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`.
        where: Name of the layer or block that needs the feature map, for the
            error message.

    Returns:
        The size of the last axis.

    Raises:
        UsageError: `x` has another rank, or an unknown number of channels.
    """
    if len(x.shape) != 4 or x.shape[-1] is None:
        raise UsageError(
            "This is not a feature map.",
            where=where,
            expected="shape (batch, height, width, channels), channels known",
            received=tuple(x.shape),
        )
    return x.shape[-1]


def fit(layer: keras.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
    """Calls a convolution or pooling whose window must fit into the map.

    Args:
        layer: A layer with a window, such as `Conv2D` or `MaxPooling2D`.
        x: Feature map of shape `(batch, height, width, channels)`. A side of
            unknown size (None) is not checked.

    Returns:
        `layer(x)`.

    Raises:
        UsageError: The feature map is smaller than the window. The error
            names the layer, both sizes, and the smallest image that would be
            large enough.
    """
    channels_of(x, f"layer {layer.name}")
    window = _window(layer)
    arrives = x.shape[1:3]
    if getattr(layer, "padding", "same") == "valid" and any(
        side is not None and side < needed
        for side, needed in zip(arrives, window, strict=True)
    ):
        smallest = _smallest_image(x, window)
        raise UsageError(
            "The image is too small for the network.",
            where=f"layer {layer.name}",
            expected=f"a feature map of {_times(window)} or more",
            received=f"{_times(arrives)}",
            remedy=f"Pass images of {_times(smallest)} pixels or more, as "
            "(height, width, channels).",
        )
    return layer(x)


def _times(sides: Sequence[int]) -> str:
    return "x".join(map(str, sides))


def _window(layer: Any) -> tuple[int, int]:
    """Returns height and width of the layer's window on its input."""
    for attribute in ("kernel_size", "pool_size"):
        if hasattr(layer, attribute):
            return getattr(layer, attribute)
    return 1, 1


def _smallest_image(
    x: keras.KerasTensor, needed: tuple[int, int]
) -> tuple[int, int]:
    """Returns the smallest image for which `x` has the size `needed`.

    The graph is followed back to its input. Paths that join have the same
    size, so it is enough to follow one of them.
    """
    operation = origin(x).operation
    if isinstance(operation, keras.layers.InputLayer):
        return needed
    needed = _needed_before(operation, needed)
    return _smallest_image(first_input(operation), needed)


def _needed_before(layer: Any, needed: tuple[int, int]) -> tuple[int, int]:
    """Returns the sides before a layer that give `needed` sides after it.

    This is `(W - F + 2P) / S + 1`, solved for W.
    """
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return tuple(
            max(1, side - sum(added))
            for side, added in zip(needed, layer.padding, strict=True)
        )
    if not hasattr(layer, "strides"):
        return needed
    # With padding "same", a side after the layer needs only the pixels at the
    # steps, as if the window were one pixel.
    windows = _window(layer) if layer.padding == "valid" else (1, 1)
    return tuple(
        (side - 1) * stride + window
        for side, stride, window in zip(
            needed, layer.strides, windows, strict=True
        )
    )
