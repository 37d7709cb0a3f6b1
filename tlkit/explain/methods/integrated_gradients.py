"""Integrated gradients: a score divided among the pixels without a rest."""

from __future__ import annotations

import keras
import numpy as np

from tlkit.base.errors import UsageError
from tlkit.explain.methods.saliency import magnitude
from tlkit.explain.opened.gradients import mean_pixel_gradients
from tlkit.explain.opened.scores import ClassIndex, open_images


def integrated_gradients(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    steps: int = 32,
) -> np.ndarray:
    """Draws how much of a class's score each pixel accounts for.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        steps: Number of steps from black to the image, 1 or more; see
            `attributions`.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1: the largest
        magnitude over the channels of a pixel.

    Raises:
        UsageError: There is no such class, the model does not take such
            images, or there is no step.
        TlkitError: The model is not an image classifier.
    """
    return magnitude(attributions(model, images, class_index, steps))


def attributions(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    steps: int = 32,
) -> np.ndarray:
    """Divides the score that an image has above a black one among its pixels.

    Sundararajan et al., "Axiomatic Attribution for Deep Networks"
    (arXiv:1703.01365), equation 3, with each step's middle in place of its
    end. The values of an image add up to the difference of the two scores
    (completeness), the more exactly the more steps.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        steps: Number of steps from black to the image, 1 or more. Each takes
            one pass through the network.

    Returns:
        float32 attributions of the images' shape: positive where a value
        raises the score of the class.

    Raises:
        UsageError: There is no such class, the model does not take such
            images, or there is no step.
        TlkitError: The model is not an image classifier.
    """
    if steps < 1:
        raise UsageError(
            "Integrated gradients need at least one step.",
            where="steps",
            expected="1 or more",
            received=steps,
        )
    opened = open_images(model, images, class_index)
    # Fixed for the whole image: a dark copy may be taken for another class.
    classes = opened.named()
    # The middle of each step: the midpoint rule of integration.
    shares = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    # A generator: the copies are never in memory all at once.
    way = (np.float32(share) * opened.images for share in shares)
    return opened.images * mean_pixel_gradients(opened.network, way, classes)
