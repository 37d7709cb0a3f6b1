"""What every heat map needs: a class's score, and where to look at it from.

Scores are logits. A softmax answers "this class and not the others", and its
gradient vanishes where the network is sure.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from tlkit.errors import TlkitError, UsageError
from tlkit.models.freezing import find_layer


def last_feature_map(model: keras.Model) -> keras.Layer:
    """Finds the last layer with spatial extent that is no pooling.

    Args:
        model: a flat functional classifier.

    Raises:
        UsageError: no layer's output has the shape
            `(batch, height, width, channels)`.
    """
    pools = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
    for layer in reversed(model.layers):
        shape = getattr(layer.output, "shape", ())
        if len(shape) == 4 and not isinstance(layer, pools) and layer.weights:
            return layer
    raise UsageError(
        "The model has no layer with height and width.",
        where=f"model {model.name}",
        expected="a convolutional network",
    )


def score_gradients(
    model: keras.Model,
    images: np.ndarray,
    class_index: int | None,
    layer: str | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Differentiates a class's logit by a layer's feature map.

    Args:
        model: a flat functional classifier that ends in a dense layer with
            softmax or sigmoid; it is not changed.
        images: `(batch, height, width, 3)`, values 0 to 255.
        class_index: whose logit; None for each image's own highest.
        layer: name of a layer or block; None for the last feature map.

    Returns:
        The feature map and the gradient, float32, both
        `(batch, height, width, channels)`.

    Raises:
        UsageError: there is no such layer or class, or the layer has no
            height and width.
        TlkitError: the model does not end in a dense layer.
    """
    watched = find_layer(model, layer) if layer else last_feature_map(model)
    if len(watched.output.shape) != 4:
        raise UsageError(
            f"Layer {watched.name} has no height and width.",
            where=f"model {model.name}",
            expected="an output of shape (batch, height, width, channels)",
            received=tuple(watched.output.shape),
        )
    end = model.layers[-1]
    if not isinstance(end, keras.layers.Dense):
        raise TlkitError(
            "The model does not end in a dense layer.",
            where=f"model {model.name}",
            expected="a dense layer with softmax or sigmoid",
            received=type(end).__name__,
        )
    graph = keras.Model(model.inputs, [watched.output, end.input])
    pixels = tf.convert_to_tensor(images, tf.float32)
    with tf.GradientTape() as tape:
        # Frozen layers watch nothing, so the input has to be watched.
        tape.watch(pixels)
        features, vectors = graph(pixels, training=False)
        logits = _both_classes(keras.ops.matmul(vectors, end.kernel) + end.bias)
        chosen = _chosen(logits, class_index)
        score = tf.reduce_sum(tf.gather(logits, chosen, axis=1, batch_dims=1))
    gradient = tape.gradient(score, features)
    return (
        np.asarray(features, np.float32),
        np.asarray(gradient, np.float32),
    )


def _both_classes(logits: tf.Tensor) -> tf.Tensor:
    """Of one sigmoid unit: z speaks for the second class, -z for the first."""
    if logits.shape[1] == 1:
        return tf.concat([-logits, logits], axis=1)
    return logits


def _chosen(logits: tf.Tensor, class_index: int | None) -> tf.Tensor:
    classes = logits.shape[1]
    if class_index is None:
        return tf.argmax(logits, axis=1)
    if not 0 <= class_index < classes:
        raise UsageError(
            "There is no such class.",
            where="class_index",
            expected=f"0 to {classes - 1}",
            received=class_index,
        )
    return tf.fill([tf.shape(logits)[0]], class_index)


def as_heat_maps(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scales maps to 0 to 1 and enlarges them to the images' size.

    Args:
        maps: `(batch, height, width)`; negative values count as 0.
        size: `(height, width)` in pixels.

    Returns:
        float32 `(batch, *size)`; each map's maximum is 1, or all of it 0.
    """
    maps = np.maximum(maps, 0)
    large = np.asarray(
        keras.ops.image.resize(maps[..., None], size, "bilinear")
    )[..., 0]
    highest = large.max(axis=(1, 2), keepdims=True)
    return large / np.where(highest > 0, highest, 1)
