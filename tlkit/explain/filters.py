"""The pattern that each filter of a layer responds to most strongly.

Gradient ascent on the pixels (Erhan et al., "Visualizing Higher-Layer
Features of a Deep Network", 2009). Four additions make the pictures crisp:
gradients of unit size at three scales, random shifts, a blur that fades, and
a small picture at the start that is enlarged twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.base.image_size import ImageSize, as_frame
from tlkit.explain.opened.graphs import (
    find_step,
    graph_of,
    layer_outputs,
    list_steps,
)
from tlkit.explain.options import PATTERN_SIZE

#: Sides of the picture in the three rounds, as shares of its final side.
_OCTAVES = (0.6, 0.8, 1.0)
#: Grey levels (root mean square) by which a step changes a picture.
_RATE = 10.0
#: Pixels by which a picture is shifted at most before a step.
_JITTER = 8
#: Share of the blurred picture that is mixed in after the first step.
_BLUR = 0.5
#: Pictures of noise, of which each filter starts from its best one.
_STARTS = 16
#: Filters that are drawn together; more would need more memory.
_AT_ONCE = 32


def filter_patterns(
    model: keras.Model,
    layer: str,
    filters: Sequence[int] | None = None,
    *,
    size: ImageSize = PATTERN_SIZE,
    steps: int = 20,
    seed: int = 0,
    preprocess: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> np.ndarray:
    """Draws the pattern that excites each filter of a layer.

    The ascent maximises the mean of the filter's positive part over height
    and width (after a ReLU: its mean). Without the cut at zero the responses
    of a linear layer to an edge and to its negative would cancel.

    `Resizing` layers in the model are left out, so that the network sees the
    pictures at their own size. Units of deep layers see many pixels: choose a
    larger size for them, 7 times their stride or more.

    Args:
        model: A functional or sequential model with one input. It is not
            changed.
        layer: Name of the layer, as `tlkit.explain.activations.activations`
            takes it.
        filters: Numbers of the filters to draw, from 0. None draws all filters
            of the layer.
        size: Size of the patterns in pixels: the side of a square, or
            `(height, width)`.
        steps: Steps of the ascent at each of three sizes, 1 or more. More give
            stronger patterns and take more time.
        seed: Seed of the noise and the shifts. The pattern of a filter depends
            on the seed, and not on which other filters are drawn.
        preprocess: Function from pixels, 0 to 255, to what the model takes,
            such as `keras.applications.vgg16.preprocess_input`. None is for
            a model that takes pixels.

    Returns:
        Patterns as uint8 `(filters, height, width, channels)`, with the
        channels of the model's input. The pattern of a filter that nothing
        excites is plain grey.

    Raises:
        UsageError: There is no such layer or filter, the layer has no height
            and width, the network cannot work at this size, or there are no
            steps.

    Example:
        model = tlkit.load_classifier("runs/my-run").model
        tlkit.filter_patterns(model, "block4_conv2", range(8)).shape
    """
    if steps < 1:
        raise UsageError(
            "Gradient ascent needs at least one step.",
            where="steps",
            expected="1 or more",
            received=steps,
        )
    height, width = as_frame(size).size
    steps_of_model = list_steps(graph_of(model), "")
    path = find_step(steps_of_model, layer, model.name).path
    ascent = _Ascent(model, path, preprocess, seed)
    sides = [
        (max(1, round(share * height)), max(1, round(share * width)))
        for share in _OCTAVES
    ]
    starts = ascent.starting_pictures(sides[0])
    answers = ascent.answers_to_all(starts)
    chosen = _checked(filters, answers.shape[1], layer)
    # The empty part gives the result its shape if no filter is asked for.
    parts = [np.empty((0, height, width, starts.shape[-1]), np.uint8)]
    for first in range(0, len(chosen), _AT_ONCE):
        part = chosen[first : first + _AT_ONCE]
        pictures = tf.gather(starts, answers.argmax(axis=0)[part])
        for octave, side in enumerate(sides):
            pictures = tf.image.resize(pictures, side, "bicubic")
            pictures = ascent.climb(pictures, part, octave, steps)
        # Leftover noise would look like a pattern.
        silent = ascent.answers(pictures, part) <= 0
        pictures = tf.where(silent[:, None, None, None], 128.0, pictures)
        parts.append(np.rint(pictures).astype(np.uint8))
    return np.concatenate(parts)


def _checked(
    filters: Sequence[int] | None, channels: int, layer: str
) -> np.ndarray:
    wanted = np.arange(channels) if filters is None else np.asarray(filters)
    wrong = [int(index) for index in wanted if not 0 <= index < channels]
    if wrong:
        raise UsageError(
            f"Layer {layer} has no such filter.",
            where="filters",
            expected=f"0 to {channels - 1}",
            received=", ".join(map(str, wrong)),
        )
    return wanted.astype(np.int32)


class _Ascent:
    """Gradient ascent for many filters at once: picture i for filter i."""

    def __init__(
        self,
        model: keras.Model,
        path: str,
        preprocess: Callable[[tf.Tensor], tf.Tensor] | None,
        seed: int,
    ) -> None:
        self.model = model
        self.path = path
        self.preprocess = preprocess
        self.seed = seed
        self.colours = model.inputs[0].shape[-1] or 3
        # The open shapes make one compiled graph serve all sizes and numbers
        # of filters.
        self._compiled = tf.function(
            self._climb,
            autograph=False,
            input_signature=[
                tf.TensorSpec([None, None, None, self.colours]),
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([], tf.int32),
            ],
        )

    def climb(self, pictures: tf.Tensor, *args: Any) -> tf.Tensor:
        """Returns pictures after the steps at one size; see `_climb`."""
        try:
            return self._compiled(pictures, *args)
        # What TensorFlow makes of maps that are too small for a window.
        except (
            tf.errors.AbortedError,
            tf.errors.InvalidArgumentError,
        ) as error:
            raise self._size_error(pictures) from error

    def starting_pictures(self, side: tuple[int, int]) -> tf.Tensor:
        """Returns noise of many grains and contrasts around mid-grey.

        A filter that does not respond to a picture gets no gradient from it,
        so each filter starts from the picture that it responds to most.
        """
        random = np.random.default_rng(self.seed)
        pictures = []
        for number, contrast in enumerate(np.linspace(20, 80, _STARTS)):
            grain = 2 ** (number % 4)
            # A single point would give a plain picture.
            coarse = [max(2, length // grain) for length in side]
            noise = random.normal(0, contrast, (*coarse, self.colours))
            pictures.append(tf.image.resize(noise, side, "bicubic") + 127.5)
        return tf.clip_by_value(tf.stack(pictures), 0, 255)

    def answers_to_all(self, pictures: tf.Tensor) -> np.ndarray:
        """Returns every filter's response to each picture.

        The shape is `(pictures, filters)`.
        """
        try:
            answers = self._activation(pictures)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            # UsageError is a ValueError too, and already says what is wrong.
            if isinstance(error, UsageError):
                raise
            raise self._size_error(pictures) from error
        # Not every layer fails on a picture smaller than its window; some put
        # out a map without places.
        if 0 in answers.shape:
            raise self._size_error(pictures)
        return np.maximum(answers, 0).mean(axis=(1, 2))

    def _size_error(self, pictures: tf.Tensor) -> UsageError:
        height, width = pictures.shape[1:3]
        return UsageError(
            f"The network cannot work on pictures of {height}x{width} pixels, "
            "the size at which the ascent begins.",
            where="size",
            remedy="Choose a larger size. The filters of a network that takes "
            "one size only cannot be drawn.",
        )

    def answers(self, pictures: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
        """Returns the response of filter i to picture i, `(pictures,)`."""
        activation = self._activation(pictures)
        own = tf.one_hot(filters, activation.shape[-1])
        # Picture n keeps channel c = filters[n] of (n, height, width, c).
        maps = tf.einsum("nhwc,nc->nhw", activation, own)
        return tf.reduce_mean(tf.nn.relu(maps), axis=(1, 2))

    def _activation(self, pictures: tf.Tensor) -> tf.Tensor:
        entry = self.preprocess(pictures) if self.preprocess else pictures
        outputs = layer_outputs(self.model, entry, [self.path], resizes=False)
        return tf.cast(outputs[self.path], tf.float32)

    def _climb(
        self,
        pictures: tf.Tensor,
        filters: tf.Tensor,
        octave: tf.Tensor,
        steps: tf.Tensor,
    ) -> tf.Tensor:
        def step(number: tf.Tensor, pictures: tf.Tensor) -> tuple:
            # Share of all steps at all sizes: blur and coarse scales fade out
            # over the whole ascent and not anew at each size.
            done = tf.cast(number / (steps * len(_OCTAVES)), tf.float32)
            gradient = self._gradient(pictures, filters, number)
            pictures += _RATE * _balanced(gradient, 1 - done)
            blurred = _blurred(pictures, 3)
            pictures += _BLUR * (1 - done) * (blurred - pictures)
            return number + 1, tf.clip_by_value(pictures, 0, 255)

        return tf.while_loop(
            lambda number, _: number < (octave + 1) * steps,
            step,
            (octave * steps, pictures),
        )[1]

    def _gradient(
        self, pictures: tf.Tensor, filters: tf.Tensor, number: tf.Tensor
    ) -> tf.Tensor:
        # Strides and pooling see a fixed grid, which would show in the picture
        # if it always lay in the same place. Seeded by the number of the step,
        # the shift is the same for any choice of filters.
        shift = tf.random.stateless_uniform(
            [2], (self.seed, number), -_JITTER, _JITTER + 1, tf.int32
        )
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            shifted = tf.roll(pictures, shift, (1, 2))
            total = tf.reduce_sum(self.answers(shifted, filters))
        return tape.gradient(total, pictures)


def _balanced(gradient: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Adds two coarser scales of a gradient to it, and scales it to unit size.

    By itself a gradient is mostly fine detail, which would drown the shapes
    that deep layers look for. The coarse part also reaches places where the
    filter does not respond yet. In the end the fine detail counts, so the
    `share` of the coarser scales falls from 1 to 0.
    """
    middle, coarse = _blurred(gradient, 3), _blurred(gradient, 9)
    return _unit(_unit(gradient) + share * (_unit(middle) + _unit(coarse)))


def _unit(gradient: tf.Tensor) -> tf.Tensor:
    squares = tf.reduce_mean(gradient**2, axis=(1, 2, 3), keepdims=True)
    # The gradient of a silent filter is 0 and must stay so, not become NaN.
    return tf.math.divide_no_nan(gradient, tf.sqrt(squares))


def _blurred(pictures: tf.Tensor, window: int) -> tf.Tensor:
    # Twice, because a single mean over 3 pixels lets a checkerboard through.
    for _ in range(2):
        pictures = keras.ops.average_pool(
            pictures, window, strides=1, padding="same"
        )
    return pictures
