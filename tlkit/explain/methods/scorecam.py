"""Score-CAM: channels are weighted by the score of what they show."""

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

    Each channel of the feature map serves as a mask: the image is shown where
    the channel is active, and the score that is left is the channel's weight.
    Wang et al., "Score-CAM" (arXiv:1910.01279). Every channel takes one pass
    of a masked image through the network.

    Args:
        model: Any convolutional classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes. What a mask hides becomes 0.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
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
    maps = []
    for place, label in enumerate(opened.named()):
        # Image by image, because each has as many masks as channels.
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
    """Measures how far what each mask shows raises a class's score.

    Args:
        network: The classifier.
        image: One image as float32 `(height, width, channels)`.
        label: Number of the class.
        masks: Sets of masks, each `(masks, height, width)` of any size. Each
            mask is enlarged to the image and scaled to 0 to 1.

    Returns:
        float32 `(masks,)`: the score of the masked image above that of a
        black one, as the mean over the sets.
    """
    # The paper's baseline: an image of which nothing is shown.
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
    """Returns the paper's s(Up(A)): the masks enlarged, then 0 to 1."""
    large = enlarge(masks, image.shape[:2])
    low = large.min(axis=(1, 2), keepdims=True)
    span = np.ptp(large, axis=(1, 2), keepdims=True)
    # A channel that is the same everywhere has no span. Its mask becomes 0 and
    # shows nothing, so that its gain is 0.
    return (large - low) / np.where(span > 0, span, 1)


def soften(gains: np.ndarray) -> np.ndarray:
    """Returns the softmax of the channels' gains: Algorithm 1's weights.

    Args:
        gains: Gain in score of each channel, `(channels,)`.
    """
    # Without the largest gain, exp cannot overflow; the quotient stays equal.
    powers = np.exp(gains - gains.max())
    return powers / powers.sum()
