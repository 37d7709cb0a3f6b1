"""The end of a classifier: its scores before softmax or sigmoid.

A softmax answers "this class and not the others", and its gradient vanishes
where the network is sure. Explanations therefore ask for the score before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from tlkit.base.errors import TlkitError
from tlkit.tensor.graphs import first_input, origin

#: Layers that, in prediction, leave the values of the scores as they are.
_PASSING = (
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Dropout,
)
#: Layers that may themselves be the last one: each map is a class's score.
_POOLS = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
)


class End(NamedTuple):
    """Where a classifier's scores become probabilities.

    Attributes:
        operation: The layer, or the bare operation, that does it.
        kind: One of "softmax", "sigmoid" and "linear". With "linear" the
            scores are the output, and no probabilities are made.
    """

    operation: keras.Operation
    kind: str


def find_end(tensor: keras.KerasTensor, where: str) -> End:
    """Finds the operation that turns a model's scores into probabilities.

    Args:
        tensor: An output of a functional model.
        where: Name of the model, for the message of the error.

    Raises:
        TlkitError: The model ends in something else, so that it is not a
            classifier.
    """
    # Backwards from the output, into inner models and past reshaping layers.
    operation, call, place = origin(tensor)
    inner = getattr(operation, "outputs", None)
    if isinstance(operation, keras.Model) and inner:
        return find_end(inner[place], where)
    if _passes(operation):
        return find_end(first_input(operation, call), where)
    kind = _kind(operation)
    if kind is None:
        raise TlkitError(
            "The model is not a classifier.",
            where=f"model {where}",
            expected="a last layer with softmax, sigmoid or no activation",
            received=f"{type(operation).__name__} {operation.name}",
        )
    return End(operation, kind)


def _passes(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.Activation):
        return operation.activation is keras.activations.linear
    return isinstance(operation, _PASSING)


def _kind(operation: keras.Operation) -> str | None:
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    if isinstance(operation, _POOLS):  # Network in Network: a map per class
        return "linear"
    if isinstance(operation, keras.Layer):
        activation = getattr(operation, "activation", None)
        name = getattr(activation, "__name__", "")
    else:  # a bare operation, such as keras.ops.softmax
        name = type(operation).__name__.lower()
    return name if name in ("softmax", "sigmoid", "linear") else None


def without_activation(operation: keras.Operation) -> Callable[..., Any]:
    """Returns a function that computes a last layer without its activation.

    Args:
        operation: The operation of an `End`. It is not changed.

    Returns:
        A function that takes what the layer takes. Where the layer ends in an
        activation, it computes in float32.
    """
    if isinstance(operation, _POOLS):
        return operation
    if not _has_scores_of_its_own(operation):
        return lambda scores, **_: keras.ops.cast(scores, "float32")
    twin = linear_twin(operation)
    # `call` and not the layer itself, whose dtype policy would cast the input
    # back to half precision.
    return lambda x, **_: twin.call(keras.ops.cast(x, "float32"))


def linear_twin(layer: keras.Layer) -> keras.Layer:
    """Returns a layer with the same weights and without the activation.

    Args:
        layer: A layer with an attribute `activation`. It is not changed.
    """
    # Keras's own way to copy, `from_config`, would make new weights. This
    # shares them.
    twin = object.__new__(type(layer))
    twin.__dict__.update(layer.__dict__)
    twin.__dict__["activation"] = keras.activations.linear
    return twin


def _has_scores_of_its_own(operation: keras.Operation) -> bool:
    # These two have nothing but the activation: their input is the scores.
    alone = (keras.layers.Softmax, keras.layers.Activation)
    layer = isinstance(operation, keras.Layer)
    return layer and not isinstance(operation, alone)
