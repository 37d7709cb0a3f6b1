"""The end of a classifier: where its scores become probabilities.

A Keras model may end in probabilities or in the scores before them, and its
file does not say which. The last operation of its graph mostly does.
"""

from __future__ import annotations

from typing import NamedTuple

import keras

from tlkit.models.classic.radial_basis import are_distances
from tlkit.tensor.graphs import first_input, origin

SOFTMAX, LOG_SOFTMAX, SIGMOID = "softmax", "log_softmax", "sigmoid"
LINEAR, DISTANCES = "linear", "distances"

#: Layers that, in prediction, leave the values of the scores as they are.
_PASSING = (
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Dropout,
)
POOLS = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
)
"""Layers that may themselves be the last one: each map is a class's score."""
#: Activations whose values may be probabilities; Keras's others make scores.
_PROBABLE = ("softmax", "log_softmax", "sigmoid", "hard_sigmoid", "sparsemax")


class End(NamedTuple):
    """Where a classifier's scores become probabilities.

    Attributes:
        operation: The layer, or the bare operation, that does it.
        kind: One of `SOFTMAX`, `LOG_SOFTMAX` and `SIGMOID`, which are made of
            scores; `LINEAR`, where the output is the scores; and `DISTANCES`,
            of which the smallest wins.
    """

    operation: keras.Operation
    kind: str


def find_end(tensor: keras.KerasTensor) -> End | None:
    """Finds the operation that turns a model's scores into probabilities.

    Args:
        tensor: An output of a functional model.

    Returns:
        The end; None where the model ends in something else, such as a layer
        of someone's own, of which the graph does not tell what it does.
    """
    # Backwards from the output, into inner models and past reshaping layers.
    operation, call, place = origin(tensor)
    inner = getattr(operation, "outputs", None)
    if isinstance(operation, keras.Model) and inner:
        return find_end(inner[place])
    if _passes(operation):
        return find_end(first_input(operation, call))
    if are_distances(operation):
        return End(operation, DISTANCES)
    kind = _kind(operation)
    return None if kind is None else End(operation, kind)


def ends_in_scores(tensor: keras.KerasTensor) -> bool:
    """Returns whether an activation of Keras's, such as ReLU, makes scores.

    Args:
        tensor: An output of a functional model, of which `find_end` finds no
            end.
    """
    operation, call, place = origin(tensor)
    inner = getattr(operation, "outputs", None)
    if isinstance(operation, keras.Model) and inner:
        return ends_in_scores(inner[place])
    # The means of what is never negative may lie between 0 and 1 by chance.
    if _passes(operation) or isinstance(operation, POOLS):
        return ends_in_scores(first_input(operation, call))
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", "softmax")
    return is_of_keras(operation) and name not in _PROBABLE


def is_of_keras(operation: keras.Operation) -> bool:
    """Returns whether an operation is Keras's own, and not someone else's."""
    return type(operation).__module__.split(".")[0] == "keras"


def _passes(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.Activation):
        return operation.activation is keras.activations.linear
    return isinstance(operation, _PASSING)


def _kind(operation: keras.Operation) -> str | None:
    if isinstance(operation, keras.layers.Softmax):
        return SOFTMAX
    if isinstance(operation, POOLS):  # Network in Network: a map per class
        return LINEAR
    if isinstance(operation, keras.Layer):
        activation = getattr(operation, "activation", None)
        name = getattr(activation, "__name__", "")
    else:  # a bare operation, such as keras.ops.softmax
        name = type(operation).__name__.lower()
        name = LOG_SOFTMAX if name == "logsoftmax" else name
    known = (SOFTMAX, LOG_SOFTMAX, SIGMOID, LINEAR)
    return name if name in known else None
