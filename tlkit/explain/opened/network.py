"""A classifier whose inner tensors can be watched or replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import TlkitError, UsageError
from tlkit.explain.methods.registry import method_names
from tlkit.explain.opened.ends import end_of, without_activation
from tlkit.explain.opened.graphs import (
    Step,
    find_step,
    graph_of,
    list_steps,
    near_maps,
    predicting,
    run_graph,
)
from tlkit.models.ends import SIGMOID

Tap = Callable[[tf.Tensor], tf.Tensor]
"""Takes a step's output. What it returns goes on through the network."""

Replace = Callable[[keras.Operation], Callable[..., Any] | None]
"""Takes an operation and returns what runs in its place, or None to keep it."""

_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


class OpenNetwork:
    """A classifier whose inner tensors can be watched and replaced.

    Args:
        model: A functional or sequential model, with or without models inside
            it. It has one input of shape `(batch, height, width, channels)`
            and scores of shape `(batch, classes)`. It is not changed.
        output: Name of the output to explain, if there are several. None takes
            the first.

    Attributes:
        steps: The operations, in the order in which they run.
        name: Name of the model.
        end: The operation that turns scores into probabilities.
        classes: Number of classes. A single sigmoid unit tells two apart.
        batch: Shape and dtype of a batch of images, for the compiler.

    Raises:
        UsageError: There is no such output.
        TlkitError: The model is not an image classifier.
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
        end = end_of(tensor, model.name)
        self.end, self._kind = end
        self._scores = without_activation(end)
        self._is_pooled = self._scores is self.end
        self._units = tensor.shape[1]
        self.classes = max(2, self._units)

    def find(self, name: str) -> Step:
        """Finds a step by its path, or by its bare name if only one has it.

        Args:
            name: A path such as `"vgg16/block5_conv3"`, or a bare name such as
                `"block5_conv3"`.

        Raises:
            UsageError: No step has this name, or several have it.
        """
        return find_step(self.steps, name, self.name)

    def find_map(self, name: str | None) -> Step:
        """Finds a step whose output has height and width.

        Args:
            name: Name of the step; see `find`. None takes the last step,
                pooling aside, whose output has height and width.

        Raises:
            UsageError: There is no such step, its output has no height and
                width, or the network reads its classes from tokens instead of
                a feature map.
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
        # A pooled map has the places of its convolution, only coarser.
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
        # In a transformer the last map is the one cut into patches, below all
        # attention. What the classes are read from has no height and width.
        after = self.steps[self.steps.index(step) :]
        for other in after:
            if "Attention" in type(other.operation).__name__:
                raise UsageError(
                    "A transformer's scores do not come from a feature map.",
                    where=f"model {self.name}, layer {other.path}",
                    expected="a convolutional network",
                    received=type(other.operation).__name__,
                    remedy="Use a method that looks at pixels alone: "
                    f"{method_names(has_layer=False)}.",
                )

    def check(self, images: np.ndarray) -> np.ndarray:
        """Returns images as float32, if the network can take them.

        Args:
            images: Batch of shape `(batch, height, width, channels)`, with
                values in the range that the model takes.

        Raises:
            UsageError: The model does not take images of this shape.
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
        """Runs one black image, so that a size too small fails here.

        A network that takes images of any size still has a smallest size.
        """
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
        """Runs the network up to its scores.

        Args:
            pixels: Batch as float32 `(batch, height, width, channels)`.
            taps: Functions by the path of a step. Each gets the step's output
                and returns what goes on instead.
            replaced: Returns what runs in the place of an operation, or None
                to keep the operation.

        Returns:
            float32 scores before softmax or sigmoid, `(batch, classes)`. The
            score z of a single unit becomes -z for the first class and z for
            the second.
        """
        taps = taps or {}

        def call(path: str, operation: Any, args: Any, kwargs: Any) -> Any:
            instead = replaced(operation) if replaced else None
            # A last layer with an activation runs without it, even where
            # `replaced` has something else for it. A last pooling has none:
            # CAM looks into it as into any other.
            if operation is self.end and not (instead and self._is_pooled):
                output = self._scores(*args)
            else:
                output = (instead or predicting(operation))(*args, **kwargs)
            return taps[path](output) if path in taps else output

        outputs = run_graph(self._graph, pixels, "", call)
        scores = keras.ops.cast(outputs[self._place], "float32")
        # sigmoid(-z) = 1 - sigmoid(z): -z is the score of the other class.
        if self._units == 1:
            return keras.ops.concatenate([-scores, scores], axis=1)
        return scores

    @cached_property
    def compiled_scores(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The method `scores`, compiled at the first call, for many batches.

        Compiling takes as long as a few passes and saves about half of each.
        """
        return tf.function(
            lambda pixels: self.scores(pixels),
            input_signature=[self.batch],
            autograph=False,
        )

    def probabilities(self, scores: tf.Tensor) -> tf.Tensor:
        """Turns scores into the probabilities that the model itself gives.

        Args:
            scores: Scores of all classes, from the method `scores`.

        Returns:
            float32 `(batch, classes)`: the softmax of the scores, or the
            sigmoid of each score where the model ends in sigmoids. For a model
            that ends in no activation, the softmax is taken.
        """
        if self._kind == SIGMOID or self._units == 1:
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
