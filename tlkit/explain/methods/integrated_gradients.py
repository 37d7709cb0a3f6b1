"""Integrated gradients: a score shared out among the pixels, nothing lost."""

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
        model: any image classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: for which class; see `ClassIndex`.
        steps: see `attributions`.

    Returns:
        float32 `(batch, height, width)`, 0 to 1: over the channels, the
        largest magnitude.

    Raises:
        UsageError: there is no such class, the images do not fit, or there is
            no step.
        TlkitError: the model is no image classifier.
    """
    return magnitude(attributions(model, images, class_index, steps))


def attributions(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    steps: int = 32,
) -> np.ndarray:
    """Shares out the difference between an image's score and a black one's.

    Sundararajan et al., "Axiomatic Attribution for Deep Networks"
    (arXiv:1703.01365), equation 3, with each step's middle in place of its
    end. The values of an image add up to the difference (completeness),
    the more exactly the more steps.

    Args:
        model: any image classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: for which class; see `ClassIndex`.
        steps: places on the way from black to the image, 1 or more.

    Returns:
        float32, of the images' shape: positive where a value speaks for the
        class.

    Raises:
        UsageError: there is no such class, the images do not fit, or there is
            no step.
        TlkitError: the model is no image classifier.
    """
    if steps < 1:
        raise UsageError(
            "The way from black to the image needs a step.",
            where="steps",
            expected="1 or more",
            received=steps,
        )
    opened = open_images(model, images, class_index)
    classes = opened.named()
    shares = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    way = (np.float32(share) * opened.images for share in shares)
    return opened.images * mean_pixel_gradients(opened.network, way, classes)
