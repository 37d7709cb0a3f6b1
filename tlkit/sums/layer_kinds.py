"""The kinds of layers, by what they do to places and channels.

A layer that is not listed here counts as unknown, which is not the same as
doing nothing. A layer of your own that computes every place from that place
alone can say so with an attribute `place_by_place = True`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from tlkit.models.classic import TableConv2D

# All augmenting layers of Keras, those of later versions too.
_RANDOM = tuple(
    getattr(layers, name) for name in dir(layers) if name.startswith("Random")
)
#: Layers by what they do. Those that only act in training (the random ones,
#: dropout) let everything pass in prediction.
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
    """Returns what a layer or operation does, as the name of a kind.

    Args:
        operation: A layer, or an operation of `keras.ops` in a graph.
        shapes: Shapes of its inputs, with the batch.
        others: Further arguments of an operation, such as a slice.

    Returns:
        `"convolution"`, `"transposed"`, `"pooling"`, `"dense"`, `"global"`,
        `"padding"`, `"cropping"`, `"reshaping"`, `"spreading"` or
        `"place by place"`, or None if it is not known.
    """
    if getattr(operation, "place_by_place", False):
        return "place by place"
    # Everything below reads rows and columns from axes 1 and 2.
    if getattr(operation, "data_format", None) == "channels_first":
        return None
    if _is_of_channels(operation, others):
        return "place by place"
    kind = _listed_kind(operation, len(shapes))
    channels = len(shapes[0]) - 1
    if kind == "place by place" and not _works_on(operation, channels):
        # Over other axes than the channels, a mean makes every place depend on
        # every other.
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
    # With two inputs, as in attention, the kernel depends on the image: such
    # an operation is not a convolution or a dense layer.
    joins = kind_of_operation == "place by place"
    return kind_of_operation if inputs == 1 or joins else None


def _is_of_channels(operation: Any, others: Sequence[Any]) -> bool:
    """Whether an operation picks or adds channels and keeps the places."""
    kind = type(operation).__name__
    if kind == "Pad" and not isinstance(operation, keras.Layer):
        *before, _ = operation.pad_width
        return all(tuple(widths) == (0, 0) for widths in before)
    if kind == "Split":
        return operation.axis == -1
    if kind != "GetItem" or not others or not isinstance(others[0], tuple):
        return False
    # Slices such as x[..., 2:5] or x[:, :, :, 2:5] cut the last axis alone.
    *before, _ = others[0]
    return before == [...] or (
        len(before) == 3 and all(part == slice(None) for part in before)
    )


def _works_on(operation: Any, channels: int) -> bool:
    """Whether its axis, if it has one, is that of the channels."""
    # In prediction batch normalisation multiplies by fixed numbers: no place
    # depends on another, whatever the axis.
    if isinstance(operation, layers.BatchNormalization):
        return True
    axis = getattr(operation, "axis", -1)
    return axis in (-1, channels, [-1], [channels], (-1,), (channels,), None)
