"""SS-CAM: Score-CAM whose masks are smoothed by noise."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from tlkit.explain.methods.noise import noisy_copies
from tlkit.explain.methods.scorecam import masked_scores, soften
from tlkit.explain.opened.gradients import feature_map
from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.scores import ClassIndex, open_images


def ss_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
    samples: int = 8,
    noise: float = 0.15,
    seed: int = 0,
) -> np.ndarray:
    """Draws Score-CAM's heat maps from noisy masks.

    Wang et al., "SS-CAM: Smoothed Score-CAM" (arXiv:2006.14255), its first
    form: noise is added to the feature map, and a channel's weight comes from
    the mean score over the noisy masks. It takes `samples` times as long as
    Score-CAM.

    Args:
        model: Any convolutional classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes. What a mask hides becomes 0.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        layer: Name of the layer to look at. None takes the last layer, pooling
            aside, whose output has height and width.
        samples: Number of noisy copies of each mask, 1 or more. The time
            grows with it.
        noise: Standard deviation of the noise, as a share of a channel's own
            range of values, 0 or more.
        seed: Seed of the noise. The same seed gives the same heat maps.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1, as large as the
        images.

    Raises:
        UsageError: There is no such layer or class, the model does not take
            such images, or `samples` or `noise` is out of its range.
        TlkitError: The model is not an image classifier.
    """
    opened = open_images(model, images, class_index)
    path = opened.network.find_map(layer).path
    maps = []
    for place, label in enumerate(opened.named()):
        features = feature_map(opened, slice(place, place + 1), path)[0]
        masks = _noisy_masks(features, samples, noise, seed)
        gains = masked_scores(
            opened.network, opened.images[place], label, masks
        )
        maps.append(features @ soften(gains))
    return as_heat_maps(np.stack(maps), opened.images.shape[1:3])


def _noisy_masks(
    features: np.ndarray, samples: int, noise: float, seed: int
) -> Iterator[np.ndarray]:
    # `noisy_copies` takes images. Each channel becomes one of a single
    # channel, so that its noise is measured by its own range of values.
    channels = np.moveaxis(features, 2, 0)[..., None]
    for copies in noisy_copies(channels, samples, noise, seed):
        yield copies[..., 0]
