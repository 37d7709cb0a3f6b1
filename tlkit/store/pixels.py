"""Decoded and resized images, kept so that no epoch decodes a JPEG twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tlkit.base.console import counting, say
from tlkit.base.disk import disk_errors
from tlkit.base.image_size import Frame, ImageSize, as_frame
from tlkit.data.index import TRAIN, VALIDATION, DatasetIndex, Split
from tlkit.store.cap import store_cap
from tlkit.store.housekeeping import prune_to_cap
from tlkit.store.store import Store, StoredRows, store_folder

#: To be raised when decoding or resizing changes: the pixels of older versions
#: are then not found any more.
_FORMAT = 2
_BATCH = 64
# Largest share of the store, and of the free space on the disk, that one data
# set may take.
_SHARE = 0.5

Decoded = Callable[[int], np.ndarray]


def keep_pixels(
    data: DatasetIndex, image_size: ImageSize
) -> Mapping[str, Decoded]:
    """Decodes and resizes the training images, unless that was done before.

    The validation images, which are read in every epoch too, are included.

    Args:
        data: The data set.
        image_size: Size in pixels, with the fit: a `Frame`, or a size to
            which images are stretched.

    Returns:
        For each of the training and the validation split a function from the
        number of an image to a uint8 array `(height, width, 3)`, to be given
        to `make_batches`. There is none for splits held in arrays. If the
        images are too many to be kept, there is none at all, and the images
        are decoded in every epoch.

    Raises:
        TlkitError: An image has become unreadable, or the store cannot be
            written.
    """
    frame = as_frame(image_size)
    files = {
        name: data.splits[name]
        for name in (TRAIN, VALIDATION)
        if not isinstance(data.splits[name].images, np.ndarray)
    }
    store = Store({"kind": "pixels", "format": _FORMAT, **frame.settings()})
    ids = [digest for split in files.values() for digest in split.digests]
    if not files or not _fits(len(ids), len(store.lacking(ids)), frame.size):
        return {}
    rows: dict[str, StoredRows] = {}
    computed = 0
    with store.computing():
        for name, split in files.items():
            missing = split.rows_of(store.missing(split.digests))
            if len(missing):
                say(f"{name}: decoding {len(missing)} images, once for all")
                rest = split.select(missing)
                store.fill(rest.digests, _decode(rest, frame))
                computed += len(missing)
            rows[name] = store.open(split.digests)
    # What has just been opened is marked as in use, so pruning leaves it.
    if computed:
        prune_to_cap()
    return {name: kept.row for name, kept in rows.items()}


def _fits(count: int, lacking: int, image_size: tuple[int, int]) -> bool:
    one = image_size[0] * image_size[1] * 3
    place = _existing(store_folder())
    with disk_errors("Cannot ask how much room the disk has", place):
        free = shutil.disk_usage(place).free
    # A full disk does not matter where all images are kept already.
    if count * one <= _SHARE * store_cap() and lacking * one <= _SHARE * free:
        return True
    say("too many images to keep decoded: each epoch decodes them again")
    return False


def _existing(folder: Path) -> Path:
    above = (folder, *folder.absolute().parents)
    return next(path for path in above if os.path.exists(path))


def _decode(split: Split, frame: Frame) -> Iterator[np.ndarray]:
    """Yields batches `(batch, height, width, 3)`, uint8, decoded on all cores.

    Only one batch is in memory at a time.
    """
    count = len(split)
    with ThreadPoolExecutor() as pool, counting("decoding", count) as advance:
        for start in range(0, count, _BATCH):
            numbers = range(start, min(start + _BATCH, count))
            images = pool.map(lambda row: split.read(row, frame), numbers)
            yield np.stack(list(images))
            advance(len(numbers))
