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

    Chattopadhay et al., "Grad-CAM++" (arXiv:1710.11063). The factor exp(S) of
    the class score is the same for all channels; scaling to 1 removes it.


    Args:
        model: any convolutional classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: for which class; see `ClassIndex`.
        layer: of which layer; None for the last feature map.

    Returns:
        float32 `(batch, height, width)`, 0 to 1, of the images' size.

    Raises:
        UsageError: there is no such layer or class, or the images do not fit.
        TlkitError: the model is no image classifier.
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
    """Weighs channels by the powers of their gradients.

    Args:
        features: `(batch, height, width, channels)`.
        first: gradients of the class score, of the same shape.
        second: their squares.
        third: their cubes.

    Returns:
        `(batch, height, width)`.
    """
    total = features.sum(axis=(1, 2), keepdims=True)
    below = 2 * second + total * third  # equation 19
    alpha = second / np.where(below != 0, below, 1)
    weights = (alpha * np.maximum(first, 0)).sum(axis=(1, 2))  # equation 5
    return np.einsum("bhwc,bc->bhw", features, weights)
