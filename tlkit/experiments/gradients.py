"""Faster gradients of two operations that are slow with few channels.

The first maps of LeNet have 6 channels. They fill neither a register nor the
loops of TensorFlow, which are made for 16 and more. The same sums over longer
rows take half the time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tlkit.tensor.graphs import count_calls

#: With at least this many channels, TensorFlow's own sums are as fast.
_MANY = 16


def call_quickly(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function that calls a network in training, with fast gradients.

    Values and gradients are those of `model(images, training=True)`. Only
    the order in which the gradient of a bias is summed differs.

    Args:
        model: Any model. One whose layers do not form a single chain is
            called in the usual way.

    Returns:
        A function from images `(batch, height, width, channels)` to the
        output of the model.
    """
    layers = _row_of_layers(model)
    if layers is None:
        return functools.partial(model, training=True)

    def call(values: tf.Tensor) -> tf.Tensor:
        for layer in layers:
            values = _call(layer, values)
        return values

    return call


def _row_of_layers(model: keras.Model) -> list[keras.Layer] | None:
    """Returns the layers if each takes only the output of the one before.

    None stands for any other model.
    """
    if None in model.input_shape[1:] or len(model.outputs) > 1:
        return None
    layers = [x for x in model.layers if type(x) is not keras.layers.InputLayer]
    before = model.inputs[0]
    for layer in layers:
        # A layer that is used twice has no single input.
        if count_calls(layer) != 1 or layer.input is not before:
            return None
        before = layer.output
    return layers if before is model.outputs[0] else None


def _call(layer: keras.Layer, values: tf.Tensor) -> tf.Tensor:
    if _pools_evenly(layer, values):
        return _make_average(*layer.pool_size)(values)
    if _has_narrow_bias(layer):
        # What `Conv2D` does, but with the bias added by `_add_bias`.
        maps = keras.ops.conv(
            values,
            layer.kernel,
            layer.strides,
            layer.padding,
            layer.data_format,
            layer.dilation_rate,
        )
        return layer.activation(_add_bias(maps, layer.bias.value))
    return layer(values, training=True)


def _pools_evenly(layer: keras.Layer, values: tf.Tensor) -> bool:
    """Says whether the windows cover each pixel exactly once.

    Only then is the gradient of a pixel that of one mean.
    """
    return (
        type(layer) is keras.layers.AveragePooling2D
        and layer.data_format == "channels_last"
        and tuple(layer.strides) == tuple(layer.pool_size)
        and values.shape[3] < _MANY
        and values.shape[1] % layer.pool_size[0] == 0
        and values.shape[2] % layer.pool_size[1] == 0
    )


def _has_narrow_bias(layer: keras.Layer) -> bool:
    # `type` and not `isinstance`: a subclass may compute something else.
    return (
        type(layer) is keras.layers.Conv2D
        and layer.data_format == "channels_last"
        and layer.use_bias
        and layer.filters < _MANY
        and layer.activity_regularizer is None
        and layer.compute_dtype == "float32"
    )


@functools.cache
def _make_average(high: int, wide: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns average pooling whose gradient is copied and not summed."""

    @tf.custom_gradient
    def average(values: tf.Tensor) -> Any:
        _, height, width, channels = values.shape

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            along = tf.concat([upstream / (high * wide)] * wide, axis=3)
            row = tf.reshape(along, (-1, height // high, width * channels))
            rows = tf.concat([row] * high, axis=2)
            return tf.reshape(rows, (-1, height, width, channels))

        size = (high, wide)
        return tf.nn.avg_pool2d(values, size, size, "VALID"), gradient

    return average


@tf.custom_gradient
def _add_bias(maps: tf.Tensor, bias: tf.Tensor) -> Any:
    """Adds a bias, whose gradient is summed over images, then over places.

    The first sum runs over rows of all places and channels, which are long.
    """
    _, height, width, channels = maps.shape

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.reshape(upstream, (-1, height * width * channels))
        places = tf.reshape(tf.reduce_sum(images, axis=0), (-1, channels))
        return upstream, tf.reduce_sum(places, axis=0)

    return maps + bias, gradient
