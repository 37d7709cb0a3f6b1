"""A model whose inner models are laid open in one flat graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from tlkit.base.errors import UsageError
from tlkit.tensor.graphs import every_layer, graph_of, run_through


def flatten(model: keras.Model, tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Calls copies of a model's layers on a tensor, one after the other.

    Layers inside inner models become layers of the outer graph, so that each
    can be reached by its name after a reload. The weights are copied, too.

    Args:
        model: A functional or sequential model with one input.
        tensor: Symbolic tensor that the model can be called on.

    Returns:
        Symbolic tensor of what the model gives.

    Raises:
        UsageError: Two layers have the same name.
    """
    leaves = [x for x in every_layer(model) if graph_of(x) is None]
    names = [layer.name for layer in leaves]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(
            "Two layers of the model have the same name.",
            where=f"model {model.name}",
            expected="names of their own, also inside inner models",
            received=", ".join(sorted(twice)),
        )
    copies: dict[str, keras.Layer] = {}
    (output,) = keras.tree.flatten(_run(graph_of(model), tensor, copies))
    for layer in leaves:
        if layer.weights:
            copies[layer.name].set_weights(layer.get_weights())
    return output


def _run(graph: Any, tensor: Any, copies: dict[str, keras.Layer]) -> Any:
    def replace(operation: Any) -> Callable:
        inner = graph_of(operation)
        if inner is not None:
            return lambda x, **_: _run(inner, x, copies)
        if not isinstance(operation, keras.layers.Layer):
            return operation
        if operation.name not in copies:
            # One copy, however often the layer is called.
            config = operation.get_config()
            copies[operation.name] = type(operation).from_config(config)
        return copies[operation.name]

    # Not by `standard_inputs`, which would put a conversion into the graph.
    return run_through(graph, [tensor], replace)
