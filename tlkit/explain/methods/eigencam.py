"""Eigen-CAM: what a feature map varies most in, whatever the class."""

from __future__ import annotations

import keras
import numpy as np

from tlkit.explain.opened.gradients import feature_map
from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.scores import ClassIndex, open_images, slices


def eigen_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws heat maps of the main component of a feature map.

    Muhammad and Yeasin, "Eigen-CAM" (arXiv:2008.00299). The class does not
    enter: it is an argument so that all methods are called alike.

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
    opened = open_images(model, images, class_index)
    path = opened.network.find_map(layer).path
    maps = [
        np.stack([_project(x) for x in feature_map(opened, part, path)])
        for part in slices(len(opened.images))
    ]
    return as_heat_maps(np.concatenate(maps), opened.images.shape[1:3])


def _project(features: np.ndarray) -> np.ndarray:
    height, width, channels = features.shape
    flat = features.reshape(-1, channels).astype(np.float64)
    # O = U S V^T, and the map is O times the first column of V: the first of
    # U, but for a factor. Deep layers have fewer places than channels.
    if len(flat) < channels:
        projected = np.linalg.eigh(flat @ flat.T)[1][:, -1]
    else:
        projected = flat @ np.linalg.eigh(flat.T @ flat)[1][:, -1]
    # A component has no sign; features of a network with ReLUs are positive.
    sign = -1 if projected.sum() < 0 else 1
    return (sign * projected).reshape(height, width)
