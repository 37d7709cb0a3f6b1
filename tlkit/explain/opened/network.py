"""A classifier opened: any tensor in it can be watched or replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import TlkitError, UsageError
from tlkit.explain.opened.ends import find_end, without_activation
from tlkit.explain.opened.graphs import (
    Step,
    find_step,
    graph_of,
    list_steps,
    near_maps,
    predicting,
    run_graph,
)

Tap = Callable[[tf.Tensor], tf.Tensor]
"""Gets a step's output; what it returns goes on through the network."""

Replace = Callable[[keras.Operation], Callable[..., Any] | None]
"""Says what runs in the place of an operation; None to leave it."""

_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


class OpenNetwork:
    """A classifier whose inner tensors can be watched and replaced.

    Args:
        model: functional or sequential, with any nesting, one input of shape
            `(batch, height, width, channels)`, and scores of shape
            `(batch, classes)`; it is not changed.
        output: name of the output to explain, if there are several; None for
            the first.

    Attributes:
        steps: the operations in the order in which they run.
        name: the model's.
        end: the operation that turns logits into probabilities.
        classes: how many there are; two for one sigmoid unit.
        batch: what a batch of images looks like to the compiler.

    Raises:
        UsageError: there is no such output.
        TlkitError: the model is no image classifier.
    """

    def __init__(self, model: keras.Model, output: str | None = None) -> None:
        self.name = model.name
        self._graph = graph_of(model)
        self._input_shape = _input_shape(self._graph, model.name)
        self.batch = tf.TensorSpec((None, *self._input_shape))
        self._place = _place(model, self._graph, output)
        tensor = self._graph.outputs[self._place]
        if len(tensor.shape) != 2 or tensor.shape[1] is None:
            raise TlkitError(
                "The model is not a classifier.",
                where=f"model {model.name}",
                expected="an output of shape (batch, classes)",
                received=tuple(tensor.shape),
            )
        self.steps = tuple(list_steps(self._graph, ""))
        self.end, self._kind = find_end(tensor, model.name)
        self._scores = without_activation(self.end)
        self._units = tensor.shape[1]
        self.classes = max(2, self._units)

    def find(self, name: str) -> Step:
        """Finds a step by its path, or by its bare name if only one has it.

        Args:
            name: such as `"vgg16/block5_conv3"` or `"block5_conv3"`.

        Raises:
            UsageError: no step has this name, or several have it.
        """
        return find_step(self.steps, name, self.name)

    def find_map(self, name: str | None) -> Step:
        """Finds a step whose output has height and width.

        Args:
            name: see `find`; None for the last one that is no pooling.

        Raises:
            UsageError: there is none, or the one named has no such output,
                or the network looks at tokens instead of a map.
        """
        if name is None:
            return self._last_map()
        step = self.find(name)
        if not step.is_map:
            raise UsageError(
                f"Layer {step.path} has no height and width.",
                where=f"model {self.name}",
                expected="an output of shape (batch, height, width, channels)",
                received=(None, *step.shape),
                remedy=near_maps(self.steps, name),
            )
        return step

    def _last_map(self) -> Step:
        maps = [step for step in self.steps if step.is_map]
        steady = [s for s in maps if not isinstance(s.operation, _POOLS)]
        if not steady:
            raise UsageError(
                "The model has no layer with height and width.",
                where=f"model {self.name}",
                expected="a convolutional network",
            )
        self._refuse_tokens(steady[-1])
        return steady[-1]

    def _refuse_tokens(self, step: Step) -> None:
        after = self.steps[self.steps.index(step) :]
        for other in after:
            if "Attention" in type(other.operation).__name__:
                raise UsageError(
                    "A transformer's classes are not read from a feature map.",
                    where=f"model {self.name}, layer {other.path}",
                    expected="a convolutional network",
                    received=type(other.operation).__name__,
                    remedy="Use a method that looks at pixels alone: "
                    "saliency, smoothgrad, integrated_gradients, occlusion.",
                )

    def check(self, images: np.ndarray) -> np.ndarray:
        """Returns images as float32, if the network can take them.

        Args:
            images: `(batch, height, width, channels)`, values as the model
                takes them.

        Raises:
            UsageError: they have another shape.
        """
        images = np.asarray(images)
        wanted = self._input_shape
        fits = images.ndim == 4 and all(
            size in (None, real)
            for size, real in zip(wanted, images.shape[1:], strict=True)
        )
        if not fits or images.dtype == object or not images.size:
            raise UsageError(
                "The model does not take images of this shape.",
                where=f"model {self.name}",
                expected=(
                    "batch",
                    *("any" if n is None else n for n in wanted),
                ),
                received=images.shape,
                remedy="Pass a batch: images[None] for a single one."
                if images.ndim == 3
                else None,
            )
        if None in wanted:
            self._try_size(images.shape[1:])
        return images.astype(np.float32, copy=False)

    def _try_size(self, shape: tuple[int, ...]) -> None:
        """A network of any size still has a smallest one: one black image."""
        try:
            self.scores(tf.zeros((1, *shape)))
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise UsageError(
                "The network cannot work on images of this size.",
                where=f"model {self.name}",
                received=f"{shape[0]} x {shape[1]} pixels: "
                f"{str(error).strip().splitlines()[0][:200]}",
                remedy="Pass larger images.",
            ) from error

    def scores(
        self,
        pixels: tf.Tensor,
        taps: Mapping[str, Tap] | None = None,
        replaced: Replace | None = None,
    ) -> tf.Tensor:
        """Runs the network up to its logits.

        Args:
            pixels: float32 `(batch, height, width, channels)`.
            taps: by the path of a step, what happens to its output.
            replaced: what runs in the place of some operations.

        Returns:
            float32 logits `(batch, classes)`. One unit's score z becomes -z
            for the first class and z for the second.
        """
        taps = taps or {}

        def call(path: str, operation: Any, args: Any, kwargs: Any) -> Any:
            instead = replaced(operation) if replaced else None
            # The end loses its activation, whatever else would replace it.
            if operation is self.end:
                output = self._scores(*args)
            else:
                output = (instead or predicting(operation))(*args, **kwargs)
            return taps[path](output) if path in taps else output

        outputs = run_graph(self._graph, pixels, "", call)
        scores = keras.ops.cast(outputs[self._place], "float32")
        if self._units == 1:
            return keras.ops.concatenate([-scores, scores], axis=1)
        return scores

    @cached_property
    def compiled_scores(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """`scores`, compiled at the first call: for many batches.

        Compiling takes as long as a few passes and saves about half of each.
        """
        return tf.function(
            lambda pixels: self.scores(pixels),
            input_signature=[self.batch],
            autograph=False,
        )

    def probabilities(self, scores: tf.Tensor) -> tf.Tensor:
        """Turns logits into what the model itself gives.

        Args:
            scores: from `scores`.

        Returns:
            float32 `(batch, classes)`: a softmax, or a sigmoid of each where
            the model ends in sigmoids. A linear end counts as a softmax.
        """
        if self._kind == "sigmoid" or self._units == 1:
            return keras.ops.sigmoid(scores)
        return keras.ops.softmax(scores)


def _input_shape(graph: Any, name: str) -> tuple[int | None, ...]:
    shapes = [tuple(tensor.shape) for tensor in graph.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise TlkitError(
            "The model does not take one image.",
            where=f"model {name}",
            expected="one input of shape (batch, height, width, channels)",
            received=", ".join(map(str, shapes)),
        )
    return shapes[0][1:]


def _place(model: keras.Model, graph: Any, output: str | None) -> int:
    if output is None:
        return 0
    struct = model.output
    # Keras lists the outputs of a dictionary in the order of its keys.
    named = isinstance(struct, dict)
    names = sorted(struct) if named else list(graph.output_names)
    if output in names:
        return names.index(output)
    raise UsageError(
        f"The model has no output {output!r}.",
        where=f"model {model.name}",
        expected=" or ".join(names),
        received=repr(output),
    )
