"""The scores of a classifier, before its softmax or sigmoid.

A softmax answers "this class and not the others", and its gradient vanishes
where the network is sure. Explanations therefore ask for the score before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from tlkit.base.errors import TlkitError
from tlkit.models.ends import DISTANCES, POOLS, End, find_end
from tlkit.tensor.graphs import origin


def end_of(tensor: keras.KerasTensor, where: str) -> End:
    """Finds the operation that turns a model's scores into probabilities.

    Args:
        tensor: An output of a functional model.
        where: Name of the model, for the message of the error.

    Raises:
        TlkitError: The model ends in something else, so that its scores are
            not known.
    """
    end = find_end(tensor)
    if end is None:
        operation = origin(tensor).operation
        raise TlkitError(
            "The model is not a classifier whose scores are known.",
            where=f"model {where}",
            expected="a last layer with softmax, sigmoid or no activation",
            received=f"{type(operation).__name__} {operation.name}",
            remedy="Build the model of keras.Input and layers, and end it in "
            "one of Keras's own, such as keras.layers.Softmax.",
        )
    return end


def without_activation(end: End) -> Callable[..., Any]:
    """Returns a function that computes a last layer without its activation.

    Args:
        end: The end of a model. Its operation is not changed.

    Returns:
        A function that takes what the layer takes. Where the layer ends in an
        activation, it computes in float32. Of distances it returns the
        negatives, as the nearest class has the highest score.
    """
    operation = end.operation
    if end.kind == DISTANCES:
        return lambda *args, **_: -operation(*args)
    if isinstance(operation, POOLS):
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
