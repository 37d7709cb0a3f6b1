"""Saliency: which pixels a class's score hangs on, without a feature map."""

from __future__ import annotations

import keras
import numpy as np

from tlkit.explain.methods.noise import noisy_copies
from tlkit.explain.opened.gradients import mean_pixel_gradients, pixel_gradients
from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.scores import ClassIndex, open_images


def saliency(
    model: keras.Model, images: np.ndarray, class_index: ClassIndex = None
) -> np.ndarray:
    """Draws the magnitude of the score's gradients.

    Simonyan et al., "Deep Inside Convolutional Networks" (arXiv:1312.6034),
    section 3.1.

    Args:
        model: any image classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: for which class; see `ClassIndex`.

    Returns:
        float32 `(batch, height, width)`, 0 to 1: over the channels, the
        largest magnitude.

    Raises:
        UsageError: there is no such class, or the images do not fit.
        TlkitError: the model is no image classifier.
    """
    opened = open_images(model, images, class_index)
    gradients = pixel_gradients(opened.network, opened.images, opened.classes)
    return magnitude(gradients)


def smoothgrad(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    samples: int = 16,
    noise: float = 0.15,
    seed: int = 0,
) -> np.ndarray:
    """Draws gradients averaged over noisy copies of the image.

    Smilkov et al., "SmoothGrad" (arXiv:1706.03825), section 3.

    Args:
        model: any image classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: for which class; see `ClassIndex`.
        samples: noisy copies of each image.
        noise: standard deviation, as a share of an image's range of values.
        seed: of the noise.

    Returns:
        float32 `(batch, height, width)`, 0 to 1: over the channels, the
        largest magnitude.

    Raises:
        UsageError: there is no such class, the images do not fit, or a number
            is out of its range.
        TlkitError: the model is no image classifier.
    """
    opened = open_images(model, images, class_index)
    classes = opened.named()
    copies = noisy_copies(opened.images, samples, noise, seed)
    return magnitude(mean_pixel_gradients(opened.network, copies, classes))


def magnitude(values: np.ndarray) -> np.ndarray:
    """Turns signed values of pixels into maps.

    Args:
        values: `(batch, height, width, channels)`.

    Returns:
        float32 `(batch, height, width)`, 0 to 1: over the channels, the
        largest magnitude.
    """
    return as_heat_maps(np.abs(values).max(axis=3), values.shape[1:3])
