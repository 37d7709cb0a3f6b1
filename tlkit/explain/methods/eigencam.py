"""Eigen-CAM: the main component of a feature map, whatever the class."""

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

    Muhammad and Yeasin, "Eigen-CAM" (arXiv:2008.00299). The class has no
    influence: it is an argument only so that all methods are called alike.

    Args:
        model: Any convolutional classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: Checked, but without influence on the heat map; see
            `ClassIndex`. It may name one of several outputs.
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
    opened = open_images(model, images, class_index)
    path = opened.network.find_map(layer).path
    maps = [
        np.stack([_project(x) for x in feature_map(opened, part, path)])
        for part in slices(len(opened.images))
    ]
    return as_heat_maps(np.concatenate(maps), opened.images.shape[1:3])


def _project(features: np.ndarray) -> np.ndarray:
    height, width, channels = features.shape
    # float64, because the products below square the range of the values.
    flat = features.reshape(-1, channels).astype(np.float64)
    # In O = U S V^T the map is O times the first column of V, which is the
    # first column of U but for a factor. Deep layers have fewer places than
    # channels, so the smaller of the two products is decomposed. eigh sorts
    # upward: the main component is the last one.
    if len(flat) < channels:
        projected = np.linalg.eigh(flat @ flat.T)[1][:, -1]
    else:
        projected = flat @ np.linalg.eigh(flat.T @ flat)[1][:, -1]
    # A decomposition leaves the sign open. Features behind a ReLU are never
    # negative, so the sign with which the map adds up to more than 0 is taken.
    sign = -1 if projected.sum() < 0 else 1
    return (sign * projected).reshape(height, width)
