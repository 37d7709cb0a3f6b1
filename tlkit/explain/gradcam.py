"""Grad-CAM: which places of a feature map speak for a class."""

from __future__ import annotations

import keras
import numpy as np

from tlkit.explain.scores import as_heat_maps, score_gradients


def grad_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: int | None = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws heat maps of class activation.

    Selvaraju et al., "Grad-CAM" (arXiv:1610.02391).

    Args:
        model: a flat functional classifier; it is not changed.
        images: `(batch, height, width, 3)`, values 0 to 255.
        class_index: for which class; None for each image's most probable.
        layer: of which layer or block; None for the last feature map.

    Returns:
        float32 `(batch, height, width)`, 0 to 1, of the images' size.

    Raises:
        UsageError: there is no such layer or class.
        TlkitError: the model does not end in a dense layer.
    """
    features, gradients = score_gradients(model, images, class_index, layer)
    weights = gradients.mean(axis=(1, 2))  # equation 1
    maps = np.einsum("bhwc,bc->bhw", features, weights)  # equation 2
    return as_heat_maps(maps, np.shape(images)[1:3])
