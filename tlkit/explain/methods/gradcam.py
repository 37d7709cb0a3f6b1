"""Grad-CAM: which channels of a feature map speak for a class."""

from __future__ import annotations

import keras
import numpy as np

from tlkit.explain.opened.gradients import gradient_maps
from tlkit.explain.opened.scores import ClassIndex


def grad_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws heat maps of class activation.

    Selvaraju et al., "Grad-CAM" (arXiv:1610.02391).

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
    weights = gradients.mean(axis=(1, 2))  # equation 1
    return np.einsum("bhwc,bc->bhw", features, weights)  # equation 2
