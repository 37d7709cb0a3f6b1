"""Models run step by step, nested ones included.

Keras connects layers into graphs, and a graph cannot be cut inside a nested
model: its tensors belong to another graph. Here the model's own steps are
run instead, one after the other. Nothing is built, so nothing of the model
changes.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import TlkitError, UsageError
from tlkit.tensor import graphs


class Step(NamedTuple):
    """One operation of a network.

    Attributes:
        path: names from the outside in, as in `"vgg16/block5_conv3"`.
        operation: the layer, or a bare operation such as an addition.
        shape: of its output, without the batch; None where it varies.
    """

    path: str
    operation: keras.Operation
    shape: tuple[int | None, ...]

    @property
    def is_map(self) -> bool:
        """Whether the output has height, width (over 1) and channels."""
        return len(self.shape) == 3 and 1 not in self.shape[:2]


def graph_of(model: keras.Model) -> Any:
    """Returns the functional graph of a model.

    Args:
        model: functional, or sequential and built.

    Raises:
        TlkitError: it is neither; its steps are not known.
    """
    built = not isinstance(model, keras.Sequential) or model.built
    graph = graphs.graph_of(model) if built else None
    if graph is None:
        raise TlkitError(
            "The model's layers are not known.",
            where=f"model {getattr(model, 'name', model)}",
            expected="a functional model, or a sequential one that is built",
            received=type(model).__name__,
            remedy="Make it of keras.Input and layers.",
        )
    return graph


def list_steps(graph: Any, prefix: str) -> list[Step]:
    """Lists a graph's operations in the order in which they run.

    Args:
        graph: from `graph_of`.
        prefix: what stands before their names.
    """
    steps = []
    for node in graphs.nodes_in_order(graph):
        path = prefix + node.operation.name
        inner = graphs.graph_of(node.operation)
        if inner is not None:
            steps += list_steps(inner, f"{path}/")
        else:
            shape = tuple(getattr(node.outputs[0], "shape", ()))[1:]
            steps.append(Step(path, node.operation, shape))
    return steps


def run_graph(
    graph: Any, inputs: Any, prefix: str, call: Callable
) -> list[Any]:
    """Runs a graph.

    Args:
        graph: from `graph_of`.
        inputs: its input.
        prefix: what stands before the names of its operations.
        call: gets an operation's path, the operation, its arguments and its
            keywords, and returns its output.

    Returns:
        The outputs, in the order of `graph.outputs`.
    """

    def hook(operation: Any) -> Callable:
        path = prefix + operation.name
        inner = graphs.graph_of(operation)
        if inner is None:
            return lambda *args, **kwargs: call(path, operation, args, kwargs)
        return lambda inputs, **_: run_graph(inner, inputs, f"{path}/", call)

    ready = graphs.standard_inputs(graph, inputs)
    outputs = graphs.run_through(graph, ready, hook)
    return keras.tree.flatten(outputs)


def predicting(operation: Any) -> Callable:
    """Returns a layer as it is called in prediction.

    Without dropout or batch statistics, whatever its own default is.

    Args:
        operation: a layer, or a bare operation, which is returned as it is.
    """
    call = getattr(operation, "call", operation)
    if "training" not in inspect.signature(call).parameters:
        return operation

    def predict(*args: Any, **kwargs: Any) -> Any:
        return operation(*args, **{**kwargs, "training": False})

    return predict


def find_step(steps: Sequence[Step], name: str, model_name: str) -> Step:
    """Finds a step by its path, or by its bare name if only one has it.

    Args:
        steps: from `list_steps`.
        name: such as `"vgg16/block5_conv3"`, `"block5_conv3"`, or `"vgg16"`
            for the last step of that inner model.
        model_name: for the error.

    Raises:
        UsageError: no step has this name, or several have it.
    """
    found = [step for step in steps if step.path == name] or [
        step for step in steps if step.operation.name == name
    ]
    inside = [step for step in steps if step.path.startswith(f"{name}/")]
    if len(found) == 1 or (inside and not found):
        return (found or inside)[-1]
    if found:
        raise UsageError(
            f"Several layers are named {name!r}.",
            where=f"model {model_name}",
            expected=" or ".join(step.path for step in found),
            received=repr(name),
        )
    raise UsageError(
        f"The model has no layer {name!r}.",
        where=f"model {model_name}",
        expected="the name of one layer",
        received=repr(name),
        remedy=near_maps(steps, name),
    )


def near_maps(steps: Sequence[Step], name: str) -> str:
    """Names the layers with height and width that a name may have meant.

    Args:
        steps: from `list_steps`.
        name: what was asked for.
    """
    paths = [step.path for step in steps if step.is_map]
    bare = [path.rpartition("/")[2] for path in paths]
    near = did_you_mean(name, dict.fromkeys([*paths, *bare]))
    return near or f"Layers with height and width: {', '.join(paths)}"


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
        paths: of steps.
        resizes: False to leave out the `Resizing` layers: the network then
            works at the size of `images`.

    Returns:
        A tensor per path, with the channels last.

    Raises:
        UsageError: a layer's output is not of the shape
            `(batch, height, width, channels)`.
    """
    found: dict[str, Any] = {}

    def call(path: str, operation: Any, args: Any, kwargs: Any) -> Any:
        left_out = isinstance(operation, keras.layers.Resizing) and not resizes
        output = args[0] if left_out else predicting(operation)(*args, **kwargs)
        if path in paths:
            found.setdefault(path, output)
            if len(found) == len(set(paths)):
                raise _AllFoundError
        return output

    with contextlib.suppress(_AllFoundError):
        run_graph(graph_of(model), images, "", call)
    for path in paths:
        shape = getattr(found[path], "shape", ())
        if len(shape) != 4:
            raise UsageError(
                f"Layer {path} has no height and width.",
                where=f"model {model.name}",
                expected="an output of shape (batch, height, width, channels)",
                received=tuple(shape),
            )
    return found


class _AllFoundError(Exception):
    """Ends a walk early; what is above may not fit the images' size."""
