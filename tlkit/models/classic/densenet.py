"""DenseNet: every layer sees the outputs of all layers before it.

Huang, Liu, van der Maaten and Weinberger, "Densely Connected Convolutional
Networks", arXiv:1608.06993, 2016.
"""

from __future__ import annotations

import keras

from tlkit.base.errors import UsageError
from tlkit.models.classic.resnet import normalise, stem
from tlkit.models.classic.sizes import (
    ImageShape,
    channels_of,
    fit,
    image_input,
)
from tlkit.models.heads import check_classes, class_probabilities

LAYERS = (6, 12, 24, 16)
"""Layers of DenseNet-121's four blocks: Table 1 of the paper."""

GROWTH_RATE = 32
"""Channels that each layer adds, called k in the paper."""


def dense_block(
    x: keras.KerasTensor,
    layers: int,
    growth_rate: int = GROWTH_RATE,
    bottleneck: bool = True,
    name: str = "dense",
) -> keras.KerasTensor:
    """Appends layers that each add channels to all before them, equation 2.

    A layer is batch normalisation, ReLU and a 3x3 convolution. A bottleneck
    puts batch normalisation, ReLU and a 1x1 convolution to `4 * growth_rate`
    channels before these. The output of a layer is joined to its input,
    which therefore reaches the end of the block unchanged.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        layers: Number of layers, at least 1.
        growth_rate: Number of channels that each layer adds.
        bottleneck: Whether a 1x1 convolution comes before each 3x3 one.
        name: Name of the block; its layers are `{name}_1` and so on.

    Returns:
        Feature map of shape `(batch, height, width,
        channels + layers * growth_rate)`. Its first channels are `x`.

    Raises:
        UsageError: `x` is not a feature map.
    """
    channels_of(x, name)
    for number in range(1, layers + 1):
        layer, y = f"{name}_{number}", x
        if bottleneck:
            y = _convolve(y, 4 * growth_rate, 1, f"{layer}_1x1")
        y = _convolve(y, growth_rate, 3, f"{layer}_3x3")
        x = keras.layers.Concatenate(name=layer)([x, y])
    return x


def transition(
    x: keras.KerasTensor, channels: int, name: str = "transition"
) -> keras.KerasTensor:
    """Reduces the channels and halves the size between two blocks.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`, 2x2 or
            larger.
        channels: Number of channels to reduce it to.
        name: Name of the pooling layer; the names of the other layers begin
            with it.

    Returns:
        Feature map of shape `(batch, height // 2, width // 2, channels)`.

    Raises:
        UsageError: The feature map is smaller than the window of the
            pooling.
    """
    x = _convolve(x, channels, 1, f"{name}_1x1")
    return fit(keras.layers.AveragePooling2D(2, name=name), x)


def _convolve(
    x: keras.KerasTensor, filters: int, kernel_size: int, name: str
) -> keras.KerasTensor:
    """Appends batch normalisation, ReLU and a convolution, in this order.

    The convolution has no bias, because the next normalisation would subtract
    it again.
    """
    x = normalise(x, f"{name}_bn")
    x = keras.layers.Activation("relu", name=f"{name}_relu")(x)
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def densenet121(
    input_shape: ImageShape,
    classes: int,
    *,
    growth_rate: int = GROWTH_RATE,
    compression: float = 0.5,
) -> keras.Model:
    """Builds DenseNet-121: 7,978,856 trainable parameters.

    | layer | size | channels |
    |---|---|---|
    | conv1, 7x7 at steps of 2 | 112x112 | 64 |
    | pool1 | 56x56 | 64 |
    | dense1_1 to dense1_6 | 56x56 | 256 |
    | transition1 | 28x28 | 128 |
    | dense2_1 to dense2_12 | 28x28 | 512 |
    | transition2 | 14x14 | 256 |
    | dense3_1 to dense3_24 | 14x14 | 1024 |
    | transition3 | 7x7 | 512 |
    | dense4_1 to dense4_16 | 7x7 | 1024 |
    | average, over all places | | 1024 |

    This is the paper's DenseNet-BC with k = 32, whose transitions keep half
    of the channels.

    Args:
        input_shape: `(height, width, channels)`, 29x29 or larger. The
            paper's is `(224, 224, 3)`, normalised channel by channel.
        classes: Number of classes, at least 2.
        growth_rate: Number of channels that each layer adds, the paper's k.
            conv1 has `2 k` channels in the paper and always 64 here.
        compression: Share of the channels that a transition keeps, above 0,
            at most 1.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: The image is too small, there are fewer than two classes,
            or the compression is outside its range.
    """
    check_classes(classes)
    _check_compression(compression)
    inputs = image_input(input_shape)
    x = stem(inputs)
    for block, layers in enumerate(LAYERS, start=1):
        x = dense_block(x, layers, growth_rate, name=f"dense{block}")
        if block < len(LAYERS):
            channels = int(compression * x.shape[-1])
            x = transition(x, channels, f"transition{block}")
    # The layers of a block end with a convolution, so the last feature map
    # still needs its normalisation and ReLU.
    x = normalise(x, "final_bn")
    x = keras.layers.Activation("relu", name="final_relu")(x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    outputs = class_probabilities(x, classes)
    return keras.Model(inputs, outputs, name="densenet121")


def _check_compression(compression: float) -> None:
    if not 0 < compression <= 1:
        raise UsageError(
            "The compression is the share of the channels that a transition "
            "keeps.",
            where="compression",
            expected="above 0, at most 1",
            received=compression,
        )
