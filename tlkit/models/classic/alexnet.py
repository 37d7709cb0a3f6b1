"""AlexNet, with local response normalisation and overlapping pooling.

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep
Convolutional Neural Networks", Advances in Neural Information Processing
Systems 25, 2012.
"""

from __future__ import annotations

import keras
from keras import ops

from tlkit.base.errors import UsageError
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


def local_response_normalisation(
    x: keras.KerasTensor,
    *,
    size: int = 5,
    k: float = 2.0,
    alpha: float = 1e-4,
    beta: float = 0.75,
    name: str = "norm",
) -> keras.KerasTensor:
    """Divides each value by those at the same place in neighbouring channels.

        b_i = a_i / (k + alpha sum_j a_j^2)^beta

    with j from `i - size // 2` to `i + size // 2`, as far as there are
    channels. This is the equation of section 3.3 with its constants. (Caffe
    divides alpha by `size`; the paper does not.) It is built of Keras's own
    operations.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        size: Number of channels in the sum, the channel itself included;
            odd.
        k: Constant to which the sum is added, above 0.
        alpha: Weight of the sum of squares.
        beta: Exponent of the denominator.
        name: Name of the last layer.

    Returns:
        Feature map of the same shape.

    Raises:
        UsageError: `x` is not a feature map, or `size` is not odd.
    """
    channels = channels_of(x, f"layer {name}")
    if size < 1 or size % 2 == 0:
        raise UsageError(
            "The neighbours must be as many on one side as on the other.",
            where=f"size of layer {name}",
            expected="an odd number",
            received=size,
        )
    beside = size // 2
    no, sides = (0, 0), (beside, beside)
    # Channels of zeros at both ends, so that the sum of shifted copies below
    # ends where the channels do.
    squares = ops.pad(ops.square(x), (no, no, no, sides))
    total = squares[..., :channels]
    for step in range(1, size):
        total = total + squares[..., step : step + channels]
    factor = ops.power(k + alpha * total, -beta)
    return keras.layers.Multiply(name=name)([x, factor])


def overlapping_pool(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Takes the maximum of 3x3 windows at steps of 2 (section 3.4).

    Args:
        x: Feature map of shape `(batch, height, width, channels)`, 3x3 or
            larger.
        name: Name of the layer.

    Returns:
        Feature map whose sides are `(side - 3) // 2 + 1`.

    Raises:
        UsageError: The feature map is smaller than the window.
    """
    return fit(keras.layers.MaxPooling2D(3, 2, name=name), x)


def alexnet(
    input_shape: ImageShape,
    classes: int,
    *,
    groups: int = 2,
    normalise: bool = True,
    dropout: float = 0.5,
) -> keras.Model:
    """Builds AlexNet.

    | layer | size | channels | parameters, 2 groups | 1 group |
    |---|---|---|---|---|
    | conv1, 11x11 at steps of 4 | 55x55 | 96 | 34,944 | 34,944 |
    | norm1, pool1 | 27x27 | 96 | | |
    | conv2, 5x5, grouped | 27x27 | 256 | 307,456 | 614,656 |
    | norm2, pool2 | 13x13 | 256 | | |
    | conv3, 3x3 | 13x13 | 384 | 885,120 | 885,120 |
    | conv4, 3x3, grouped | 13x13 | 384 | 663,936 | 1,327,488 |
    | conv5, 3x3, grouped | 13x13 | 256 | 442,624 | 884,992 |
    | pool5 | 6x6 | 256 | | |
    | fc6 | 4,096 | | 37,752,832 | 37,752,832 |
    | fc7 | 4,096 | | 16,781,312 | 16,781,312 |
    | predictions | 1,000 | | 4,097,000 | 4,097,000 |

    It has 60,965,224 parameters, the paper's 60 million, or 62,378,344 with
    one group. The paper says 224x224, but its conv1 of 55x55 without padding
    needs 227x227. In the paper, each group was computed on a graphics
    processor of its own. Here the groups are separate layers (`conv2_1`,
    `conv2_2`), because the grouped convolution of Keras is very slow on a
    CPU.

    Args:
        input_shape: `(height, width, channels)`, 67x67 or larger. The
            paper's is `(227, 227, 3)`, with the mean of the pixels
            subtracted.
        classes: Number of classes, at least 2.
        groups: Number of parts into which conv2, conv4 and conv5 are
            divided, 1 or more. It must divide their channels.
        normalise: Whether local response normalisation follows conv1 and
            conv2.
        dropout: Share of the units of fc6 and fc7 dropped in training, 0 to
            below 1.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: The image is too small, there are fewer than two classes,
            or an option is outside its range.
    """
    check_classes(classes)
    check_dropout(dropout)
    inputs = image_input(input_shape)
    conv1 = _conv(96, 11, "conv1", strides=4, padding="valid")
    x = fit(conv1, inputs)
    x = _normalise_and_pool(x, normalise, 1)
    x = _grouped(x, 256, 5, groups, "conv2")
    x = _normalise_and_pool(x, normalise, 2)
    x = _conv(384, 3, "conv3")(x)
    x = _grouped(x, 384, 3, groups, "conv4")
    x = _grouped(x, 256, 3, groups, "conv5")
    x = overlapping_pool(x, "pool5")
    x = keras.layers.Flatten(name="flatten")(x)
    for number in (6, 7):
        x = _dense(f"fc{number}")(x)
        if dropout > 0:
            x = keras.layers.Dropout(dropout, name=f"dropout{number}")(x)
    return keras.Model(inputs, class_probabilities(x, classes), name="alexnet")


def _normalise_and_pool(
    x: keras.KerasTensor, normalise: bool, number: int
) -> keras.KerasTensor:
    if normalise:
        x = local_response_normalisation(x, name=f"norm{number}")
    return overlapping_pool(x, f"pool{number}")


def _conv(
    filters: int,
    kernel_size: int,
    name: str,
    strides: int = 1,
    padding: str = "same",
) -> keras.layers.Conv2D:
    # Section 5: the biases of conv2, conv4, conv5 and the hidden dense layers
    # start at 1, so that their ReLUs receive positive values at first and
    # learn from the beginning.
    bias = "zeros" if name in ("conv1", "conv3") else "ones"
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding,
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=bias,
        name=name,
    )


def _dense(name: str) -> keras.layers.Dense:
    return keras.layers.Dense(
        4096,
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer="ones",
        name=name,
    )


def _grouped(
    x: keras.KerasTensor, filters: int, kernel_size: int, groups: int, name: str
) -> keras.KerasTensor:
    """Convolves equal parts of the channels separately and joins them."""
    channels = x.shape[-1]
    if groups < 1 or channels % groups or filters % groups:
        raise UsageError(
            "The channels cannot be divided into these groups.",
            where=f"groups, at layer {name}",
            expected=f"a divisor of {channels} and {filters}",
            received=groups,
        )
    if groups == 1:
        return _conv(filters, kernel_size, name)(x)
    parts = [
        _conv(filters // groups, kernel_size, f"{name}_{number}")(part)
        for number, part in enumerate(ops.split(x, groups, axis=-1), start=1)
    ]
    return keras.layers.Concatenate(name=name)(parts)
