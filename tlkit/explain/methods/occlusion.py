"""Occlusion: how far a class's score falls when a patch is covered."""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.network import OpenNetwork
from tlkit.explain.opened.scores import ClassIndex, open_images, slices


def occlusion(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    patches: int = 8,
) -> np.ndarray:
    """Draws how far the score falls when a patch is covered.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks"
    (arXiv:1311.2901), section 4.2. A patch takes on the image's mean colour;
    patches overlap by half.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        patches: Number of patches that fit side by side into an image, 1 or
            more. More patches show finer detail and take more time: about
            `(2 patches - 1)` squared passes through the network.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1: the mean fall of
        the score over the patches that cover a pixel. A rise counts as 0.

    Raises:
        UsageError: There is no such class, the model does not take such
            images, or there is no patch.
        TlkitError: The model is not an image classifier.
    """
    if patches < 1:
        raise UsageError(
            "An image needs at least one patch.",
            where="patches",
            expected="1 or more",
            received=patches,
        )
    opened = open_images(model, images, class_index)
    covers = _covers(opened.images.shape[1:3], patches)
    maps = [
        _falls(opened.network, image, label, covers)
        for image, label in zip(opened.images, opened.named(), strict=True)
    ]
    return as_heat_maps(np.stack(maps), opened.images.shape[1:3])


def _covers(size: tuple[int, ...], patches: int) -> np.ndarray:
    """Returns bool `(covers, height, width)`: True under a patch."""
    # Rounded up, so that `patches` of them are enough for the whole side.
    sides = [math.ceil(side / patches) for side in size]
    # Half a patch from one to the next. The range ends one such step late: a
    # last patch reaches the border, and may be cut off by it.
    rows, columns = (
        range(0, side - patch + max(1, patch // 2), max(1, patch // 2))
        for side, patch in zip(size, sides, strict=True)
    )
    covers = np.zeros((len(rows) * len(columns), *size), bool)
    corners = [(row, column) for row in rows for column in columns]
    for cover, (row, column) in zip(covers, corners, strict=True):
        cover[row : row + sides[0], column : column + sides[1]] = True
    return covers


def _falls(
    network: OpenNetwork, image: np.ndarray, label: int, covers: np.ndarray
) -> np.ndarray:
    whole = np.asarray(network.scores(tf.constant(image[None]))[0, label])
    colour = image.mean(axis=(0, 1))
    # (height, width, 1) covers choose between a colour and the image.
    scores = np.concatenate(
        [
            network.compiled_scores(
                tf.constant(np.where(covers[part, ..., None], colour, image))
            )[:, label]
            for part in slices(len(covers))
        ]
    )
    # Sums over the covers k; each pixel's sum is divided by its own count.
    fall = np.einsum("k,khw->hw", whole - scores, covers.astype(np.float32))
    return fall / np.maximum(covers.sum(axis=0), 1)
