"""Gradients of a class's score, by a feature map or by the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.network import OpenNetwork, Replace
from tlkit.explain.opened.scores import ClassIndex, Opened, open_images, slices

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Takes a feature map and the gradients of a class's score by it, both float32
`(batch, height, width, channels)`. Returns maps `(batch, height, width)`."""


def gradient_maps(
    rule: Rule,
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex,
    layer: str | None,
) -> np.ndarray:
    """Draws heat maps with a rule for feature maps and their gradients.

    Args:
        rule: Combines both into maps: what tells one method from another.
        model: An image classifier; see `OpenNetwork`. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain; see `ClassIndex`.
        layer: Name of the layer to look at. None takes the last layer, pooling
            aside, whose output has height and width.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1, as large as the
        images.

    Raises:
        UsageError: There is no such layer or class, or the model does not take
            such images.
        TlkitError: The model is not an image classifier.
    """
    opened = open_images(model, images, class_index)
    path = opened.network.find_map(layer).path
    maps = [
        rule(
            *map_gradients(
                opened.network, opened.images[part], opened.of(part), path
            )
        )
        for part in slices(len(opened.images))
    ]
    return as_heat_maps(np.concatenate(maps), opened.images.shape[1:3])


def map_gradients(
    network: OpenNetwork,
    images: np.ndarray,
    classes: np.ndarray | None,
    path: str,
    replaced: Replace | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Differentiates each image's class score by a step's output.

    Only what lies above the step is differentiated.

    Args:
        network: The classifier.
        images: Batch as float32 `(batch, height, width, channels)`.
        classes: One class per image as int64 `(batch,)`, or None for the class
            each image is taken for.
        path: Path of the step, as `find_step` takes it.
        replaced: What runs in the place of some operations; see
            `OpenNetwork.scores`.

    Returns:
        The step's output and the gradient, both float32 and of the same
        shape.
    """
    # The step runs inside the tape, but nothing is watched before its output:
    # what lies below costs no memory for a way back.
    seen: list[tf.Tensor] = []
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def watch(output: tf.Tensor) -> tf.Tensor:
            tape.watch(output)
            seen.append(output)
            return output

        scores = network.scores(tf.constant(images), {path: watch}, replaced)
        # In prediction no image depends on another, so the gradient of the
        # sum holds each image's own.
        score = tf.reduce_sum(score_of(scores, classes))
    # Zero, not None, for a step that only another output depends on. Of a
    # layer that runs several times, the last run counts.
    gradient = tape.gradient(
        score, seen[-1], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return (
        np.asarray(tf.cast(seen[-1], tf.float32)),
        np.asarray(tf.cast(gradient, tf.float32)),
    )


def pixel_gradients(
    network: OpenNetwork,
    images: np.ndarray,
    classes: np.ndarray | None,
    replaced: Replace | None = None,
) -> np.ndarray:
    """Differentiates each image's class score by its pixels.

    Args:
        network: The classifier.
        images: Any number of images as float32
            `(count, height, width, channels)`. They run in batches.
        classes: One class per image as int64 `(count,)`, or None for the class
            each image is taken for.
        replaced: What runs in the place of some operations; see
            `OpenNetwork.scores`.

    Returns:
        float32 gradients of the images' shape: change of the score per unit of
        a pixel's value.
    """
    parts = [
        _pixel_gradient(
            network,
            tf.constant(images[part]),
            None if classes is None else classes[part],
            replaced,
        )
        for part in slices(len(images))
    ]
    return np.concatenate(parts)


def _pixel_gradient(
    network: OpenNetwork,
    pixels: tf.Tensor,
    classes: np.ndarray | tf.Tensor | None,
    replaced: Replace | None = None,
) -> tf.Tensor:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(pixels)
        scores = network.scores(pixels, replaced=replaced)
        score = tf.reduce_sum(score_of(scores, classes))
    return tape.gradient(score, pixels)


def mean_pixel_gradients(
    network: OpenNetwork, copies: Iterable[np.ndarray], classes: np.ndarray
) -> np.ndarray:
    """Averages the gradients of altered copies of the same images.

    Args:
        network: The classifier.
        copies: The altered copies, one or more, each with all images as
            float32 `(count, height, width, channels)`.
        classes: One class per image as int64 `(count,)`.

    Returns:
        float32 mean gradients of the images' shape.
    """
    labels = tf.TensorSpec((None,), tf.int64)
    # With this many passes compiling pays off; with a single one it does not.
    # The signature leaves the batch open, so that a short last one needs no
    # second graph.
    differentiate = tf.function(
        lambda pixels, wanted: _pixel_gradient(network, pixels, wanted),
        input_signature=[network.batch, labels],
    )
    total, count = np.zeros(1, np.float32), 0
    for images in copies:
        parts = [
            differentiate(images[part], classes[part])
            for part in slices(len(classes))
        ]
        total = total + np.concatenate(parts)
        count += 1
    return total / count


def feature_map(opened: Opened, part: slice, path: str) -> np.ndarray:
    """Returns a step's output for some of the images.

    Args:
        opened: Model and images, from `open_images`.
        part: The images to run, as a slice of the batch.
        path: Path of the step, as `find_step` takes it.

    Returns:
        float32 `(part, height, width, channels)`.
    """
    seen: list[tf.Tensor] = []

    def see(output: tf.Tensor) -> tf.Tensor:
        seen.append(output)
        return output

    opened.network.scores(tf.constant(opened.images[part]), {path: see})
    return np.asarray(tf.cast(seen[-1], tf.float32))


def score_of(
    scores: tf.Tensor, classes: np.ndarray | tf.Tensor | None
) -> tf.Tensor:
    """Takes one class's score for each image.

    Args:
        scores: Scores of all classes, `(batch, classes)`.
        classes: One class per image as int64 `(batch,)`, or None for the
            highest score of each image.

    Returns:
        One score per image, `(batch,)`.
    """
    if classes is None:
        return tf.reduce_max(scores, axis=1)
    return tf.gather(scores, classes, axis=1, batch_dims=1)
