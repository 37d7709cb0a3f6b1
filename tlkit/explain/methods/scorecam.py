"""Score-CAM: a class's score when only one channel's places are shown."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from tlkit.explain.opened.gradients import feature_map
from tlkit.explain.opened.heat import as_heat_maps, enlarge
from tlkit.explain.opened.network import OpenNetwork
from tlkit.explain.opened.scores import ClassIndex, open_images, slices


def score_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws heat maps without gradients.

    Wang et al., "Score-CAM" (arXiv:1910.01279). Each channel takes one pass
    of the masked image through the network.

    Args:
        model: any convolutional classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them;
            what a mask hides becomes 0.
        class_index: for which class; see `ClassIndex`.
        layer: of which layer; None for the last feature map.

    Returns:
        float32 `(batch, height, width)`, 0 to 1, of the images' size.

    Raises:
        UsageError: there is no such layer or class, or the images do not fit.
        TlkitError: the model is no image classifier.
    """
    opened = open_images(model, images, class_index)
    path = opened.network.find_map(layer).path
    maps = []
    for place, label in enumerate(opened.named()):
        features = feature_map(opened, slice(place, place + 1), path)[0]
        channels = np.moveaxis(features, 2, 0)
        gains = masked_scores(
            opened.network, opened.images[place], label, [channels]
        )
        maps.append(features @ soften(gains))
    return as_heat_maps(np.stack(maps), opened.images.shape[1:3])


def masked_scores(
    network: OpenNetwork,
    image: np.ndarray,
    label: int,
    masks: Iterator[np.ndarray] | list[np.ndarray],
) -> np.ndarray:
    """Measures how far each mask's places alone raise a class's score.

    Args:
        network: the classifier.
        image: float32 `(height, width, channels)`.
        label: the class.
        masks: sets of masks, each `(masks, height, width)` of any size; they
            are scaled to 0 to 1 each and enlarged to the image.

    Returns:
        float32 `(masks,)`: the score above that of a black image, the mean
        over the sets.
    """
    black = network.scores(tf.zeros((1, *image.shape)))[0, label]
    totals = [
        np.concatenate(
            [
                _scores(network, image, label, _scaled(some[part], image))
                for part in slices(len(some))
            ]
        )
        for some in masks
    ]
    return np.mean(totals, axis=0) - np.asarray(black)


def _scores(
    network: OpenNetwork, image: np.ndarray, label: int, masks: np.ndarray
) -> np.ndarray:
    shown = tf.constant(image * masks[..., None])
    return np.asarray(network.compiled_scores(shown))[:, label]


def _scaled(masks: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The paper's s(Up(A)): enlarged, then 0 to 1."""
    large = enlarge(masks, image.shape[:2])
    low = large.min(axis=(1, 2), keepdims=True)
    span = np.ptp(large, axis=(1, 2), keepdims=True)
    return (large - low) / np.where(span > 0, span, 1)


def soften(gains: np.ndarray) -> np.ndarray:
    """Returns the softmax of the channels' gains: Algorithm 1's weights.

    Args:
        gains: `(channels,)`.
    """
    powers = np.exp(gains - gains.max())
    return powers / powers.sum()
