"""Keras's graphs from the inside: the only file that reads private parts.

Keras has no public way to ask what a tensor was computed by, or to run a
graph with other operations in place of its own. What is used here was read
in Keras 3.15.1; `tests/tensor/test_graphs.py` holds it against small models,
so that a release that moves these parts fails there and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras


class Origin(NamedTuple):
    """Where a symbolic tensor comes from.

    Attributes:
        operation: The layer or operation that computed it.
        call: Which of the operation's calls did, from 0.
        place: Its place among the outputs of that call, from 0.
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
        call: Which of its calls, from 0.
    """
    return operation._inbound_nodes[call].input_tensors[0]


def count_calls(operation: Any) -> int:
    """Returns in how many places of all graphs an operation was called."""
    return len(operation._inbound_nodes)


def every_layer(model: keras.Layer) -> list[keras.Layer]:
    """Returns the layers of a model and of the models inside it."""
    return list(model._flatten_layers(include_self=False, recursive=True))


def graph_of(operation: Any) -> Any:
    """Returns what holds an operation's graph, or None if it has none.

    Args:
        operation: Anything: a functional or sequential model has a graph, a
            layer has none.
    """
    if isinstance(operation, keras.Sequential):
        operation = operation._functional
    return operation if hasattr(operation, "_run_through_graph") else None


def nodes_in_order(graph: Any) -> Iterator[Any]:
    """Yields a graph's nodes in the order in which they run.

    Inputs are left out.

    Args:
        graph: From `graph_of`.
    """
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.operation is not None and not node.is_input:
                yield node


def run_through(
    graph: Any, inputs: Any, replace: Callable[[Any], Callable]
) -> Any:
    """Runs a graph with other operations in the places of its own.

    Args:
        graph: From `graph_of`.
        inputs: One value for each input, of any kind that the replacements
            take; tensors as `standard_inputs` returns them.
        replace: Gets an operation and returns what is called instead.

    Returns:
        The outputs, in the graph's own structure.
    """
    return graph._run_through_graph(inputs, operation_fn=replace)


def standard_inputs(graph: Any, inputs: Any) -> Any:
    """Returns tensors as a graph expects them, flattened and cast.

    Args:
        graph: From `graph_of`.
        inputs: What a model with this graph may be called on.
    """
    return graph._standardize_inputs(inputs)
