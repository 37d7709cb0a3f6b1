"""A class's score, differentiated by a feature map or by the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.network import OpenNetwork, Replace
from tlkit.explain.opened.scores import ClassIndex, Opened, open_images, slices

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From a feature map and a class's gradients, both float32
`(batch, height, width, channels)`, to maps `(batch, height, width)`."""


def gradient_maps(
    rule: Rule,
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex,
    layer: str | None,
) -> np.ndarray:
    """Draws heat maps by a rule on feature maps and their gradients.

    Args:
        rule: what a method makes of them.
        model: see `OpenNetwork`.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: see `ClassIndex`.
        layer: which step's output to look at; None for the last feature map.

    Returns:
        float32 `(batch, height, width)`, 0 to 1, of the images' size.

    Raises:
        UsageError: there is no such layer or class, or the images do not fit.
        TlkitError: the model is no image classifier.
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
        network: the classifier.
        images: float32 `(batch, height, width, channels)`.
        classes: int64 `(batch,)`; None for each image's own.
        path: of the step.
        replaced: see `OpenNetwork.scores`.

    Returns:
        The output and the gradient, float32, of the same shape.
    """
    seen: list[tf.Tensor] = []
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def watch(output: tf.Tensor) -> tf.Tensor:
            tape.watch(output)
            seen.append(output)
            return output

        scores = network.scores(tf.constant(images), {path: watch}, replaced)
        score = tf.reduce_sum(score_of(scores, classes))
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
        network: the classifier.
        images: float32 `(count, height, width, channels)`.
        classes: int64 `(count,)`; None for each image's own.
        replaced: see `OpenNetwork.scores`.

    Returns:
        float32, of the images' shape: score per unit of the pixels' values.
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
        network: the classifier.
        copies: one or more times the images, float32
            `(count, height, width, channels)`.
        classes: int64 `(count,)`.

    Returns:
        float32, of the images' shape.
    """
    labels = tf.TensorSpec((None,), tf.int64)
    # So many passes repay compiling, which a single one does not.
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
        opened: from `open_images`.
        part: which of the images.
        path: of the step.

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
        scores: logits `(batch, classes)`.
        classes: int64 `(batch,)`; None for the highest.

    Returns:
        `(batch,)`.
    """
    if classes is None:
        return tf.reduce_max(scores, axis=1)
    return tf.gather(scores, classes, axis=1, batch_dims=1)
