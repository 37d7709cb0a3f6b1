"""The pattern that each filter of a layer answers most strongly.

Gradient ascent on the pixels (Erhan et al., "Visualizing Higher-Layer
Features of a Deep Network", 2009), with what makes its pictures crisp:
gradients of unit size at three scales, jitter, a blur that fades, and a small
picture first that is then enlarged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.base.image_size import ImageSize, as_height_width
from tlkit.explain.opened.graphs import (
    find_step,
    graph_of,
    layer_outputs,
    list_steps,
)

#: Sides of the picture, one after the other, as shares of its final side.
_OCTAVES = (0.6, 0.8, 1.0)
#: Grey levels (root mean square) by which a step changes a picture.
_RATE = 10.0
#: Pixels by which a picture is shifted at most before a step.
_JITTER = 8
#: Share of the blurred picture that is mixed in after the first step.
_BLUR = 0.5
#: Pictures of noise from which each filter chooses its start.
_STARTS = 16
#: Filters that are worked at together; more need more memory.
_AT_ONCE = 32


def filter_patterns(
    model: keras.Model,
    layer: str,
    filters: Sequence[int] | None = None,
    *,
    size: ImageSize = 128,
    steps: int = 20,
    seed: int = 0,
    preprocess: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> np.ndarray:
    """Draws the pattern that excites each filter of a layer.

    What is maximised is the mean of the filter's positive part over height
    and width (after a ReLU: its mean). Without the cut at zero the answers
    of a linear layer to an edge and to its negative would cancel.

    `Resizing` layers in the model are left out: the network sees the
    pictures at their own size. Deep layers see far, so choose a larger size
    for them, 7 times their stride or more.

    Args:
        model: a functional or sequential model with one input; it is not
            changed.
        layer: its name, as `tlkit.explain.activations.activations` takes it.
        filters: channels of the layer; None for all.
        size: pixels of a side, or `(height, width)`.
        steps: of the ascent, at each of three sizes.
        seed: of noise and jitter. A filter's pattern depends on the seed and
            not on which other filters are asked for.
        preprocess: from pixels, 0 to 255, to what the model takes, such as
            `keras.applications.vgg16.preprocess_input`; None for a model
            that takes pixels.

    Returns:
        uint8 `(filters, height, width, channels)`, the channels those of the
        model's input. A filter that nothing excites gets plain grey.

    Raises:
        UsageError: there is no such layer or filter, the layer has no height
            and width, the network cannot work at this size, or there are no
            steps.
    """
    if steps < 1:
        raise UsageError(
            "The ascent has no steps.",
            where="steps",
            expected="1 or more",
            received=steps,
        )
    height, width = as_height_width(size)
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
    parts = [np.empty((0, height, width, starts.shape[-1]), np.uint8)]
    for first in range(0, len(chosen), _AT_ONCE):
        part = chosen[first : first + _AT_ONCE]
        pictures = tf.gather(starts, answers.argmax(axis=0)[part])
        for octave, side in enumerate(sides):
            pictures = tf.image.resize(pictures, side, "bicubic")
            pictures = ascent.climb(pictures, part, octave, steps)
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
    """Steps uphill for many filters at once: picture i for filter i."""

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
        # One graph serves all sizes and numbers of filters.
        self.climb = tf.function(
            self._climb,
            autograph=False,
            input_signature=[
                tf.TensorSpec([None, None, None, self.colours]),
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([], tf.int32),
            ],
        )

    def starting_pictures(self, side: tuple[int, int]) -> tf.Tensor:
        """Noise of many grains and contrasts around mid-grey.

        A filter that a picture leaves silent gets no gradient from it, so
        each starts from the one that it answers most strongly.
        """
        random = np.random.default_rng(self.seed)
        pictures = []
        for number, contrast in enumerate(np.linspace(20, 80, _STARTS)):
            grain = 2 ** (number % 4)
            coarse = [max(2, length // grain) for length in side]
            noise = random.normal(0, contrast, (*coarse, self.colours))
            pictures.append(tf.image.resize(noise, side, "bicubic") + 127.5)
        return tf.clip_by_value(tf.stack(pictures), 0, 255)

    def answers_to_all(self, pictures: tf.Tensor) -> np.ndarray:
        """Each picture's answer from every filter, `(pictures, filters)`."""
        try:
            answers = self._activation(pictures)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            if isinstance(error, UsageError):
                raise
            raise self._size_error(pictures) from error
        if 0 in answers.shape:
            raise self._size_error(pictures)
        return np.maximum(answers, 0).mean(axis=(1, 2))

    def _size_error(self, pictures: tf.Tensor) -> UsageError:
        height, width = pictures.shape[1:3]
        return UsageError(
            f"The network cannot work on pictures of {height}x{width} pixels, "
            "with which the ascent begins.",
            where="size",
            remedy="Choose a larger size. A network that is made for one size "
            "alone has no filters to be drawn this way.",
        )

    def answers(self, pictures: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
        """Each picture's answer from its own filter, `(pictures,)`."""
        activation = self._activation(pictures)
        own = tf.one_hot(filters, activation.shape[-1])
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
        shift = tf.random.stateless_uniform(
            [2], (self.seed, number), -_JITTER, _JITTER + 1, tf.int32
        )
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            shifted = tf.roll(pictures, shift, (1, 2))
            total = tf.reduce_sum(self.answers(shifted, filters))
        return tape.gradient(total, pictures)


def _balanced(gradient: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Adds to a gradient what it says at two coarser scales; of unit size.

    By itself it is mostly fine detail, which would drown the shapes that
    deep layers look for. The coarse part also reaches places where the
    filter is silent yet. In the end it is the fine detail that counts, so
    the `share` of the others, 1 at first, goes down to 0.
    """
    middle, coarse = _blurred(gradient, 3), _blurred(gradient, 9)
    return _unit(_unit(gradient) + share * (_unit(middle) + _unit(coarse)))


def _unit(gradient: tf.Tensor) -> tf.Tensor:
    squares = tf.reduce_mean(gradient**2, axis=(1, 2, 3), keepdims=True)
    return tf.math.divide_no_nan(gradient, tf.sqrt(squares))


def _blurred(pictures: tf.Tensor, window: int) -> tf.Tensor:
    # Twice: a single mean over 3 pixels lets a checkerboard through.
    for _ in range(2):
        pictures = keras.ops.average_pool(
            pictures, window, strides=1, padding="same"
        )
    return pictures
