"""VGG: blocks of 3x3 convolutions and nothing else.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale
Image Recognition", arXiv:1409.1556, 2014.
"""

from __future__ import annotations

import keras

from tlkit.models.classic.sizes import (
    ImageShape,
    channels_of,
    fit,
    image_input,
)
from tlkit.models.heads import (
    check_classes,
    check_dropout,
    class_probabilities,
)

CHANNELS = (64, 128, 256, 512, 512)
"""Channels of the five blocks."""

# Column C is not offered: it has 1x1 convolutions too.
CONVOLUTIONS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""Convolutions of the five blocks: columns A, B, D and E of Table 1."""


def vgg_block(
    x: keras.KerasTensor, channels: int, convolutions: int, name: str
) -> keras.KerasTensor:
    """Appends 3x3 convolutions with ReLU and a 2x2 maximum.

    Two 3x3 convolutions see as much of the image as one of 5x5, and three as
    much as one of 7x7, with fewer weights and a ReLU after each
    (section 2.3).

    Args:
        x: Feature map of shape `(batch, height, width, channels)`, 2x2 or
            larger.
        channels: Channels of each convolution.
        convolutions: Number of convolutions, at least 1.
        name: Number of the block. Its layers are `conv{name}_1` and so on
            and `pool{name}`.

    Returns:
        Feature map of shape `(batch, height // 2, width // 2, channels)`.

    Raises:
        UsageError: The feature map is smaller than the window of the
            pooling.
    """
    channels_of(x, f"layer conv{name}_1")
    for number in range(1, convolutions + 1):
        x = keras.layers.Conv2D(
            channels,
            3,
            padding="same",
            activation="relu",
            name=f"conv{name}_{number}",
        )(x)
    return fit(keras.layers.MaxPooling2D(2, name=f"pool{name}"), x)


def vgg11(
    input_shape: ImageShape, classes: int, *, dropout: float = 0.5
) -> keras.Model:
    """Builds column A of Table 1: 132,863,336 parameters.

    The arguments are those of `vgg16`.
    """
    return _vgg("vgg11", input_shape, classes, dropout)


def vgg13(
    input_shape: ImageShape, classes: int, *, dropout: float = 0.5
) -> keras.Model:
    """Builds column B of Table 1: 133,047,848 parameters.

    The arguments are those of `vgg16`.
    """
    return _vgg("vgg13", input_shape, classes, dropout)


def vgg16(
    input_shape: ImageShape, classes: int, *, dropout: float = 0.5
) -> keras.Model:
    """Builds column D of Table 1: 138,357,544 parameters.

    | block | size after it | channels | parameters |
    |---|---|---|---|
    | conv1_1, conv1_2 | 112x112 | 64 | 38,720 |
    | conv2_1, conv2_2 | 56x56 | 128 | 221,440 |
    | conv3_1 to conv3_3 | 28x28 | 256 | 1,475,328 |
    | conv4_1 to conv4_3 | 14x14 | 512 | 5,899,776 |
    | conv5_1 to conv5_3 | 7x7 | 512 | 7,079,424 |
    | fc6 | 4,096 | | 102,764,544 |
    | fc7 | 4,096 | | 16,781,312 |
    | predictions | 1,000 | | 4,097,000 |

    Table 2 of the paper gives 133, 133, 138 and 144 million for A, B, D and
    E. Initial weights are drawn from Glorot's uniform distribution, which
    the authors found to make their pre-training unnecessary (section 3.1).

    Args:
        input_shape: `(height, width, channels)`, 32x32 or larger. The
            paper's is `(224, 224, 3)`, with the mean colour subtracted.
        classes: Number of classes, at least 2.
        dropout: Share of the units of fc6 and fc7 dropped in training, 0 to
            below 1.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: The image is too small, there are fewer than two classes,
            or the dropout is outside its range.
    """
    return _vgg("vgg16", input_shape, classes, dropout)


def vgg19(
    input_shape: ImageShape, classes: int, *, dropout: float = 0.5
) -> keras.Model:
    """Builds column E of Table 1: 143,667,240 parameters.

    The arguments are those of `vgg16`.
    """
    return _vgg("vgg19", input_shape, classes, dropout)


def _vgg(
    name: str, input_shape: ImageShape, classes: int, dropout: float
) -> keras.Model:
    check_classes(classes)
    check_dropout(dropout)
    inputs = x = image_input(input_shape)
    blocks = zip(CHANNELS, CONVOLUTIONS[name], strict=True)
    for number, (channels, convolutions) in enumerate(blocks, start=1):
        x = vgg_block(x, channels, convolutions, str(number))
    x = keras.layers.Flatten(name="flatten")(x)
    for number in (6, 7):
        x = keras.layers.Dense(4096, activation="relu", name=f"fc{number}")(x)
        if dropout > 0:
            x = keras.layers.Dropout(dropout, name=f"dropout{number}")(x)
    return keras.Model(inputs, class_probabilities(x, classes), name=name)
