"""From an index to batches: decode, resize and augment on every core."""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.base.image_size import ImageSize, as_height_width
from tlkit.data.augment import Augmentation, View
from tlkit.data.index import TRAIN, DatasetIndex, Split

#: tf.data's own choice (AUTOTUNE) settles on one worker for Python functions
#: and halves the rate, although decoding and resizing let go of Python's lock.
WORKERS = max(2, os.cpu_count() or 1)
#: Images that a worker reads in one call of Python, which has a price.
_CHUNK = 8


def make_batches(
    index: DatasetIndex,
    split: str,
    image_size: ImageSize,
    batch_size: int,
    augmentation: Augmentation | None = None,
    seed: int | None = None,
    decoded: Callable[[int], np.ndarray] | None = None,
) -> tf.data.Dataset:
    """Makes the batches of one split.

    Without a seed the images come in the order of the index, as evaluation
    and feature extraction need them. With a seed every pass over the
    dataset is another epoch: another order and, with an augmentation, other
    views; the same seed gives the same passes. The last batch is kept,
    whatever its size.

    Args:
        index: the data set.
        split: `"train"`, `"validation"` or `"test"`.
        image_size: size of the batches' images in pixels, `int` or
            `(height, width)`.
        batch_size: images in a batch, 1 or more.
        augmentation: random views, for the training split alone.
        seed: of order and views; None for the order of the index.
        decoded: gives image number `row` of the split decoded and resized,
            as `tlkit.store.pixels` keeps them; None to decode the files.

    Returns:
        A finite `tf.data.Dataset` of pairs: uint8 images of shape
        `(batch, height, width, 3)`, values 0 to 255, and int64 labels of
        shape `(batch,)`.

    Raises:
        UsageError: the split does not exist or may not be augmented, a
            size is not positive, or the seed is negative.

    Example:
        >>> images = np.zeros((5, 8, 8, 3), np.uint8)
        >>> split = Split(images, np.zeros(5, np.int64), tuple("abcde"))
        >>> index = DatasetIndex("dots", "dots", ("dot",), {"train": split})
        >>> [len(labels) for _, labels in make_batches(index, "train", 8, 2)]
        [2, 2, 1]
    """
    images = index.split(split)
    _check(split, batch_size, augmentation, seed)
    load = _loader(images, image_size, augmentation, seed, decoded)
    return _in_batches(
        epochs_of_rows(len(images), seed), load, len(images), batch_size
    )


def make_view_batches(
    images: Split,
    image_size: ImageSize,
    batch_size: int,
    view: View | None = None,
    decoded: Callable[[int], np.ndarray] | None = None,
) -> tf.data.Dataset:
    """Makes batches of one view of every image, in the order of the index.

    View `k` of an image is the one that `make_batches` shows in epoch `k`
    (from 0) under the same seed.

    Args:
        images: the split.
        image_size: see `make_batches`, as `batch_size` and `decoded`.
        batch_size: images in a batch, 1 or more.
        view: which; None for the images as they are.
        decoded: see `make_batches`.

    Returns:
        As `make_batches`.
    """
    augmentation, seed = (
        (view.augmentation, view.seed) if view else (None, None)
    )
    load = _loader(images, image_size, augmentation, seed, decoded)
    count = len(images)
    numbers = np.full(count, view.number if view else 0)
    rows = tf.data.Dataset.from_tensors((np.arange(count), numbers))
    return _in_batches(rows, load, count, batch_size)


def epochs_of_rows(count: int, seed: int | None) -> tf.data.Dataset:
    """Makes a dataset whose every pass is the next epoch's order of rows.

    Args:
        count: how many rows there are.
        seed: of the order; None for the order of the index, each time.

    Returns:
        One element: all rows, and the epoch beside each, from 0; int64
        tensors of shape `(count,)`.
    """
    epochs = itertools.count()

    def one_epoch() -> tuple[np.ndarray, np.ndarray]:
        epoch, order = next(epochs), np.arange(count)
        if seed is not None:
            np.random.default_rng([seed, epoch]).shuffle(order)
        return order, np.full(count, epoch)

    def rows(_: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        order, epoch = tf.numpy_function(one_epoch, [], (tf.int64, tf.int64))
        return tf.ensure_shape(order, (count,)), tf.ensure_shape(
            epoch, (count,)
        )

    # `from_generator` takes three times as long to begin an epoch.
    return tf.data.Dataset.range(1).map(rows)


def _loader(
    images: Split,
    image_size: ImageSize,
    augmentation: Augmentation | None,
    seed: int | None,
    decoded: Callable[[int], np.ndarray] | None,
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """From row and view to image and label."""
    height, width = as_height_width(image_size)
    labels = tf.constant(images.labels)
    decode = decoded or functools.partial(
        images.read, image_size=(height, width)
    )

    def read(row: int, view: int) -> np.ndarray:
        image = decode(row)
        if augmentation is None or seed is None:
            return image
        return augmentation(
            image,
            seed=seed,
            image_id=int(images.digests[row][:15], 16),
            view=view,
        )

    def read_chunk(rows: np.ndarray, views: np.ndarray) -> np.ndarray:
        pairs = zip(rows.tolist(), views.tolist(), strict=True)
        return np.stack([read(row, view) for row, view in pairs])

    def load(rows: tf.Tensor, views: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chunk = tf.numpy_function(
            read_chunk, [rows, views], tf.uint8, stateful=False
        )
        # The shape is lost on the way through Python.
        chunk = tf.ensure_shape(chunk, (None, height, width, 3))
        return chunk, tf.gather(labels, rows)

    return load


def _in_batches(
    rows: tf.data.Dataset, load: Callable, count: int, batch_size: int
) -> tf.data.Dataset:
    return (
        rows.rebatch(_CHUNK)
        .map(load, num_parallel_calls=WORKERS, deterministic=True)
        .rebatch(batch_size)
        .apply(
            tf.data.experimental.assert_cardinality(
                math.ceil(count / batch_size)
            )
        )
        .prefetch(2)
        .apply(without_tuning)
    )


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Keeps tf.data from tuning a dataset while it is read.

    The thread that tunes sleeps ever longer, and whoever ends a pass over
    the dataset waits until it wakes up (TensorFlow 2.21): a pass of seconds
    often takes half as long again. Where workers and buffers are given by
    number, there is nothing to tune.

    Args:
        dataset: without `tf.data.AUTOTUNE`.

    Returns:
        The same elements in the same order.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _check(
    split: str,
    batch_size: int,
    augmentation: Augmentation | None,
    seed: int | None,
) -> None:
    if batch_size < 1:
        raise UsageError(
            "The batch size is not valid.",
            expected="1 or more",
            received=batch_size,
        )
    if augmentation is not None and (split != TRAIN or seed is None):
        raise UsageError(
            "Only training images are augmented, and with a seed.",
            expected='split="train" and a seed',
            received=f"split={split!r}, seed={seed}",
        )
    if seed is not None and seed < 0:
        raise UsageError(
            "The seed is negative.", expected="0 or more", received=seed
        )
