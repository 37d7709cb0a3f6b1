"""A classifier's end: its logits, without its softmax or sigmoid.

A softmax answers "this class and not the others", and its gradient vanishes
where the network is sure. Explanations ask for the value before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from tlkit.base.errors import TlkitError
from tlkit.tensor.graphs import first_input, origin

#: Layers that change the shape of the scores, or nothing, in prediction.
_PASSING = (
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Dropout,
)
_POOLS = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
)


class End(NamedTuple):
    """Where a classifier's scores become probabilities.

    Attributes:
        operation: the layer, or the bare operation, that does it.
        kind: "softmax", "sigmoid" or "linear" (the scores are the output).
    """

    operation: keras.Operation
    kind: str


def find_end(tensor: keras.KerasTensor, where: str) -> End:
    """Finds what turns a model's scores into probabilities.

    Args:
        tensor: an output of a functional model.
        where: the model's name, for the error.

    Raises:
        TlkitError: the model ends in something else: it is no classifier.
    """
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
    if isinstance(operation, _POOLS):  # NiN: a map for each class
        return "linear"
    if isinstance(operation, keras.Layer):
        activation = getattr(operation, "activation", None)
        name = getattr(activation, "__name__", "")
    else:  # such as keras.ops.softmax
        name = type(operation).__name__.lower()
    return name if name in ("softmax", "sigmoid", "linear") else None


def without_activation(operation: keras.Operation) -> Callable[..., Any]:
    """Returns what a last layer computes before its activation, in float32.

    Args:
        operation: of an `End`; it is not changed.
    """
    if isinstance(operation, _POOLS):
        return operation
    if not _has_scores_of_its_own(operation):
        return lambda scores, **_: keras.ops.cast(scores, "float32")
    twin = linear_twin(operation)
    return lambda x, **_: twin.call(keras.ops.cast(x, "float32"))


def linear_twin(layer: keras.Layer) -> keras.Layer:
    """Returns a layer with the same weights and without the activation.

    Args:
        layer: has an attribute `activation`; it is not changed.
    """
    # Keras's own copying would make other weights; this shares them.
    twin = object.__new__(type(layer))
    twin.__dict__.update(layer.__dict__)
    twin.__dict__["activation"] = keras.activations.linear
    return twin


def _has_scores_of_its_own(operation: keras.Operation) -> bool:
    alone = (keras.layers.Softmax, keras.layers.Activation)
    layer = isinstance(operation, keras.Layer)
    return layer and not isinstance(operation, alone)
