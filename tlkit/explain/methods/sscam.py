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
    """Draws heat maps from scores under noisy masks.

    Wang et al., "SS-CAM: Smoothed Score-CAM" (arXiv:2006.14255), its first
    form: noise is added to the feature map, and a channel's weight comes from
    the mean score over the noisy masks. It takes `samples` times as long as
    Score-CAM.

    Args:
        model: any convolutional classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them;
            what a mask hides becomes 0.
        class_index: for which class; see `ClassIndex`.
        layer: of which layer; None for the last feature map.
        samples: noisy copies of each mask.
        noise: standard deviation, as a share of a channel's range of values.
        seed: of the noise.

    Returns:
        float32 `(batch, height, width)`, 0 to 1, of the images' size.

    Raises:
        UsageError: there is no such layer or class, the images do not fit,
            or a number is out of its range.
        TlkitError: the model is no image classifier.
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
    channels = np.moveaxis(features, 2, 0)[..., None]
    for copies in noisy_copies(channels, samples, noise, seed):
        yield copies[..., 0]
