"""What kinds of layers there are.

A layer that is not known here counts as unknown, not as nothing. One of your
own that computes every place from that place alone may say so by an attribute
`place_by_place = True`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from tlkit.models.classic import TableConv2D

_RANDOM = tuple(
    getattr(layers, name) for name in dir(layers) if name.startswith("Random")
)
#: Layers by what they do; those that only change images in training (the
#: random ones, dropout) do nothing afterwards.
_LAYERS = {
    "convolution": (
        layers.Conv2D,
        layers.DepthwiseConv2D,
        layers.SeparableConv2D,
        TableConv2D,
    ),
    "transposed": (layers.Conv2DTranspose,),
    "pooling": (layers.MaxPooling2D, layers.AveragePooling2D),
    "dense": (layers.Dense,),
    "global": (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D),
    "padding": (layers.ZeroPadding2D,),
    "cropping": (layers.Cropping2D,),
    "reshaping": (layers.Flatten, layers.Reshape, layers.Resizing),
    "spreading": (layers.GroupNormalization,),
    "place by place": (
        layers.Activation,
        layers.ReLU,
        layers.LeakyReLU,
        layers.PReLU,
        layers.ELU,
        layers.Softmax,
        layers.BatchNormalization,
        layers.LayerNormalization,
        layers.Rescaling,
        layers.Normalization,
        layers.Dropout,
        layers.SpatialDropout2D,
        layers.GaussianDropout,
        layers.GaussianNoise,
        layers.ActivityRegularization,
        layers.Identity,
        layers.Add,
        layers.Subtract,
        layers.Multiply,
        layers.Average,
        layers.Maximum,
        layers.Minimum,
        layers.Concatenate,
        *_RANDOM,
    ),
}
#: Operations of `keras.ops` in a graph, by what they do.
_OPERATIONS = {
    "Conv": "convolution",
    "MaxPool": "pooling",
    "AveragePool": "pooling",
    "Matmul": "dense",
    "Reshape": "reshaping",
    **dict.fromkeys(
        (
            *("Add", "Subtract", "Multiply", "Divide", "TrueDivide"),
            *("Maximum", "Minimum", "Absolute", "Negative", "Square", "Sqrt"),
            *("Power", "Exp", "Log", "Clip", "Cast", "Identity"),
            *("Relu", "Relu6", "LeakyRelu", "Elu", "Sigmoid", "HardSigmoid"),
            *("Tanh", "Silu", "HardSilu", "Gelu", "Softplus"),
        ),
        "place by place",
    ),
}


def kind_of(
    operation: Any,
    shapes: Sequence[tuple[int, ...]],
    others: Sequence[Any] = (),
) -> str | None:
    """Says what a layer or operation does, in one word or three.

    Args:
        operation: a layer, or an operation of `keras.ops` in a graph.
        shapes: of what flows into it, with the batch.
        others: what an operation is told besides, such as a slice.

    Returns:
        `"convolution"`, `"transposed"`, `"pooling"`, `"dense"`, `"global"`,
        `"padding"`, `"cropping"`, `"reshaping"`, `"spreading"` or
        `"place by place"`; None where it is not known.
    """
    if getattr(operation, "place_by_place", False):
        return "place by place"
    if getattr(operation, "data_format", None) == "channels_first":
        return None
    if _is_of_channels(operation, others):
        return "place by place"
    kind = _listed_kind(operation, len(shapes))
    channels = len(shapes[0]) - 1
    if kind == "place by place" and not _works_on(operation, channels):
        normalises = isinstance(operation, layers.LayerNormalization)
        return "spreading" if normalises else None
    return kind


def _listed_kind(operation: Any, inputs: int) -> str | None:
    if isinstance(operation, keras.Layer):
        for kind, known in _LAYERS.items():
            if isinstance(operation, known):
                return kind
        return None
    kind_of_operation = _OPERATIONS.get(type(operation).__name__)
    # A kernel that is computed from the image, as in attention, is no kernel.
    joins = kind_of_operation == "place by place"
    return kind_of_operation if inputs == 1 or joins else None


def _is_of_channels(operation: Any, others: Sequence[Any]) -> bool:
    """Whether an operation picks or adds channels and leaves places alone."""
    kind = type(operation).__name__
    if kind == "Pad" and not isinstance(operation, keras.Layer):
        *before, _ = operation.pad_width
        return all(tuple(widths) == (0, 0) for widths in before)
    if kind == "Split":
        return operation.axis == -1
    if kind != "GetItem" or not others or not isinstance(others[0], tuple):
        return False
    *before, _ = others[0]
    return before == [...] or (
        len(before) == 3 and all(part == slice(None) for part in before)
    )


def _works_on(operation: Any, channels: int) -> bool:
    """Whether its axis, if it has one, is that of the channels."""
    if isinstance(operation, layers.BatchNormalization):
        return True
    axis = getattr(operation, "axis", -1)
    return axis in (-1, channels, [-1], [channels], (-1,), (channels,), None)
