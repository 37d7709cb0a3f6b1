"""Images in memory, for networks so small that reading files would be slow."""

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
        name: Name of the data set.
        class_names: The name of each class; labels are positions in it.
        train_images: Array of shape `(count, height, width, channels)`,
            uint8, values 0 to 255.
        train_labels: Array of shape `(count,)`, int32.
        test_images: Array of the same kind as the training images.
        test_labels: Array of shape `(count,)`, int32.
    """

    name: str
    class_names: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
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
        """Puts some training images in the place of the test images.

        Settings can be chosen by their accuracy on the images held out. The
        test images then still judge the result without having influenced it.

        Args:
            count: Number of images to hold out, 1 to one less than there are
                training images. They are drawn at random.
            seed: Seed of the random choice.

        Returns:
            The other training images, with the images held out as test
            images.

        Raises:
            UsageError: There are not enough training images.
        """
        if not 1 <= count < len(self.train_images):
            raise UsageError(
                "This number of training images cannot be held out.",
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
    """Loads all training and all test images of a data set into arrays.

    Args:
        source: A `.npz` file in Keras's form, or the name of a data set that
            is kept as one, such as `fashion-mnist` or `mnist`.

    Returns:
        The images; grey ones have one channel. If there is a validation
        split, its images are training images here, because a study does not
        choose an epoch.

    Raises:
        UsageError: There is no such source, or it is a folder of files.
        TlkitError: The source cannot be read.
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
    """Returns grey images with one channel, others as they are.

    The index shows each grey image as three equal channels.
    """
    images = np.asarray(images)
    # Broadcast channels are at the same address: their stride is 0.
    grey = images.strides[-1] == 0
    return np.ascontiguousarray(images[..., :1] if grey else images)
