"""The start of every explanation: checked images, and classes to explain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.explain.opened.classes import ClassIndex as ClassIndex
from tlkit.explain.opened.network import OpenNetwork

#: Images that run through the network at once.
BATCH = 32


def _split(class_index: ClassIndex) -> tuple[str | None, Any]:
    # A tuple may also hold the classes of two images: only a text names an
    # output.
    if (
        isinstance(class_index, tuple)
        and len(class_index) == 2
        and isinstance(class_index[0], str)
    ):
        return class_index
    return None, class_index


def _read_classes(
    network: OpenNetwork, wanted: Any, count: int
) -> np.ndarray | None:
    if wanted is None:
        return None
    classes = np.asarray(wanted)
    # Whole numbers only: True and 1.0 would pass as classes unnoticed.
    if classes.dtype.kind not in "iu" or classes.shape not in ((), (count,)):
        raise UsageError(
            "These are not class numbers.",
            where="class_index",
            expected=f"a whole number, or {count} of them, or None",
            received=wanted,
        )
    if not 0 <= classes.min() <= classes.max() < network.classes:
        raise UsageError(
            "There is no such class.",
            where="class_index",
            expected=f"0 to {network.classes - 1}",
            received=wanted,
        )
    return np.broadcast_to(classes, (count,)).astype(np.int64)


class Opened(NamedTuple):
    """A classifier, images and classes that fit each other.

    Attributes:
        network: The classifier, opened.
        images: Batch as float32 `(batch, height, width, channels)`.
        classes: One class per image as int64 `(batch,)`, or None for the class
            each image is taken for.
    """

    network: OpenNetwork
    images: np.ndarray
    classes: np.ndarray | None

    def of(self, part: slice) -> np.ndarray | None:
        """Returns the classes of a part of the images."""
        return None if self.classes is None else self.classes[part]

    def named(self) -> np.ndarray:
        """Returns a class for each image: the most probable by default."""
        if self.classes is not None:
            return self.classes
        return best_classes(self.network, self.images)


def open_images(
    model: keras.Model, images: np.ndarray, class_index: ClassIndex
) -> Opened:
    """Checks a model, images and classes against each other.

    Args:
        model: An image classifier; see `OpenNetwork`. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain; see `ClassIndex`.

    Raises:
        UsageError: There is no such class, or the model does not take such
            images.
        TlkitError: The model is not an image classifier.
    """
    output, wanted = _split(class_index)
    network = OpenNetwork(model, output)
    images = network.check(images)
    return Opened(network, images, _read_classes(network, wanted, len(images)))


def best_classes(network: OpenNetwork, images: np.ndarray) -> np.ndarray:
    """Returns each image's most probable class.

    Args:
        network: The classifier.
        images: Any number of images, `(count, height, width, channels)`. They
            run in batches.

    Returns:
        One class per image as int64 `(count,)`.
    """
    parts = [
        np.argmax(network.scores(tf.constant(images[part])), axis=1)
        for part in slices(len(images))
    ]
    return np.concatenate(parts).astype(np.int64)


def slices(count: int, size: int = BATCH) -> Iterator[slice]:
    """Yields the batches of `count` things, in order."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
