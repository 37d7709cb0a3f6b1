"""Grad-CAM: the channels of a feature map that raise a class's score."""

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

    Each channel of the feature map is weighted by the mean of its gradients,
    which says how much the score rises with the channel.
    Selvaraju et al., "Grad-CAM" (arXiv:1610.02391).

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
    weights = gradients.mean(axis=(1, 2))  # equation 1
    # The ReLU of equation 2 is in `as_heat_maps`: negative sums become 0.
    return np.einsum("bhwc,bc->bhw", features, weights)  # equation 2
