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
    """Draws heat maps that do not hang on the image's finest grain.

    Omeiza et al., "Smooth Grad-CAM++" (arXiv:1908.01224): the first, second
    and third powers of the gradients in Grad-CAM++'s weights are averages
    over noisy copies of the image; the feature map is the clean image's.

    Args:
        model: any convolutional classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: for which class; see `ClassIndex`.
        layer: of which layer; None for the last feature map.
        samples: noisy copies of each image.
        noise: standard deviation, as a share of an image's range of values.
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
    classes = opened.named()
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
        powers = powers + np.stack([gradients, gradients**2, gradients**3])
    features = np.concatenate(
        [feature_map(opened, part, path) for part in slices(len(classes))]
    )
    maps = weigh_by_powers(features, *(powers / samples))
    return as_heat_maps(maps, opened.images.shape[1:3])
