"""Saliency: the pixels that a class's score reacts to most."""

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
    """Draws the magnitude of the gradients of a class's score.

    Simonyan et al., "Deep Inside Convolutional Networks" (arXiv:1312.6034),
    section 3.1. A pixel is bright if a small change of its value would change
    the score much, be it upward or downward.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1: the largest
        magnitude over the channels of a pixel.

    Raises:
        UsageError: There is no such class, or the model does not take such
            images.
        TlkitError: The model is not an image classifier.
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

    A gradient changes abruptly from one image to a nearly equal one; the mean
    over noisy copies is steadier. Smilkov et al., "SmoothGrad"
    (arXiv:1706.03825), section 3.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        samples: Number of noisy copies of each image, 1 or more. The time
            grows with it.
        noise: Standard deviation of the noise, as a share of an image's own
            range of values, 0 or more.
        seed: Seed of the noise. The same seed gives the same heat maps.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1: the largest
        magnitude over the channels of a pixel.

    Raises:
        UsageError: There is no such class, the model does not take such
            images, or `samples` or `noise` is out of its range.
        TlkitError: The model is not an image classifier.
    """
    opened = open_images(model, images, class_index)
    # Fixed for the clean images: noise may change what a copy is taken for.
    classes = opened.named()
    copies = noisy_copies(opened.images, samples, noise, seed)
    return magnitude(mean_pixel_gradients(opened.network, copies, classes))


def magnitude(values: np.ndarray) -> np.ndarray:
    """Turns signed values of pixels into heat maps.

    Args:
        values: Gradients or attributions of either sign,
            `(batch, height, width, channels)`.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1: the largest
        magnitude over the channels of a pixel.
    """
    return as_heat_maps(np.abs(values).max(axis=3), values.shape[1:3])
