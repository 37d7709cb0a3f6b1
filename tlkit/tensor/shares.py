"""Divides batches among the replicas of a strategy.

A replica is a copy of the network on one device. All replicas get as many
images: where a batch cannot be divided evenly, some get images that count
nothing. So every step is the step of the whole batch, whatever the number of
devices, and each host reads no image that it does not compute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Share:
    """What this process computes of each batch.

    Args:
        replicas: Number of replicas on all hosts together, 2 or more.
        own: Numbers of those that compute in this process, from 0.
    """

    replicas: int
    own: tuple[int, ...]

    def each(self, batch_size: int) -> int:
        """Returns how many images of a batch one replica gets."""
        return -(-batch_size // self.replicas)

    def of_epoch(
        self, rows: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows that this process reads in an epoch.

        Args:
            rows: The rows of the epoch in their order, of shape `(count,)`.
            batch_size: Number of images in a batch of all replicas together.

        Returns:
            `(rows, counts)`, both of shape `(steps * own * each,)`: for each
            step, for each own replica, its rows. Counts are float32: for a
            row that counts, one divided by the number of images in its
            batch; else 0. In a batch the rows that count stand before all
            others.

        Example:
            >>> share = Share(2, (1,))
            >>> share.of_epoch(np.arange(5), 4)[0].tolist()
            [2, 3, 4, 4]
        """
        steps = -(-len(rows) // batch_size)
        each = self.each(batch_size)
        place = np.arange(self.replicas * each)
        start = batch_size * np.arange(steps)
        size = np.minimum(batch_size, len(rows) - start)
        counts = np.where(place < size[:, None], 1 / size[:, None], 0)
        # What counts nothing is the first image of its batch once more.
        chosen = start[:, None] + np.where(counts > 0, place, 0)
        parts = steps, self.replicas, each
        own = list(self.own)
        return (
            rows[chosen].reshape(parts)[:, own].ravel(),
            counts.astype(np.float32).reshape(parts)[:, own].ravel(),
        )


def share_of(strategy: tf.distribute.Strategy) -> Share | None:
    """Returns what this process computes under a strategy.

    Args:
        strategy: The strategy.

    Returns:
        The share; None where there is one replica alone, to which all belongs.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return None
    here = len(strategy.extended.worker_devices)
    first = 0
    if here < replicas:
        first = strategy.cluster_resolver.task_id * here
    return Share(replicas, tuple(range(first, first + here)))


@dataclass(frozen=True)
class Portion:
    """Which part of the batches of an epoch is read.

    Args:
        skipped: Number of batches at the beginning that are left out, as an
            interrupted training has seen them already.
        share: What this process computes of each batch; None for all of it.
            With a share there is a batch for each of its own replicas in
            turn, and a third tensor besides images and labels: what each
            image counts, see `Share.of_epoch`.
    """

    skipped: int = 0
    share: Share | None = None

    def of(self, rows: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        """Returns this part of an epoch's rows.

        Args:
            rows: A dataset of one element: all rows and, beside each, the
                number of the epoch, int64 tensors of shape `(count,)`.
            batch_size: Number of rows in a batch of all replicas together.

        Returns:
            A dataset of one element: rows, epochs and, with a share, counts.
        """
        if self.skipped:
            first = self.skipped * batch_size
            rows = rows.map(lambda rows, epochs: (rows[first:], epochs[first:]))
        share = self.share
        if share is None:
            return rows

        def divide(rows: tf.Tensor, epochs: tf.Tensor) -> tuple[tf.Tensor, ...]:
            own, counts = tf.numpy_function(
                lambda whole: share.of_epoch(whole, batch_size),
                [rows],
                (tf.int64, tf.float32),
            )
            # TensorFlow does not know the shape of what Python returns.
            own, counts = (
                tf.ensure_shape(own, [None]),
                tf.ensure_shape(counts, [None]),
            )
            return own, tf.fill(tf.shape(own), epochs[0]), counts

        return rows.map(divide)

    def batches(self, count: int, batch_size: int) -> tuple[int, int]:
        """Returns how many batches are read, and the rows in each.

        Args:
            count: Number of rows of the whole epoch.
            batch_size: Number of rows in a batch of all replicas together.
        """
        steps = -(-count // batch_size) - self.skipped
        if self.share is None:
            return steps, batch_size
        return steps * len(self.share.own), self.share.each(batch_size)


EVERYTHING = Portion()
"""All batches of an epoch, on one device."""
