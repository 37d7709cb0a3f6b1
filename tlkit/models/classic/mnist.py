"""Two small networks for digits, with which lectures introduce modules.

One has Inception modules with four branches, the other residual blocks
without batch normalisation. In both, a module follows each of two 5x5
convolutions on 28x28 images.
"""

from __future__ import annotations

import keras

from tlkit.models.classic.resnet import residual
from tlkit.models.classic.sizes import (
    ImageShape,
    channels_of,
    fit,
    image_input,
)
from tlkit.models.heads import check_classes, class_probabilities


def four_branches(
    x: keras.KerasTensor, name: str = "inception"
) -> keras.KerasTensor:
    """Appends an Inception module of 24 + 24 + 24 + 16 = 88 channels.

    Its four branches are: 3x3 mean, then 1x1 to 24; 1x1 to 16; 1x1 to 16,
    then 5x5 to 24; 1x1 to 16, then 3x3 to 24 twice. There is no ReLU inside.
    At the border, the mean is taken over the pixels that exist.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        name: Name of the layer that joins the branches; the names of the
            other layers begin with it.

    Returns:
        Feature map of shape `(batch, height, width, 88)`.

    Raises:
        UsageError: `x` is not a feature map.
    """
    channels_of(x, name)
    pool = keras.layers.AveragePooling2D(3, 1, "same", name=f"{name}_pool")(x)
    five = _conv(x, 16, 1, f"{name}_5x5_reduce")
    three = _conv(x, 16, 1, f"{name}_3x3_reduce")
    three = _conv(three, 24, 3, f"{name}_3x3_1")
    branches = [
        _conv(x, 16, 1, f"{name}_1x1"),
        _conv(five, 24, 5, f"{name}_5x5"),
        _conv(three, 24, 3, f"{name}_3x3_2"),
        _conv(pool, 24, 1, f"{name}_pool_projection"),
    ]
    return keras.layers.Concatenate(name=name)(branches)


def _conv(
    x: keras.KerasTensor, filters: int, kernel_size: int, name: str
) -> keras.KerasTensor:
    return keras.layers.Conv2D(filters, kernel_size, padding="same", name=name)(
        x
    )


def _conv_pool(
    x: keras.KerasTensor, filters: int, number: int
) -> keras.KerasTensor:
    """Appends a 5x5 convolution with ReLU, not padded, and a 2x2 maximum."""
    conv = keras.layers.Conv2D(
        filters, 5, activation="relu", name=f"conv{number}"
    )
    return fit(keras.layers.MaxPooling2D(2, name=f"pool{number}"), fit(conv, x))


def inception_mnist(input_shape: ImageShape, classes: int) -> keras.Model:
    """Builds the small network with two Inception modules.

    | layer | size | channels | parameters |
    |---|---|---|---|
    | conv1, pool1 | 12x12 | 10 | 260 |
    | inception1 | 12x12 | 88 | 19,104 |
    | conv2, pool2 | 4x4 | 20 | 44,020 |
    | inception2 | 4x4 | 88 | 19,824 |
    | predictions | 10 | | 14,090 |

    Args:
        input_shape: `(height, width, channels)`, 16x16 or larger, such as
            `(28, 28, 1)`.
        classes: Number of classes, at least 2.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: The image is too small, or there are fewer than two
            classes.
    """
    check_classes(classes)
    inputs = image_input(input_shape)
    x = four_branches(_conv_pool(inputs, 10, 1), "inception1")
    x = four_branches(_conv_pool(x, 20, 2), "inception2")
    x = keras.layers.Flatten(name="flatten")(x)
    outputs = class_probabilities(x, classes)
    return keras.Model(inputs, outputs, name="inception_mnist")


def resnet_mnist(input_shape: ImageShape, classes: int) -> keras.Model:
    """Builds the small network with two residual blocks.

    | layer | size | channels | parameters |
    |---|---|---|---|
    | conv1, pool1 | 12x12 | 16 | 416 |
    | residual1 | 12x12 | 16 | 4,640 |
    | conv2, pool2 | 4x4 | 32 | 12,832 |
    | residual2 | 4x4 | 32 | 18,496 |
    | predictions | 10 | | 5,130 |

    Args:
        input_shape: `(height, width, channels)`, 16x16 or larger, such as
            `(28, 28, 1)`.
        classes: Number of classes, at least 2.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: The image is too small, or there are fewer than two
            classes.
    """
    check_classes(classes)
    inputs = x = image_input(input_shape)
    for number, filters in enumerate((16, 32), start=1):
        x = residual(
            _conv_pool(x, filters, number),
            filters,
            batch_normalisation=False,
            name=f"residual{number}",
        )
    x = keras.layers.Flatten(name="flatten")(x)
    outputs = class_probabilities(x, classes)
    return keras.Model(inputs, outputs, name="resnet_mnist")
