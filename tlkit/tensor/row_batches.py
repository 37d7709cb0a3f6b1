"""Makes batches of stored rows, which are read from the disk when needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from tlkit.tensor.pipeline import WORKERS, epochs_of_rows, without_tuning
from tlkit.tensor.shares import EVERYTHING, Portion


class Rows(Protocol):
    """An array, or anything that can be indexed by rows like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, followed by the shape of one row."""

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the rows."""

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Returns the rows with these numbers."""


def make_row_batches(
    views: Sequence[Rows],
    labels: np.ndarray,
    batch_size: int,
    seed: int | None = None,
    first_epoch: int = 0,
    portion: Portion = EVERYTHING,
) -> tf.data.Dataset:
    """Makes batches of the stored outputs of a frozen part.

    Every pass over the dataset is an epoch, in the order that
    `tlkit.tensor.pipeline.make_batches` has under the same seed. Epoch `e`
    (from 0) shows view `e` modulo the number of views.

    Args:
        views: For each view the rows of all images, of shape `(count, ...)`.
        labels: Class numbers, an int64 array of shape `(count,)`.
        batch_size: Number of rows in a batch, 1 or more. The last batch is
            kept, whatever its size.
        seed: Seed of the order; None keeps the order of the index.
        first_epoch: Number of the epoch that the first pass shows, from 0.
        portion: Which part of the batches. Where some are skipped, only the
            first pass is one that a training needs.

    Returns:
        A finite `tf.data.Dataset` of pairs: float32 rows of shape
        `(batch, ...)` and int64 labels of shape `(batch,)`.
    """
    count, shape = len(labels), views[0].shape[1:]
    answers = tf.constant(labels)

    def read(rows: np.ndarray, epochs: np.ndarray) -> np.ndarray:
        # A batch never spans two epochs, so its first number holds for all.
        return views[epochs[0] % len(views)][rows]

    def load(
        rows: tf.Tensor, epochs: tf.Tensor, *counts: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        kept = tf.numpy_function(
            read, [rows, epochs], views[0].dtype, stateful=False
        )
        values = tf.ensure_shape(tf.cast(kept, tf.float32), (None, *shape))
        return values, tf.gather(answers, rows), *counts

    batches, size = portion.batches(count, batch_size)
    return (
        portion.of(epochs_of_rows(count, seed, first_epoch), batch_size)
        .rebatch(size)
        .map(load, num_parallel_calls=WORKERS, deterministic=True)
        .apply(tf.data.experimental.assert_cardinality(batches))
        .prefetch(2)
        .apply(without_tuning)
    )
