"""The building blocks of LeNet-1, LeNet-4 and LeNet-5.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
Document Recognition", Proceedings of the IEEE 86(11), 1998, section II.
Except for the table of connections, all are Keras's own layers.
"""

from __future__ import annotations

import keras

from tlkit.base.errors import UsageError
from tlkit.models.classic.connection_table import Table, TableConv2D
from tlkit.models.classic.sizes import channels_of, fit

AMPLITUDE = 1.7159
"""A in the paper's `f(a) = A tanh(S a)`, which makes f(1) = 1, f(-1) = -1."""

SLOPE = 2 / 3
"""S in the paper's `f(a) = A tanh(S a)`."""

POOLINGS = ("trainable", "average", "max")
"""The kinds of pooling, which halve a map; the first is the paper's."""


def squash(
    x: keras.KerasTensor, activation: str, name: str
) -> keras.KerasTensor:
    """Applies the activation of a layer.

    Args:
        x: Tensor of any shape.
        activation: "scaled_tanh" for `1.7159 tanh(2/3 a)` (equation 6 and
            appendix A), or the name of an activation of Keras, such as
            "sigmoid".
        name: Name of the layer that it belongs to; the names of the layers
            made here begin with it.

    Returns:
        Tensor of the same shape.

    Raises:
        UsageError: There is no such activation.
    """
    if activation != "scaled_tanh":
        check_activation(activation, "scaled_tanh, ")
        return keras.layers.Activation(activation, name=f"{name}_squashed")(x)
    # Three layers of Keras's own, so that no function of tlkit's has to be
    # there when the model is loaded.
    x = keras.layers.Rescaling(SLOPE, name=f"{name}_slope")(x)
    x = keras.layers.Activation("tanh", name=f"{name}_tanh")(x)
    return keras.layers.Rescaling(AMPLITUDE, name=f"{name}_squashed")(x)


def check_activation(activation: str, besides: str = "") -> None:
    """Checks the name of an activation.

    Args:
        activation: The name to check.
        besides: Further names that the error message lists first, each
            followed by a comma and a space.

    Raises:
        UsageError: Keras has no activation of this name.
    """
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
    """Checks the name of a pooling.

    Args:
        pooling: The name to check.
        poolings: The names that are allowed.

    Raises:
        UsageError: The name is not allowed.
    """
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
    """Appends a convolution without padding.

    Its initial weights are those of `uniform`, its biases zero.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        filters: Number of output maps.
        kernel_size: `(height, width)` of the kernels.
        name: Name of the layer.

    Returns:
        Feature map, smaller than `x` by the size of a kernel less one.

    Raises:
        UsageError: `x` is not a feature map, or is smaller than a kernel.
    """
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
    """Appends a convolution without padding over a table of connections.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        table: For each output map, the input maps that it sees.
        kernel_size: `(height, width)` of the kernels.
        name: Name of the layer.

    Returns:
        Feature map, smaller than `x` by the size of a kernel less one.

    Raises:
        UsageError: `x` is smaller than a kernel, or has fewer maps than the
            table names.
    """
    return fit(TableConv2D(table, kernel_size, name=name), x)


def dense(x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
    """Appends a fully connected layer.

    Its initial weights are those of `uniform`, its biases zero.

    Args:
        x: Tensor of shape `(batch, length)`.
        units: Number of outputs.
        name: Name of the layer.

    Returns:
        Tensor of shape `(batch, units)`.
    """
    initial = uniform(x.shape[-1])
    return keras.layers.Dense(units, kernel_initializer=initial, name=name)(x)


def uniform(fan_in: int) -> keras.Initializer:
    """Returns the paper's initial weights: uniform from -2.4 / F to 2.4 / F.

    Args:
        fan_in: Number of inputs of a unit, the paper's F.
    """
    return keras.initializers.RandomUniform(-2.4 / fan_in, 2.4 / fan_in)


def pool_trainable(
    x: keras.KerasTensor, activation: str, name: str, copies: int = 1
) -> keras.KerasTensor:
    """Halves each map: mean of 2x2, times a coefficient, plus a bias.

    The paper multiplies the sum of the four values by its coefficient, so
    the coefficient here is four times the paper's. It starts at 1, which
    makes a plain mean. Before a sigmoid it starts at 4, and the bias at -2:
    pooling and sigmoid together are then nearly the identity from 0 to 1.
    Otherwise a stack of them would learn nothing.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        activation: Activation applied to the result; see `squash`.
        name: Name of the layer that holds the coefficients and biases.
        copies: Number of output maps made of each input map, each with its
            own coefficient and bias.

    Returns:
        Feature map of shape `(batch, height // 2, width // 2,
        channels * copies)`.

    Raises:
        UsageError: The feature map is smaller than 2x2, or there is no such
            activation.
    """
    x = fit(keras.layers.AveragePooling2D(2, name=f"{name}_mean"), x)
    coefficient, bias = (4.0, -2.0) if activation == "sigmoid" else (1.0, 0.0)
    # A depthwise 1x1 convolution is one factor and one bias for each map.
    x = keras.layers.DepthwiseConv2D(
        1,
        depth_multiplier=copies,
        depthwise_initializer=keras.initializers.Constant(coefficient),
        bias_initializer=keras.initializers.Constant(bias),
        name=name,
    )(x)
    return squash(x, activation, name)
