"""Decoded and resized images, kept so that no epoch decodes a JPEG twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tlkit.base.console import say, steps_bar
from tlkit.data.index import TRAIN, VALIDATION, DatasetIndex, Split
from tlkit.store.housekeeping import prune_store, store_cap
from tlkit.store.store import Store, StoredRows

#: Raise it when decoding or resizing changes.
_FORMAT = 2
_BATCH = 64
# A data set may take this share of the store, and of the disk's free space.
_SHARE = 0.5

Decoded = Callable[[int], np.ndarray]


def keep_pixels(
    data: DatasetIndex, image_size: tuple[int, int]
) -> Mapping[str, Decoded]:
    """Decodes and resizes what trains a model, unless that was done before.

    Args:
        data: the data set.
        image_size: `(height, width)` in pixels.

    Returns:
        For the training and the validation split a function from the number
        of an image to uint8 `(height, width, 3)`, for `make_batches`. Splits
        of arrays have none, and neither has where the images are too many to
        be kept: they are then decoded in every epoch.

    Raises:
        TlkitError: an image has become unreadable or the store cannot be
            written.
    """
    files = {
        name: data.splits[name]
        for name in (TRAIN, VALIDATION)
        if not isinstance(data.splits[name].images, np.ndarray)
    }
    if not files or not _fits(sum(map(len, files.values())), image_size):
        return {}
    store = Store(
        {"kind": "pixels", "format": _FORMAT, "image_size": list(image_size)}
    )
    rows: dict[str, StoredRows] = {}
    computed = 0
    with store.computing():
        for name, split in files.items():
            missing = split.rows_of(store.missing(split.digests))
            if len(missing):
                say(f"{name}: decoding {len(missing)} images, once for all")
                rest = split.select(missing)
                store.fill(rest.digests, _decode(rest, image_size))
                computed += len(missing)
            rows[name] = store.open(split.digests)
    if computed:
        prune_store(store_cap())
    return {name: kept.row for name, kept in rows.items()}


def _fits(count: int, image_size: tuple[int, int]) -> bool:
    size = count * image_size[0] * image_size[1] * 3
    free = shutil.disk_usage(_existing(Store({}).root)).free
    if size <= _SHARE * min(store_cap(), free):
        return True
    say("too many images to keep decoded: each epoch decodes them again")
    return False


def _existing(folder: Path) -> Path:
    return next(
        path for path in (folder, *folder.absolute().parents) if path.exists()
    )


def _decode(split: Split, image_size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yields uint8 `(batch, height, width, 3)`; all cores decode."""
    with ThreadPoolExecutor() as pool, steps_bar() as bar:
        task = bar.add_task("decoding", total=len(split))
        for start in range(0, len(split), _BATCH):
            numbers = range(start, min(start + _BATCH, len(split)))
            images = pool.map(lambda row: split.read(row, image_size), numbers)
            yield np.stack(list(images))
            bar.advance(task, len(numbers))
