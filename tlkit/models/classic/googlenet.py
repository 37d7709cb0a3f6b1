"""GoogLeNet: modules that see every place at several scales at once.

Szegedy et al., "Going Deeper with Convolutions", arXiv:1409.4842, 2014.
"""

from __future__ import annotations

import keras

from tlkit.models.classic.alexnet import local_response_normalisation
from tlkit.models.classic.sizes import ImageShape, channels_of, image_input
from tlkit.models.heads import (
    check_classes,
    check_dropout,
    class_probabilities,
)

Reduced = tuple[int, int]
"""Channels of a 1x1 reduction, and of the convolution after it."""

MODULES: dict[str, tuple[int, Reduced, Reduced, int]] = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}
"""Channels of the 1x1, 3x3, 5x5 and pooled branches: Table 1 of the paper."""


def inception(
    x: keras.KerasTensor,
    ones: int,
    threes: Reduced,
    fives: Reduced,
    pooled: int,
    name: str = "inception",
) -> keras.KerasTensor:
    """Appends an Inception module with reductions, Figure 2(b).

    It has four branches side by side, whose channels are joined: 1x1; 1x1
    then 3x3; 1x1 then 5x5; 3x3 maximum then 1x1. ReLU follows each
    convolution.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        ones: Channels of the 1x1 branch.
        threes: Channels of the 3x3 branch: of its reduction, and of its 3x3
            convolution.
        fives: Channels of the 5x5 branch: of its reduction, and of its 5x5
            convolution.
        pooled: Channels of the 1x1 convolution after the pooling.
        name: Name of the layer that joins the branches; the names of the
            other layers begin with it.

    Returns:
        Feature map of shape `(batch, height, width,
        ones + threes[1] + fives[1] + pooled)`.

    Raises:
        UsageError: `x` is not a feature map.
    """
    channels_of(x, name)
    three = _conv(x, threes[0], 1, f"{name}_3x3_reduce")
    five = _conv(x, fives[0], 1, f"{name}_5x5_reduce")
    pool = keras.layers.MaxPooling2D(3, 1, "same", name=f"{name}_pool")(x)
    branches = [
        _conv(x, ones, 1, f"{name}_1x1"),
        _conv(three, threes[1], 3, f"{name}_3x3"),
        _conv(five, fives[1], 5, f"{name}_5x5"),
        _conv(pool, pooled, 1, f"{name}_pool_projection"),
    ]
    return keras.layers.Concatenate(name=name)(branches)


def googlenet(
    input_shape: ImageShape, classes: int, *, dropout: float = 0.4
) -> keras.Model:
    """Builds GoogLeNet.

    | layer | size | channels |
    |---|---|---|
    | conv1, 7x7 at steps of 2 | 112x112 | 64 |
    | pool1, norm1 | 56x56 | 64 |
    | conv2_reduce, conv2, norm2 | 56x56 | 64, 192 |
    | pool2 | 28x28 | 192 |
    | inception_3a, inception_3b | 28x28 | 256, 480 |
    | pool3 | 14x14 | 480 |
    | inception_4a to inception_4e | 14x14 | 512, 512, 512, 528, 832 |
    | pool4 | 7x7 | 832 |
    | inception_5a, inception_5b | 7x7 | 832, 1024 |
    | average, over all places | | 1024 |

    It has 6,998,552 parameters with 1000 classes. Table 1 of the paper gives
    them row by row; some of its numbers are a few percent off what its own
    channels give. The two auxiliary classifiers of the paper's training are
    left out: they are discarded after training, and the authors found their
    effect to be small (section 5).

    Args:
        input_shape: `(height, width, channels)` of any size. The paper's is
            `(224, 224, 3)`, with the mean subtracted.
        classes: Number of classes, at least 2.
        dropout: Share of the pooled features dropped in training, 0 to below
            1.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: `input_shape` is not the shape of an image, there are
            fewer than two classes, or the dropout is outside its range.
    """
    check_classes(classes)
    check_dropout(dropout)
    inputs = image_input(input_shape)
    x = _stem(inputs)
    for name, channels in MODULES.items():
        # A pooling separates the modules of sizes 28x28, 14x14 and 7x7.
        if name in ("4a", "5a"):
            x = _pool(x, f"pool{int(name[0]) - 1}")
        x = inception(x, *channels, name=f"inception_{name}")
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    if dropout > 0:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = class_probabilities(x, classes)
    return keras.Model(inputs, outputs, name="googlenet")


def _stem(x: keras.KerasTensor) -> keras.KerasTensor:
    # As in Figure 3, the first normalisation follows its pooling and the
    # second precedes it.
    x = _conv(x, 64, 7, "conv1", strides=2)
    x = local_response_normalisation(_pool(x, "pool1"), name="norm1")
    x = _conv(x, 64, 1, "conv2_reduce")
    x = _conv(x, 192, 3, "conv2")
    return _pool(local_response_normalisation(x, name="norm2"), "pool2")


def _pool(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.MaxPooling2D(3, 2, "same", name=name)(x)


def _conv(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    name: str,
    strides: int = 1,
) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        "same",
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)
