"""Makes batches of an index: decodes, resizes and augments on all cores."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.base.image_size import ImageSize, as_frame
from tlkit.data.augment import Augmentation, View
from tlkit.data.index import TRAIN, DatasetIndex, Split
from tlkit.tensor.shares import EVERYTHING, Portion

#: tf.data's own choice (AUTOTUNE) settles on one worker for Python functions
#: and halves the rate, although decoding and resizing let go of Python's lock.
WORKERS = max(2, os.cpu_count() or 1)
#: Number of images that a worker reads in one call from TensorFlow to Python.
#: Such a call takes time of its own, which eight images share.
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
    views. The same seed gives the same passes. The last batch is kept,
    whatever its size.

    Args:
        index: The data set.
        split: Name of the split: `"train"`, `"validation"` or `"test"`.
        image_size: Size in pixels of the images in the batches, a number,
            `(height, width)` or a `Frame`.
        batch_size: Number of images in a batch, 1 or more.
        augmentation: The random changes of each image; None for the images
            as they are. Only the training split may be augmented.
        seed: Seed of order and views, 0 or more; None keeps the order of the
            index.
        decoded: Function from the row of an image in the split to its
            decoded and resized pixels, as `tlkit.store.pixels` keeps them;
            None decodes the files.

    Returns:
        A finite `tf.data.Dataset` of pairs: uint8 images of shape
        `(batch, height, width, 3)`, values 0 to 255, and int64 labels of
        shape `(batch,)`.

    Raises:
        UsageError: The split does not exist or may not be augmented, a size
            is not positive, or the seed is negative.

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


def make_epochs(
    images: Split,
    image_size: ImageSize,
    batch_size: int,
    first: View,
    decoded: Callable[[int], np.ndarray] | None = None,
    portion: Portion = EVERYTHING,
) -> tf.data.Dataset:
    """Makes the batches of training, from any epoch on.

    Args:
        images: The split.
        image_size: Size in pixels of the images in the batches, a number,
            `(height, width)` or a `Frame`.
        batch_size: Number of images in a batch, 1 or more.
        first: The view that the first pass shows of each image. Its number
            is that of the epoch, and its seed also that of the order.
        decoded: Function from a row to decoded pixels, see `make_batches`.
        portion: Which part of them. Where batches are skipped, only the
            first pass is one that a training needs.

    Returns:
        A dataset whose first pass is pass `first.number` (from 0) of what
        `make_batches` returns under the same seed, and so on.
    """
    how = first.augmentation
    augmentation = None if how.changes_nothing else how
    load = _loader(images, image_size, augmentation, first.seed, decoded)
    rows = epochs_of_rows(len(images), first.seed, first.number)
    return _in_batches(rows, load, len(images), batch_size, portion)


def make_view_batches(
    images: Split,
    image_size: ImageSize,
    batch_size: int,
    view: View | None = None,
    decoded: Callable[[int], np.ndarray] | None = None,
    portion: Portion = EVERYTHING,
) -> tf.data.Dataset:
    """Makes batches of one view of every image, in the order of the index.

    View `k` of an image is the one that `make_batches` shows in epoch `k`
    (from 0) under the same seed.

    Args:
        images: The split.
        image_size: Size in pixels of the images in the batches, a number,
            `(height, width)` or a `Frame`.
        batch_size: Number of images in a batch, 1 or more.
        view: The view; None for the images as they are.
        decoded: Function from a row to decoded pixels, see `make_batches`.
        portion: Which part of them.

    Returns:
        A dataset of the same form as from `make_batches`.
    """
    augmentation, seed = (
        (view.augmentation, view.seed) if view else (None, None)
    )
    load = _loader(images, image_size, augmentation, seed, decoded)
    count = len(images)
    numbers = np.full(count, view.number if view else 0)
    rows = tf.data.Dataset.from_tensors((np.arange(count), numbers))
    return _in_batches(rows, load, count, batch_size, portion)


def epochs_of_rows(
    count: int, seed: int | None, first_epoch: int = 0
) -> tf.data.Dataset:
    """Makes a dataset that gives all rows, in a new order at every pass.

    Args:
        count: Number of rows.
        seed: Seed of the order, which differs from epoch to epoch; None
            keeps the order of the index in every epoch.
        first_epoch: Number of the epoch that the first pass gives.

    Returns:
        A dataset of one element: all rows and, beside each, the number of
        the epoch. Both are int64 tensors of shape `(count,)`.
    """
    # The number of the epoch goes along with the rows, as it chooses their
    # views. tf.data's own shuffle would not tell it.
    epochs = itertools.count(first_epoch)

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

    # A mapped dataset of one element, as `from_generator` takes three times
    # as long to begin an epoch.
    return tf.data.Dataset.range(1).map(rows)


def _loader(
    images: Split,
    image_size: ImageSize,
    augmentation: Augmentation | None,
    seed: int | None,
    decoded: Callable[[int], np.ndarray] | None,
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Makes the function from rows and views to images and labels."""
    frame = as_frame(image_size)
    labels = tf.constant(images.labels)
    decode = decoded or functools.partial(images.read, image_size=frame)

    def read(row: int, view: int) -> np.ndarray:
        image = decode(row)
        if augmentation is None or seed is None:
            return image
        return augmentation(
            image,
            seed=seed,
            # From its content, so that an image has the same views whatever
            # else is in the folder. 15 digits fit into an int64.
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
        # TensorFlow does not know the shape of what Python returns.
        chunk = tf.ensure_shape(chunk, (None, *frame.size, 3))
        return chunk, tf.gather(labels, rows)

    return load


def _in_batches(
    rows: tf.data.Dataset,
    load: Callable,
    count: int,
    batch_size: int,
    portion: Portion = EVERYTHING,
) -> tf.data.Dataset:
    batches, size = portion.batches(count, batch_size)
    return (
        portion.of(rows, batch_size)
        .rebatch(_CHUNK)
        .map(
            lambda rows, views, *counts: (*load(rows, views), *counts),
            num_parallel_calls=WORKERS,
            deterministic=True,
        )
        .rebatch(size)
        .apply(tf.data.experimental.assert_cardinality(batches))
        .prefetch(2)
        .apply(without_tuning)
    )


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Keeps TensorFlow from tuning a dataset, and from dividing its files.

    The tuning thread sleeps longer and longer, and the end of each pass over
    the dataset waits until it wakes up (TensorFlow 2.21): a pass of seconds
    often takes half as long again. Where the numbers of workers and buffers
    are given, there is nothing to tune.

    Under a strategy of the user's, Keras lets TensorFlow look for files to
    divide among hosts. Where it finds none it makes batches anew, of the size
    of the first batches in the pipeline, which are those of workers here, and
    leaves three images in four out.

    Args:
        dataset: A dataset whose numbers are all given, none of them as
            `tf.data.AUTOTUNE`.

    Returns:
        The same elements in the same order.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
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
