"""Batches of stored rows: read from the disk as they are needed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from tlkit.data.pipeline import epoch_order
from tlkit.features.store import StoredRows


def head_batch_size(count: int) -> int:
    """Returns 128, or fewer where that leaves an epoch few steps.

    A step on stored features is mostly the optimizer's work, which is the
    same for any batch: large ones are sooner done.

    Args:
        count: of training images.
    """
    return max(32, min(128, count // 15 // 32 * 32))


def make_row_batches(
    views: Sequence[StoredRows],
    labels: np.ndarray,
    batch_size: int,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Makes batches of what a frozen part has computed.

    Every pass over the dataset is an epoch, in the order that
    `tlkit.data.pipeline.make_batches` has under the same seed; epoch `e`
    (from 0) shows view `e` modulo the number of views.

    Args:
        views: for each view the rows of all images, `(count, ...)`.
        labels: int64 `(count,)`.
        batch_size: rows in a batch; the last one is kept, whatever its size.
        seed: of the order; None for the order of the index.

    Returns:
        A finite `tf.data.Dataset` of pairs: float32 `(batch, ...)` and int64
        `(batch,)`.
    """
    count = len(labels)
    epochs = itertools.count()

    def one_epoch() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        epoch = next(epochs)
        rows = views[epoch % len(views)]
        order = np.arange(count)
        if seed is not None:
            order = epoch_order(count, seed, epoch)
        for start in range(0, count, batch_size):
            chosen = order[start : start + batch_size]
            yield rows[chosen], labels[chosen]

    signature = (
        tf.TensorSpec((None, *views[0].shape[1:]), views[0].dtype),
        tf.TensorSpec((None,), tf.int64),
    )
    batches = math.ceil(count / batch_size)
    return (
        tf.data.Dataset.from_generator(one_epoch, output_signature=signature)
        .map(lambda rows, labels: (tf.cast(rows, tf.float32), labels))
        .apply(tf.data.experimental.assert_cardinality(batches))
        .prefetch(2)
    )
