"""Network in Network: a small network of dense layers at every place.

Lin, Chen and Yan, "Network In Network", arXiv:1312.4400, 2013.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tlkit.models.classic.sizes import ImageShape, channels_of, image_input
from tlkit.models.heads import check_classes, check_dropout


def mlpconv(
    x: keras.KerasTensor,
    channels: Sequence[int],
    kernel_size: int,
    name: str = "mlpconv",
) -> keras.KerasTensor:
    """Appends a convolution and, at every place, dense layers on its channels.

    A dense layer at every place is a 1x1 convolution (equation 2; "cascaded
    cross channel parametric pooling"). ReLU follows each layer.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        channels: Channels of the convolution, then of each 1x1 layer.
        kernel_size: Side of the convolution's kernel. The input is padded,
            so that the size stays the same.
        name: Name of the block; its layers are `{name}_1`, `{name}_2` and so
            on.

    Returns:
        Feature map of shape `(batch, height, width, channels[-1])`.

    Raises:
        UsageError: `x` is not a feature map.
    """
    channels_of(x, name)
    for number, width in enumerate(channels, start=1):
        x = keras.layers.Conv2D(
            width,
            kernel_size if number == 1 else 1,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}_{number}",
        )(x)
    return x


def nin(
    input_shape: ImageShape, classes: int, *, dropout: float = 0.5
) -> keras.Model:
    """Builds the network that the paper trains on CIFAR-10.

    | layer | size | channels | parameters |
    |---|---|---|---|
    | mlpconv1, 5x5 | 32x32 | 192, 160, 96 | 60,928 |
    | pool1, 3x3 maximum at steps of 2 | 16x16 | 96 | |
    | mlpconv2, 5x5 | 16x16 | 192, 192, 192 | 535,104 |
    | pool2, 3x3 average at steps of 2 | 8x8 | 192 | |
    | mlpconv3, 3x3 | 8x8 | 192, 192, 10 | 370,954 |
    | average, over all places | 10 | | |

    It has 966,986 parameters and no dense layer. There is one map for each
    class, and its mean is the score of the class (section 3.2). The paper
    describes the network without its widths; these are taken from the
    authors' published configuration.

    Args:
        input_shape: `(height, width, channels)` of any size. The paper's is
            `(32, 32, 3)`, normalised.
        classes: Number of classes, at least 2.
        dropout: Share of the outputs of pool1 and pool2 dropped in training,
            0 to below 1.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: `input_shape` is not the shape of an image, there are
            fewer than two classes, or the dropout is outside its range.
    """
    check_classes(classes)
    check_dropout(dropout)
    layers = keras.layers
    inputs = image_input(input_shape)
    x = mlpconv(inputs, (192, 160, 96), 5, "mlpconv1")
    x = layers.MaxPooling2D(3, 2, "same", name="pool1")(x)
    x = _drop(x, dropout, "dropout1")
    x = mlpconv(x, (192, 192, 192), 5, "mlpconv2")
    x = layers.AveragePooling2D(3, 2, "same", name="pool2")(x)
    x = _drop(x, dropout, "dropout2")
    x = mlpconv(x, (192, 192, classes), 3, "mlpconv3")
    # Mean and softmax in float32 under every dtype policy, as at the end of
    # the other networks: bfloat16 probabilities do not add up to 1.
    x = layers.GlobalAveragePooling2D(dtype="float32", name="average")(x)
    softmax = layers.Activation("softmax", dtype="float32", name="predictions")
    return keras.Model(inputs, softmax(x), name="nin")


def _drop(x: keras.KerasTensor, dropout: float, name: str) -> keras.KerasTensor:
    return keras.layers.Dropout(dropout, name=name)(x) if dropout > 0 else x
