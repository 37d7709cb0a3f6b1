"""Models run step by step, nested ones included.

Keras connects layers into graphs, and a graph cannot be cut inside a nested
model: its tensors belong to another graph. Here the model's own steps are
run one after the other instead. No new model is built, so the given one stays
as it is.
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

POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
"""Layers that make a map coarser."""


class Step(NamedTuple):
    """One operation of a network.

    Attributes:
        path: Names from the outer model to the inner one, as in
            `"vgg16/block5_conv3"`.
        operation: The layer, or a bare operation such as an addition.
        shape: Shape of its output without the batch. A size that varies is
            None.
    """

    path: str
    operation: keras.Operation
    shape: tuple[int | None, ...]

    @property
    def is_map(self) -> bool:
        """Whether the output has height, width (over 1) and channels."""
        # A pooled output with keepdims has a height and width of 1: nothing
        # in it says where.
        return len(self.shape) == 3 and 1 not in self.shape[:2]


def graph_of(model: keras.Model) -> Any:
    """Returns the functional graph of a model.

    Args:
        model: A functional model, or a sequential one that is built.

    Raises:
        TlkitError: The model is neither, so that its steps are not known.
    """
    # A sequential model has no graph before it knows the shape of its input.
    built = not isinstance(model, keras.Sequential) or model.built
    graph = graphs.graph_of(model) if built else None
    if graph is None:
        raise TlkitError(
            "The model's layers are not known.",
            where=f"model {getattr(model, 'name', model)}",
            expected="a functional model, or a sequential one that is built",
            received=type(model).__name__,
            remedy="Build it from keras.Input and layers.",
        )
    return graph


def list_steps(graph: Any, prefix: str) -> list[Step]:
    """Lists a graph's operations in the order in which they run.

    Args:
        graph: A model's graph, from `graph_of`.
        prefix: Text to put before the names, such as `"base/"`.
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
    """Runs a graph, and hands every operation to a function.

    Args:
        graph: A model's graph, from `graph_of`.
        inputs: The input of the graph.
        prefix: Text to put before the names of its operations.
        call: Runs one operation. It gets the operation's path, the operation,
            its arguments and its keywords, and returns the output.

    Returns:
        The outputs, in the order of `graph.outputs`.

    Raises:
        ValueError: The images are so small that a pooling leaves nothing of
            them.
    """

    def run(path: str, operation: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(operation, POOLS):
            _check_window(path, operation, args[0].shape[1:3])
        return call(path, operation, args, kwargs)

    def hook(operation: Any) -> Callable:
        path = prefix + operation.name
        inner = graphs.graph_of(operation)
        if inner is None:
            return lambda *args, **kwargs: run(path, operation, args, kwargs)
        # An inner model is not called but run in the same way. Its `training`
        # is dropped: `call` decides about that for every layer.
        return lambda inputs, **_: run_graph(inner, inputs, f"{path}/", call)

    ready = graphs.standard_inputs(graph, inputs)
    outputs = graphs.run_through(graph, ready, hook)
    return keras.tree.flatten(outputs)


def _check_window(path: str, pooling: Any, size: Sequence[int | None]) -> None:
    """Checks that a pooling's window is not larger than its input.

    TensorFlow would divide by zero there, which ends the whole process.
    """
    if pooling.padding == "valid" and any(
        side is not None and side < window
        for side, window in zip(size, pooling.pool_size, strict=True)
    ):
        raise ValueError(f"layer {path} leaves nothing of the images")


def predicting(operation: Any) -> Callable:
    """Returns a function that calls a layer as in prediction.

    Dropout is off and batch normalisation uses its averages, whatever the
    layer's own default is.

    Args:
        operation: A layer, or a bare operation, which is returned as it is.
    """
    # Bare operations do not take `training`.
    call = getattr(operation, "call", operation)
    if "training" not in inspect.signature(call).parameters:
        return operation

    def predict(*args: Any, **kwargs: Any) -> Any:
        return operation(*args, **{**kwargs, "training": False})

    return predict


def find_step(steps: Sequence[Step], name: str, model_name: str) -> Step:
    """Finds a step by its path, or by its bare name if only one has it.

    Args:
        steps: All steps of the model, from `list_steps`.
        name: A path such as `"vgg16/block5_conv3"`, a bare name such as
            `"block5_conv3"`, or the name of an inner model such as `"vgg16"`,
            which stands for its last step.
        model_name: Name of the model, for the message of the error.

    Raises:
        UsageError: No step has this name, or several have it.
    """
    found = [step for step in steps if step.path == name] or [
        step for step in steps if step.operation.name == name
    ]
    inside = [step for step in steps if step.path.startswith(f"{name}/")]
    # The last of `inside` is what the inner model puts out.
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
    """Returns a hint: the layers with height and width that may be meant.

    Args:
        steps: All steps of the model, from `list_steps`.
        name: Name that was asked for.
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
    """Computes the outputs of chosen layers in one forward pass.

    The pass is in inference mode and ends at the last of these layers. Of a
    layer that is called several times, the first output is returned.

    Args:
        model: A functional or sequential model with one input.
        images: Batch of images, as a tensor or array that the model takes.
        paths: Paths of the steps whose outputs are wanted.
        resizes: Whether the model's `Resizing` layers run. If not, the network
            works at the size of `images`.

    Returns:
        A tensor per path, with the channels last.

    Raises:
        UsageError: The output of a layer does not have the shape
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
    """Ends a pass early: the layers above may not fit the images' size."""
