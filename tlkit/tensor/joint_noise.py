"""Random layers on several replicas: the numbers of one batch.

Keras's dropout draws the same numbers on every replica, so that with two of
them the first image of each half is treated alike, and no training on two
devices is the one on a single device. Here each replica draws the numbers of
the whole batch, from the same state, and takes those of its own images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.tensor.graphs import (
    every_layer,
    graph_of,
    in_training,
    nodes_in_order,
    run_through,
    seed_generators,
    standard_inputs,
)

#: Layers that multiply by numbers of their own, and that add some.
_FACTORS = (keras.layers.Dropout, keras.layers.GaussianDropout)
_SUMMANDS = (keras.layers.GaussianNoise,)


def run_jointly(
    model: keras.Model, inputs: tf.Tensor, replicas: int
) -> tf.Tensor:
    """Runs a model in training, as a part of what all replicas compute.

    Call it in the context of a replica. All replicas must have as many
    images.

    Args:
        model: A functional or sequential model of one output, for which
            `check_noise` raises no error.
        inputs: The images of this replica, of shape `(batch, ...)`.
        replicas: Number of replicas.

    Returns:
        The output for these images. Over all replicas together it is what
        the model gives for all images at once.
    """

    def replace(operation: Any) -> Callable:
        inner = graph_of(operation)
        if inner is not None:
            return lambda values, **_: _run(inner, values, replace)
        if _draws(operation):
            return lambda values, **_: _with_noise(operation, values, replicas)
        return in_training(operation)

    return _run(graph_of(model), inputs, replace)


def _run(graph: Any, inputs: Any, replace: Callable[[Any], Callable]) -> Any:
    outputs = run_through(graph, standard_inputs(graph, inputs), replace)
    (output,) = keras.tree.flatten(outputs)
    return output


def _draws(operation: Any) -> bool:
    """Returns whether this is a layer whose numbers can be drawn jointly."""
    known = isinstance(operation, _FACTORS + _SUMMANDS)
    return known and bool(seed_generators(operation))


def _with_noise(
    layer: keras.Layer, values: tf.Tensor, replicas: int
) -> tf.Tensor:
    values = tf.cast(values, layer.compute_dtype)
    count = tf.shape(values)[0]
    whole = tf.concat([[replicas * count], tf.shape(values)[1:]], 0)
    factors = isinstance(layer, _FACTORS)
    neutral = tf.ones if factors else tf.zeros
    noise = layer(neutral(whole, values.dtype), training=True)
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    own = tf.ensure_shape(
        noise[number * count : (number + 1) * count], values.shape
    )
    return values * own if factors else values + own


def check_noise(model: keras.Model) -> None:
    """Checks that several replicas can train a model as one would.

    Args:
        model: The model that is trained.

    Raises:
        UsageError: It has a layer whose random numbers cannot be drawn for
            all replicas together, or a batch normalisation that learns, whose
            statistics would be those of one replica.
    """
    if graph_of(model) is None:
        raise _not_possible("the model is not a graph of layers", model.name)
    inside = {id(layer) for layer in _reached(graph_of(model))}
    for layer in every_layer(model):
        if seed_generators(layer) and not (
            _draws(layer) and id(layer) in inside
        ):
            kind = type(layer).__name__
            raise _not_possible(f"{kind} draws for each device", layer.name)
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        if normalises and layer.trainable:
            raise _not_possible(
                "a batch normalisation that learns sees the images of one "
                "device alone",
                layer.name,
            )


def _reached(graph: Any) -> list[Any]:
    """Returns the operations that run one by one, nested graphs included."""
    found = []
    for node in nodes_in_order(graph):
        inner = graph_of(node.operation)
        found += [node.operation] if inner is None else _reached(inner)
    return found


def _not_possible(reason: str, name: str) -> UsageError:
    return UsageError(
        f"Several devices cannot train this model: {reason}.",
        where=f"layer {name}",
        remedy="Train it on one device: --devices 1, or leave the layer out.",
    )
