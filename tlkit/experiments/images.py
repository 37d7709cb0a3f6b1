"""Images held in memory, for networks so small that reading would cost more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tlkit.base.errors import UsageError
from tlkit.data.index import TEST, TRAIN, VALIDATION, digest
from tlkit.data.load import read_source


@dataclass(frozen=True, eq=False)
class ImageArrays:
    """Training and test images as arrays.

    Args:
        name: of the data set.
        class_names: one name a class; labels are positions in it.
        train_images: uint8 `(count, height, width, channels)`, 0 to 255.
        train_labels: int32 `(count,)`.
        test_images: uint8, like the training images.
        test_labels: int32 `(count,)`.
    """

    name: str
    class_names: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        height, width, channels = self.train_images.shape[1:]
        return height, width, channels

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when images or labels do."""
        arrays = (
            *(self.train_images, self.train_labels),
            *(self.test_images, self.test_labels),
        )
        parts = [f"{a.shape} {digest(a.tobytes())}" for a in arrays]
        return digest(" ".join(parts).encode())[:16]

    def hold_out(self, count: int, seed: int = 0) -> ImageArrays:
        """Takes some training images away to judge by, and the test images.

        What is chosen by these figures has not seen the test images.

        Args:
            count: images to hold out, 1 to below the number of training
                images; drawn at random.
            seed: of the drawing.

        Returns:
            The other training images, and those held out in place of the
            test images.

        Raises:
            UsageError: there are not so many.
        """
        if not 1 <= count < len(self.train_images):
            raise UsageError(
                "So many training images cannot be held out.",
                expected=f"1 to {len(self.train_images) - 1}",
                received=count,
            )
        order = np.random.default_rng(seed).permutation(len(self.train_images))
        held_out, kept = order[:count], np.sort(order[count:])
        return replace(
            self,
            train_images=self.train_images[kept],
            train_labels=self.train_labels[kept],
            test_images=self.train_images[held_out],
            test_labels=self.train_labels[held_out],
        )


def load_images(source: str | os.PathLike[str]) -> ImageArrays:
    """Loads the arrays of a data set, with all that trains and all that tests.

    Args:
        source: a `.npz` file in Keras's form, or the name of a data set that
            is kept as one, such as `fashion-mnist` or `mnist`.

    Returns:
        Grey images with one channel. Images of a validation split, if there
        is one, are training images here: nothing chooses an epoch.

    Raises:
        UsageError: there is no such source, or it is a folder of files.
        TlkitError: the source cannot be read.
    """
    index = read_source(source)
    splits = [index.splits[n] for n in (TRAIN, VALIDATION) if n in index.splits]
    if not all(isinstance(split.images, np.ndarray) for split in splits):
        raise UsageError(
            "A study needs images of one size, in memory.",
            where=source,
            expected="a .npz file, fashion-mnist or mnist",
            received="a folder of files",
            remedy="Write its images into arrays x_train, y_train, x_test and "
            "y_test with numpy.savez.",
        )
    test = index.split(TEST)
    return ImageArrays(
        index.name,
        index.class_names,
        np.concatenate([_narrow(split.images) for split in splits]),
        np.concatenate([split.labels for split in splits]).astype(np.int32),
        _narrow(test.images),
        test.labels.astype(np.int32),
    )


def _narrow(images: Sequence[Path] | np.ndarray) -> np.ndarray:
    """Grey images, which the index repeats three times, with one channel."""
    images = np.asarray(images)
    grey = images.strides[-1] == 0
    return np.ascontiguousarray(images[..., :1] if grey else images)
