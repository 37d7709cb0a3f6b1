"""Layers of a model and of the models inside it: their names and outputs.

A model that stands in another one as a layer has a graph of its own, which
`keras.Model(outer.inputs, inner_layer.output)` cannot join to the outer one
("Output with path ... is not connected"). Here the graphs are walked through
instead, each operation called on the tensors of its predecessors; nothing is
built, copied or connected, so the model stays as it is.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from tlkit.errors import UsageError
from tlkit.models.specs import did_you_mean


def inner_layers(
    model: keras.Model, prefix: str = ""
) -> Iterator[tuple[str, keras.Operation]]:
    """Goes through all operations of a model, those of inner models too.

    Args:
        model: a functional or sequential model that is built.
        prefix: what to put before each path.

    Yields:
        Path and operation, input to output, an inner model before what is
        inside it. A path is the layer's name, after the names of the models
        it is in: `"base/block1_conv1"`.

    Raises:
        UsageError: the model has no graph, or not yet.
    """
    if not _has_graph(model) or not model.built:
        raise UsageError(
            "Layers can be looked into where they form a graph.",
            where=f"model {model.name}",
            expected="a functional or sequential model that is built",
            received=type(model).__name__
            + ("" if model.built else ", unbuilt"),
        )
    sequential = isinstance(model, keras.Sequential)
    for operation in model.layers if sequential else model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        path = prefix + operation.name
        yield path, operation
        if _has_graph(operation):
            yield from inner_layers(operation, f"{path}/")


def _has_graph(operation: keras.Operation) -> bool:
    # `operations` are what a functional model has and no other layer.
    return isinstance(operation, keras.Sequential) or (
        isinstance(operation, keras.Model) and hasattr(operation, "operations")
    )


def find_path(model: keras.Model, name: str) -> str:
    """Finds a layer in a model or in the models inside it.

    Args:
        model: a functional or sequential model.
        name: a path as in `inner_layers`, or the name alone where only one
            layer has it.

    Returns:
        The path.

    Raises:
        UsageError: no layer has this name, or several inner ones have.
    """
    paths = [path for path, _ in inner_layers(model)]
    if name in paths:
        return name
    inside = [path for path in paths if path.endswith(f"/{name}")]
    if len(inside) == 1:
        return inside[0]
    names = [path.rpartition("/")[2] for path in paths]
    raise UsageError(
        f"The model has {'several layers' if inside else 'no layer'} {name!r}.",
        where=f"model {model.name}",
        expected=f"one of {', '.join(inside)}" if inside else "a layer's name",
        received=repr(name),
        remedy=did_you_mean(name, dict.fromkeys(paths + names)),
    )


def layer_outputs(
    model: keras.Model,
    images: Any,
    paths: Sequence[str],
    resizes: bool = True,
) -> dict[str, Any]:
    """Computes what chosen layers put out, in one forward pass.

    The pass is in inference mode and ends at the last of them. Of a layer
    that is called several times, it is the first time that counts.

    Args:
        model: a functional or sequential model with one input.
        images: a tensor or array as the model takes it.
        paths: of layers, as `find_path` returns them.
        resizes: False to leave out the `Resizing` layers: the network then
            works at the size of `images`.

    Returns:
        A tensor per path, with the channels last.

    Raises:
        UsageError: a layer's output is not of the shape
            `(batch, height, width, channels)`.
    """
    walk = _Walk(set(paths), resizes)
    with contextlib.suppress(_AllFoundError):
        walk.through(model, [images], "")
    for path in paths:
        shape = getattr(walk.found[path], "shape", None)
        if shape is None or len(shape) != 4:
            raise UsageError(
                f"Layer {path} has no height and width.",
                where=f"model {model.name}",
                expected="an output of shape (batch, height, width, channels)",
                received=shape and tuple(shape),
            )
    return {path: walk.found[path] for path in paths}


class _AllFoundError(Exception):
    """Ends a walk early; what is above may not fit the images' size."""


class _Walk:
    """One forward pass that keeps what the wanted layers put out."""

    def __init__(self, wanted: set[str], resizes: bool) -> None:
        self.wanted = wanted
        self.resizes = resizes
        self.found: dict[str, Any] = {}

    def through(self, model: keras.Model, inputs: list, prefix: str) -> Any:
        inputs = [
            keras.ops.convert_to_tensor(x, dtype=entry.dtype)
            for x, entry in zip(inputs, model.inputs, strict=True)
        ]
        if isinstance(model, keras.Sequential):
            (x,) = inputs
            for layer in model.layers:
                x = self._call(layer, prefix, x)
            return x
        # Keras's own way through a functional graph; not public.
        return model._run_through_graph(
            inputs,
            operation_fn=lambda operation: functools.partial(
                self._call, operation, prefix
            ),
        )

    def _call(
        self, operation: keras.Operation, prefix: str, *args: Any, **kwargs: Any
    ) -> Any:
        path = prefix + operation.name
        if _has_graph(operation):
            tensors = keras.tree.flatten(args)
            output = self.through(operation, tensors, f"{path}/")
        elif not self.resizes and isinstance(operation, keras.layers.Resizing):
            output = args[0]
        else:
            if "training" in inspect.signature(operation.call).parameters:
                kwargs["training"] = False
            output = operation(*args, **kwargs)
        if path in self.wanted:
            self.found.setdefault(path, output)
            if len(self.found) == len(self.wanted):
                raise _AllFoundError
        return output
