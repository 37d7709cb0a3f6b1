"""Smooth Grad-CAM++: Grad-CAM++ from gradients averaged over noisy copies."""

from __future__ import annotations

import keras
import numpy as np

from tlkit.explain.methods.gradcam_plus_plus import weigh_by_powers
from tlkit.explain.methods.noise import noisy_copies
from tlkit.explain.opened.gradients import feature_map, map_gradients
from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.scores import ClassIndex, open_images, slices


def smooth_grad_cam_plus_plus(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
    samples: int = 16,
    noise: float = 0.15,
    seed: int = 0,
) -> np.ndarray:
    """Draws heat maps that do not depend on the finest detail of an image.

    Omeiza et al., "Smooth Grad-CAM++" (arXiv:1908.01224): the first, second
    and third powers of the gradients in Grad-CAM++'s weights are averages
    over noisy copies of the image; the feature map is the clean image's.

    Args:
        model: Any convolutional classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        layer: Name of the layer to look at. None takes the last layer, pooling
            aside, whose output has height and width.
        samples: Number of noisy copies of each image, 1 or more. The time
            grows with it.
        noise: Standard deviation of the noise, as a share of an image's own
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
    # Fixed for the clean images: noise may change what a copy is taken for.
    classes = opened.named()
    # One running sum for each power, so that no copy has to be kept.
    powers = np.zeros((3, 1, 1, 1, 1), np.float32)
    for copies in noisy_copies(opened.images, samples, noise, seed):
        gradients = np.concatenate(
            [
                map_gradients(
                    opened.network, copies[part], classes[part], path
                )[1]
                for part in slices(len(copies))
            ]
        )
        # The mean of squares is not the square of the mean: powers first.
        powers = powers + np.stack([gradients, gradients**2, gradients**3])
    features = np.concatenate(
        [feature_map(opened, part, path) for part in slices(len(classes))]
    )
    maps = weigh_by_powers(features, *(powers / samples))
    return as_heat_maps(maps, opened.images.shape[1:3])
