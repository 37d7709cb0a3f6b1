"""LayerCAM: every place and channel is weighted by its own gradient."""

from __future__ import annotations

import keras
import numpy as np

from tlkit.explain.opened.gradients import gradient_maps
from tlkit.explain.opened.scores import ClassIndex


def layer_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws heat maps that stay sharp in early layers.

    Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for
    Localization", IEEE Transactions on Image Processing 30 (2021).

    A place counts as far as the score would rise if it rose. No mean is
    taken over the places, which is why early layers keep their detail.

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
    weights = np.maximum(gradients, 0)  # one for each place and channel
    return (weights * features).sum(axis=3)
