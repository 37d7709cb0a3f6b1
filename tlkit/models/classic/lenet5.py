"""LeNet-5, as published and in the form in which it is taught today.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
Document Recognition", Proceedings of the IEEE 86(11), 1998, section II.B.
"""

from __future__ import annotations

import keras

from tlkit.base.errors import UsageError
from tlkit.models.classic.lenet_layers import (
    check_activation,
    check_pooling,
    convolve,
    convolve_table,
    dense,
    pool_trainable,
    squash,
)
from tlkit.models.classic.radial_basis import CODE_LENGTH, rbf_distances
from tlkit.models.classic.sizes import ImageShape, fit, image_input
from tlkit.models.heads import check_classes, class_probabilities

TABLE_I = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5)),
    *((0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
"""Maps of S2 that each of the sixteen maps of C3 sees: the paper's Table I."""

OUTPUTS = ("rbf", "softmax")
"""The outputs that LeNet-5 may have; the first is the paper's."""

_POOLING_LAYERS = {
    "average": keras.layers.AveragePooling2D,
    "max": keras.layers.MaxPooling2D,
}


def lenet5(
    input_shape: ImageShape,
    classes: int,
    *,
    activation: str = "scaled_tanh",
    pooling: str = "trainable",
    connection_table: bool = True,
    output: str = "rbf",
) -> keras.Model:
    """Builds LeNet-5 as published.

    | layer | maps | size | parameters |
    |---|---|---|---|
    | C1, 5x5 | 6 | 28x28 | 156 |
    | S2, pooling | 6 | 14x14 | 12 |
    | C3, 5x5 by table | 16 | 10x10 | 1,516 |
    | S4, pooling | 16 | 5x5 | 32 |
    | C5, 5x5 | 120 | 1x1 | 48,120 |
    | F6 | 84 | | 10,164 |
    | RBF | 10 | | 850 that do not train |

    60,000 of the parameters train. A network that ends with distances is
    trained with `MAPLoss` and measured with `nearest_accuracy`. With the
    table, C3 is a layer of tlkit, so a saved model can be loaded only after
    `import tlkit.models.classic`. Without it, all layers are Keras's own.

    Args:
        input_shape: `(height, width, channels)`, 16x16 or larger. The
            paper's is `(32, 32, 1)`: 28x28 digits in the middle, with white
            as -0.1 and black as 1.175. C5 sees whole maps of S4, whatever
            their size.
        classes: Number of classes, at least 2.
        activation: "scaled_tanh" for `1.7159 tanh(2/3 a)`, or the name of an
            activation of Keras, such as "sigmoid". Before RBF units, F6
            always has the scaled tanh, because its values must reach codes
            of -1 and +1.
        pooling: "trainable", with a coefficient and a bias for each map,
            "average" or "max".
        connection_table: Whether C3 sees S2 through Table I (True) or sees
            all its maps (False).
        output: "rbf" for distances or "softmax" for probabilities.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to `(batch, classes)`: squared distances, of which the smallest
        wins, or probabilities.

    Raises:
        UsageError: The image is too small, there are fewer than two classes,
            or an option has a value that is not listed.
    """
    _check(classes, pooling, output)
    inputs = image_input(input_shape)
    x = squash(convolve(inputs, 6, (5, 5), "C1"), activation, "C1")
    x = _pool(x, pooling, activation, "S2")
    if connection_table:
        x = convolve_table(x, TABLE_I, (5, 5), "C3")
    else:
        x = convolve(x, len(TABLE_I), (5, 5), "C3")
    x = squash(x, activation, "C3")
    x = _pool(x, pooling, activation, "S4")
    # The kernels of C5 are as large as the maps of S4, so its maps are 1x1 on
    # images of any size.
    x = squash(convolve(x, 120, x.shape[1:3], "C5"), activation, "C5")
    x = keras.layers.Flatten(name="flatten")(x)
    x = dense(x, CODE_LENGTH, "F6")
    if output == "rbf":
        # The codes are of -1 and +1, which a sigmoid or ReLU cannot reach.
        x = squash(x, "scaled_tanh", "F6")
        return keras.Model(inputs, rbf_distances(x, classes), name="lenet5")
    x = squash(x, activation, "F6")
    return keras.Model(inputs, class_probabilities(x, classes), name="lenet5")


def _check(classes: int, pooling: str, output: str) -> None:
    check_classes(classes)
    check_pooling(pooling)
    if output not in OUTPUTS:
        raise UsageError(
            "LeNet-5 has no such output.",
            where="output",
            expected=" or ".join(OUTPUTS),
            received=repr(output),
        )


def _pool(
    x: keras.KerasTensor, pooling: str, activation: str, name: str
) -> keras.KerasTensor:
    if pooling == "trainable":
        return pool_trainable(x, activation, name)
    return fit(_POOLING_LAYERS[pooling](2, name=name), x)


def lenet(
    input_shape: ImageShape,
    classes: int,
    *,
    activation: str = "sigmoid",
    pooling: str = "average",
    kernel_size: int = 5,
    pool_size: int = 2,
    pool_stride: int | None = None,
) -> keras.Model:
    """Builds LeNet as it is taught today, of Keras's own layers.

    | layer | channels | size | parameters |
    |---|---|---|---|
    | C1, 5x5, padded | 6 | 28x28 | 156 |
    | S2, pooling | 6 | 14x14 | 0 |
    | C3, 5x5 | 16 | 10x10 | 2,416 |
    | S4, pooling | 16 | 5x5 | 0 |
    | F5 | 120 | | 48,120 |
    | F6 | 84 | | 10,164 |
    | predictions | 10 | | 850 |

    It has 61,706 parameters on 28x28 images of ten classes. It is the
    network of Zhang, Lipton, Li and Smola, "Dive into Deep Learning",
    section 7.6. Initial weights are drawn from Glorot's uniform
    distribution, and biases start at zero.

    Args:
        input_shape: `(height, width, channels)`, such as `(28, 28, 1)`. The
            images have values of about 0 to 1.
        classes: Number of classes, at least 2.
        activation: The name of an activation of Keras, such as "sigmoid",
            "relu" or "tanh".
        pooling: "average" or "max".
        kernel_size: Side of the kernels of both convolutions, at least 1. C1
            is padded so that it keeps the size of the image with any kernel.
        pool_size: Side of the pooling windows, at least 1.
        pool_stride: Step of the pooling windows, at least 1; None for
            `pool_size`, so that they do not overlap.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: The image is too small, there are fewer than two classes,
            or an option is outside its range.
    """
    pool_stride = pool_size if pool_stride is None else pool_stride
    check_classes(classes)
    check_activation(activation)
    check_pooling(pooling, tuple(_POOLING_LAYERS))
    _check_sizes(kernel_size, pool_size, pool_stride)
    layers, pool = keras.layers, _POOLING_LAYERS[pooling]
    inputs = image_input(input_shape)
    x = layers.Conv2D(
        6, kernel_size, padding="same", activation=activation, name="C1"
    )(inputs)
    x = fit(pool(pool_size, pool_stride, name="S2"), x)
    x = fit(layers.Conv2D(16, kernel_size, activation=activation, name="C3"), x)
    x = fit(pool(pool_size, pool_stride, name="S4"), x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(120, activation=activation, name="F5")(x)
    x = layers.Dense(84, activation=activation, name="F6")(x)
    return keras.Model(inputs, class_probabilities(x, classes), name="lenet")


def _check_sizes(kernel_size: int, pool_size: int, pool_stride: int) -> None:
    sizes = {
        "kernel_size": kernel_size,
        "pool_size": pool_size,
        "pool_stride": pool_stride,
    }
    for option, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise UsageError(
                "The side and the step of a window must be one pixel or more.",
                where=option,
                expected="a whole number, 1 or more",
                received=repr(size),
            )
