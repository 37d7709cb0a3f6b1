"""Grad-CAM++: every place of a feature map has a weight of its own."""

from __future__ import annotations

import keras
import numpy as np

from tlkit.explain.opened.gradients import gradient_maps
from tlkit.explain.opened.scores import ClassIndex


def grad_cam_plus_plus(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws heat maps that do not lose the smaller of two objects.

    Grad-CAM averages a channel's gradients over all places, so that a small
    object counts little. Here each place has a weight of its own.
    Chattopadhay et al., "Grad-CAM++" (arXiv:1710.11063). Their factor exp(S)
    of the class score is the same for all channels, so that scaling the heat
    map to 1 removes it.

    Args:
        model: Any convolutional classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
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
    return gradient_maps(_weigh, model, images, class_index, layer)


def _weigh(features: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    return weigh_by_powers(features, gradients, gradients**2, gradients**3)


def weigh_by_powers(
    features: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    third: np.ndarray,
) -> np.ndarray:
    """Adds up channels, weighted by the powers of their gradients.

    Args:
        features: Feature maps, `(batch, height, width, channels)`.
        first: Gradients of the class score, of the same shape.
        second: Squares of the gradients, or their mean over noisy copies.
        third: Cubes of the gradients, or their mean over noisy copies.

    Returns:
        Maps `(batch, height, width)`, neither cut off at 0 nor scaled.
    """
    total = features.sum(axis=(1, 2), keepdims=True)
    below = 2 * second + total * third  # equation 19
    # Where the gradient is 0, both parts of the fraction are: alpha is 0.
    alpha = second / np.where(below != 0, below, 1)
    weights = (alpha * np.maximum(first, 0)).sum(axis=(1, 2))  # equation 5
    return np.einsum("bhwc,bc->bhw", features, weights)
