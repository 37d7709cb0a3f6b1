"""Reads the graphs of Keras models, by private parts of Keras.

Keras has no public function that tells which layer computed a tensor, or that
runs a graph with other operations in place of its own. The private parts used
here are those of Keras 3.15.1. `tests/tensor/test_graphs.py` tries them on
small models, so that a release of Keras that moves them fails there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras


class Origin(NamedTuple):
    """The origin of a symbolic tensor.

    Attributes:
        operation: The layer or operation that computed the tensor.
        call: Number of the operation's call that computed it, from 0. A
            layer that is shared has several calls.
        place: Number of the tensor among the outputs of that call, from 0.
    """

    operation: Any
    call: int
    place: int


def origin(tensor: keras.KerasTensor) -> Origin:
    """Returns the operation that computed a symbolic tensor.

    Example:
        >>> x = keras.Input((4,))
        >>> y = keras.layers.Dense(2, name="last")(x)
        >>> origin(y).operation.name
        'last'
    """
    return Origin(*tensor._keras_history)


def first_input(operation: Any, call: int = 0) -> keras.KerasTensor:
    """Returns the first tensor that an operation was called on.

    Args:
        operation: A layer or operation of a graph.
        call: Number of the call, from 0.
    """
    return operation._inbound_nodes[call].input_tensors[0]


def count_calls(operation: Any) -> int:
    """Returns how often an operation was called, in all graphs together."""
    return len(operation._inbound_nodes)


def every_layer(model: keras.Layer) -> list[keras.Layer]:
    """Returns the layers of a model and of the models inside it."""
    return list(model._flatten_layers(include_self=False, recursive=True))


def seed_generators(layer: keras.Layer) -> list[keras.random.SeedGenerator]:
    """Returns what draws the random numbers of a layer, of its own alone."""
    return [
        value
        for value in vars(layer).values()
        if isinstance(value, keras.random.SeedGenerator)
    ]


def in_training(operation: Any) -> Callable:
    """Returns a function that calls an operation as `fit` would.

    Args:
        operation: A layer or operation of a graph.
    """
    # It goes before the value that stands in the graph, as in Keras.
    if "training" not in getattr(operation, "_call_context_args", ()):
        return operation

    def call(*inputs: Any, **named: Any) -> Any:
        return operation(*inputs, **{**named, "training": True})

    return call


def graph_of(operation: Any) -> Any:
    """Returns the object that holds an operation's graph, or None.

    Args:
        operation: Any layer, model or operation. Functional and sequential
            models have a graph; all others have none.
    """
    # A sequential model keeps a functional one inside, which is made when the
    # shape of its input is known.
    if isinstance(operation, keras.Sequential):
        operation = operation._functional
    return operation if hasattr(operation, "_run_through_graph") else None


def nodes_in_order(graph: Any) -> Iterator[Any]:
    """Yields a graph's nodes in the order in which they run.

    Inputs are left out.

    Args:
        graph: A graph from `graph_of`.
    """
    # Keras counts depths from the outputs, so the deepest nodes run first.
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.operation is not None and not node.is_input:
                yield node


def run_through(
    graph: Any, inputs: Any, replace: Callable[[Any], Callable]
) -> Any:
    """Runs a graph with other operations in the places of its own.

    Args:
        graph: A graph from `graph_of`.
        inputs: One value for each input, of any kind that the replacements
            take. Tensors must have the form that `standard_inputs` returns.
        replace: Function that is given an operation and returns the function
            to call in its place.

    Returns:
        The outputs, in the structure of the graph's outputs.
    """
    return graph._run_through_graph(inputs, operation_fn=replace)


def standard_inputs(graph: Any, inputs: Any) -> Any:
    """Returns tensors as a graph expects them, flattened and cast.

    Fractions are kept where the graph expects whole numbers, as of pixels:
    a cast to those has no gradient.

    Args:
        graph: A graph from `graph_of`.
        inputs: Anything on which a model with this graph can be called.
    """
    given = keras.tree.flatten(inputs)
    ready = graph._standardize_inputs(inputs)
    return [
        own if _is_float(own) and not _is_float(cast) else cast
        for own, cast in zip(given, ready, strict=True)
    ]


def _is_float(tensor: Any) -> bool:
    return keras.backend.is_float_dtype(
        keras.backend.standardize_dtype(tensor.dtype)
    )
