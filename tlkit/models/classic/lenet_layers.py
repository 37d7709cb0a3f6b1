"""What LeNet-1, LeNet-4 and LeNet-5 are made of, as functions of tensors.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
Document Recognition", Proceedings of the IEEE 86(11), 1998, section II.
Apart from the table of connections these are Keras's own layers.
"""

from __future__ import annotations

import keras

from tlkit.base.errors import UsageError
from tlkit.models.classic.connection_table import Table, TableConv2D
from tlkit.models.classic.sizes import channels_of, fit

AMPLITUDE = 1.7159
"""A in the paper's `f(a) = A tanh(S a)`; it makes f(1) = 1, f(-1) = -1."""

SLOPE = 2 / 3
"""S in the paper's `f(a) = A tanh(S a)`."""

POOLINGS = ("trainable", "average", "max")
"""The ways to halve a map; the first is the paper's."""


def squash(
    x: keras.KerasTensor, activation: str, name: str
) -> keras.KerasTensor:
    """Applies the nonlinearity of a layer.

    Args:
        x: tensor of any shape.
        activation: "scaled_tanh" for `1.7159 tanh(2/3 a)` (equation 6 and
            appendix A), or a name that Keras knows, such as "sigmoid".
        name: name of the layer it belongs to; those made here begin with it.

    Returns:
        Tensor of the same shape.

    Raises:
        UsageError: there is no such activation.
    """
    if activation != "scaled_tanh":
        check_activation(activation, "scaled_tanh, ")
        return keras.layers.Activation(activation, name=f"{name}_squashed")(x)
    x = keras.layers.Rescaling(SLOPE, name=f"{name}_slope")(x)
    x = keras.layers.Activation("tanh", name=f"{name}_tanh")(x)
    return keras.layers.Rescaling(AMPLITUDE, name=f"{name}_squashed")(x)


def check_activation(activation: str, besides: str = "") -> None:
    """Raises UsageError unless Keras knows an activation of this name."""
    try:
        keras.activations.get(activation)
    except ValueError as error:
        raise UsageError(
            "There is no such activation.",
            where="activation",
            expected=f"{besides}sigmoid, tanh, relu or another name that "
            "Keras knows",
            received=repr(activation),
        ) from error


def check_pooling(pooling: str, poolings: tuple[str, ...] = POOLINGS) -> None:
    """Raises UsageError unless `pooling` is one of `poolings`."""
    if pooling not in poolings:
        raise UsageError(
            "There is no such pooling.",
            where="pooling",
            expected=" or ".join(poolings),
            received=repr(pooling),
        )


def convolve(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: tuple[int, int],
    name: str,
) -> keras.KerasTensor:
    """Convolves without padding; weights begin within 2.4 / fan-in."""
    height, width = kernel_size
    initial = uniform(height * width * channels_of(x, f"layer {name}"))
    layer = keras.layers.Conv2D(
        filters, kernel_size, kernel_initializer=initial, name=name
    )
    return fit(layer, x)


def convolve_table(
    x: keras.KerasTensor,
    table: Table,
    kernel_size: tuple[int, int],
    name: str,
) -> keras.KerasTensor:
    """Convolves without padding over a table of connections."""
    return fit(TableConv2D(table, kernel_size, name=name), x)


def dense(x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
    """A full connection; weights begin within 2.4 / fan-in."""
    initial = uniform(x.shape[-1])
    return keras.layers.Dense(units, kernel_initializer=initial, name=name)(x)


def uniform(fan_in: int) -> keras.Initializer:
    """The paper's first weights: uniform from -2.4 / F to 2.4 / F.

    Args:
        fan_in: F, the number of inputs of a unit.
    """
    return keras.initializers.RandomUniform(-2.4 / fan_in, 2.4 / fan_in)


def pool_trainable(
    x: keras.KerasTensor, activation: str, name: str, copies: int = 1
) -> keras.KerasTensor:
    """Halves each map: mean of 2x2, times a coefficient, plus a bias.

    The paper multiplies the sum of the four by its coefficient; this one is
    four times that. It begins at 1, as a plain mean. Before a sigmoid it
    begins at 4 and the bias at -2: the two together are then nearly the
    identity from 0 to 1, without which a stack of them learns nothing.

    Args:
        x: feature map, shape `(batch, height, width, channels)`.
        activation: what squashes the result, as for `squash`.
        name: name of the layer that holds the coefficients and biases.
        copies: how many maps are made of each, with parameters of their own.

    Returns:
        Feature map, shape `(batch, height // 2, width // 2,
        channels * copies)`.
    """
    x = fit(keras.layers.AveragePooling2D(2, name=f"{name}_mean"), x)
    coefficient, bias = (4.0, -2.0) if activation == "sigmoid" else (1.0, 0.0)
    x = keras.layers.DepthwiseConv2D(
        1,
        depth_multiplier=copies,
        depthwise_initializer=keras.initializers.Constant(coefficient),
        bias_initializer=keras.initializers.Constant(bias),
        name=name,
    )(x)
    return squash(x, activation, name)
