"""Does the network lose its class when the hottest pixels are taken away?"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from tlkit.base.errors import UsageError
from tlkit.explain.opened.network import OpenNetwork
from tlkit.explain.opened.scores import ClassIndex, Opened, open_images, slices

#: Standard deviation of the blur, as a share of the image's shorter side.
_BLUR = 1 / 16


def deletion_curve(
    model: keras.Model,
    images: np.ndarray,
    maps: np.ndarray,
    class_index: ClassIndex = None,
    steps: int = 30,
) -> np.ndarray:
    """Measures a class's probability while the hottest pixels are removed.

    Petsiuk et al., "RISE" (arXiv:1806.07421), section 4. A pixel that is
    removed takes on its image's mean colour. The better a heat map shows what
    the class depends on, the earlier the curve falls.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        maps: Heat maps `(batch, height, width)`. The hottest pixels come
            first; equally hot ones are taken in random order.
        class_index: The class whose probability is measured: one number for
            all images, one per image, or None for the class each whole image
            is taken for; see `ClassIndex`.
        steps: Number of equal parts in which the pixels are removed, 1 or
            more.

    Returns:
        float64 probabilities `(batch, steps + 1)`, from the whole image to the
        bare colour.

    Raises:
        UsageError: Heat maps, images and classes do not fit each other, or
            there is no step.
        TlkitError: The model is not an image classifier.
    """
    opened = open_images(model, images, class_index)
    colours = opened.images.mean(axis=(1, 2), keepdims=True)
    empty = np.broadcast_to(colours, opened.images.shape)
    return _curve(opened, maps, opened.images, empty, steps)


def insertion_curve(
    model: keras.Model,
    images: np.ndarray,
    maps: np.ndarray,
    class_index: ClassIndex = None,
    steps: int = 30,
) -> np.ndarray:
    """Measures a class's probability while the hottest pixels are shown.

    Petsiuk et al., "RISE" (arXiv:1806.07421), section 4: a blurred image
    becomes the sharp one. The better a heat map shows what the class depends
    on, the earlier the curve rises.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        maps: Heat maps `(batch, height, width)`. The hottest pixels come
            first; equally hot ones are taken in random order.
        class_index: The class whose probability is measured: one number for
            all images, one per image, or None for the class each whole image
            is taken for; see `ClassIndex`.
        steps: Number of equal parts in which the pixels are shown, 1 or more.

    Returns:
        float64 probabilities `(batch, steps + 1)`, from the blurred image to
        the sharp one.

    Raises:
        UsageError: Heat maps, images and classes do not fit each other, or
            there is no step.
        TlkitError: The model is not an image classifier.
    """
    opened = open_images(model, images, class_index)
    start = blurred(opened.images)
    return _curve(opened, maps, start, opened.images, steps)


def blurred(images: np.ndarray) -> np.ndarray:
    """Blurs images until only their colours are left.

    Args:
        images: Batch of shape `(batch, height, width, channels)`.

    Returns:
        float32 images of the same shape, after a Gaussian blur whose standard
        deviation is a sixteenth of the shorter side.
    """
    # A share of the side and not a number of pixels: a large image is blurred
    # as far as a small one. 0 for the axes of the batch and the channels.
    sigma = _BLUR * min(images.shape[1:3])
    images = np.asarray(images, np.float32)
    return gaussian_filter(images, (0, sigma, sigma, 0))


def area_under_curve(curves: np.ndarray) -> np.ndarray:
    """Returns the area under each curve, by the trapezoidal rule.

    Args:
        curves: Probabilities `(batch, steps + 1)`, from `deletion_curve` or
            `insertion_curve`.

    Returns:
        float64 areas `(batch,)`, 0 to 1: the mean probability over the steps.
    """
    # The ends lie in one step each and count half.
    inner = curves[:, 1:-1].sum(axis=1)
    ends = (curves[:, 0] + curves[:, -1]) / 2
    return (inner + ends) / (curves.shape[1] - 1)


def _curve(
    opened: Opened,
    maps: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    steps: int,
) -> np.ndarray:
    """Turns images `before` into `after`, the hottest pixels first."""
    maps = np.asarray(maps)
    if steps < 1 or maps.shape != before.shape[:3]:
        raise UsageError(
            "Each image needs a heat map of its size, and a curve needs at "
            "least one step.",
            where="maps, steps",
            expected=f"shape {before.shape[:3]}, 1 or more",
            received=f"{maps.shape}, {steps}",
        )
    ranks = _ranks(maps)
    # How many pixels are done after each step: all parts are equal, but for
    # rounding.
    limits = np.linspace(0, maps[0].size, steps + 1).round()
    # Ranks (height, width, 1) against limits (steps + 1, 1, 1, 1): one image
    # for each step.
    shown = [
        np.where(place[..., None] < limits[:, None, None, None], new, old)
        for place, old, new in zip(ranks, before, after, strict=True)
    ]
    return np.stack(
        [
            _probabilities(opened.network, way, label)
            for way, label in zip(shown, opened.named(), strict=True)
        ]
    )


def _ranks(maps: np.ndarray) -> np.ndarray:
    """Numbers each map's pixels from the hottest, 0, to the coldest."""
    flat = maps.reshape(len(maps), -1)
    # Sorting alone would take equal pixels from the top downward, and a blank
    # map would look good on any picture with its subject above. The seed is
    # fixed, so that the same maps give the same curves.
    lots = np.random.default_rng(0).permutation(flat.shape[1])
    order = lots[np.argsort(-flat[:, lots], axis=1, kind="stable")]
    # Sorting an order gives its inverse: the rank of each pixel.
    ranks = np.argsort(order, axis=1)
    return ranks.reshape(maps.shape)


def _probabilities(
    network: OpenNetwork, images: np.ndarray, label: int
) -> np.ndarray:
    parts = [
        network.probabilities(network.scores(tf.constant(images[part])))
        for part in slices(len(images))
    ]
    return np.concatenate(parts)[:, label].astype(np.float64)
