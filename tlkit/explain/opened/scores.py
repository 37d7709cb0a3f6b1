"""What every explanation starts from: images, and classes to explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.explain.opened.network import OpenNetwork

Classes = int | Sequence[int] | np.ndarray | None
ClassIndex = Classes | tuple[str, Classes]
"""Whose score is explained: None for each image's own most probable class, one
class for all images, or one for each. Of a model with several outputs the
first is explained, or the one named: `("species", 3)`, `("species", None)`.
"""

#: Images that run through the network at once.
BATCH = 32


def _split(class_index: ClassIndex) -> tuple[str | None, Any]:
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
    if classes.dtype.kind not in "iu" or classes.shape not in ((), (count,)):
        raise UsageError(
            "These are not classes of images.",
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
    """What every method starts from.

    Attributes:
        network: the classifier, opened.
        images: float32 `(batch, height, width, channels)`.
        classes: int64 `(batch,)`; None for each image's own.
    """

    network: OpenNetwork
    images: np.ndarray
    classes: np.ndarray | None

    def of(self, part: slice) -> np.ndarray | None:
        """Returns the classes of a part of the images."""
        return None if self.classes is None else self.classes[part]

    def named(self) -> np.ndarray:
        """Returns a class for each image: the most probable, if none is set."""
        if self.classes is not None:
            return self.classes
        return best_classes(self.network, self.images)


def open_images(
    model: keras.Model, images: np.ndarray, class_index: ClassIndex
) -> Opened:
    """Checks a model, images and classes against each other.

    Args:
        model: see `OpenNetwork`.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: see `ClassIndex`.

    Raises:
        UsageError: there is no such class, or the images do not fit.
        TlkitError: the model is no image classifier.
    """
    output, wanted = _split(class_index)
    network = OpenNetwork(model, output)
    images = network.check(images)
    return Opened(network, images, _read_classes(network, wanted, len(images)))


def best_classes(network: OpenNetwork, images: np.ndarray) -> np.ndarray:
    """Returns each image's most probable class.

    Args:
        network: the classifier.
        images: `(count, height, width, channels)`.

    Returns:
        int64 `(count,)`.
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
