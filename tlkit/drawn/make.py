"""Writes the drawn sample as a folder of files."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from tlkit.base.atomic import AGAIN, sync_files
from tlkit.base.disk import disk_errors, is_taken
from tlkit.base.errors import UsageError
from tlkit.drawn import sample
from tlkit.drawn.sizes import IMAGE_SIZE


def write_sample(
    folder: str | os.PathLike[str],
    counts: Mapping[str, int],
    image_size: int = IMAGE_SIZE,
    seed: int = 0,
) -> Path:
    """Draws cats and dogs into a folder of PNG files, divided into splits.

    Args:
        folder: The folder to make. It appears only when it is complete.
        counts: Number of images in each split, over both classes.
        image_size: Height and width in pixels.
        seed: Seed of the drawing; another seed draws other animals. The
            splits have different animals in any case.

    Returns:
        The folder.

    Raises:
        UsageError: The folder exists, or a number is too small.
        TlkitError: The disk is full or the folder cannot be written.
    """
    folder = Path(folder)
    if is_taken(folder):
        raise UsageError(
            "The folder exists already.",
            where=folder,
            remedy="Choose another name; nothing was changed.",
        )
    partial = folder.with_name(f".partial-{secrets.token_hex(4)}")
    try:
        with disk_errors("Cannot write the images", folder, AGAIN):
            _write(partial, counts, image_size, seed)
            sync_files(partial)
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _write(
    folder: Path, counts: Mapping[str, int], image_size: int, seed: int
) -> None:
    # Three seeds for each `seed`, so that no split of another seed draws the
    # same animals.
    for number, (split, count) in enumerate(counts.items()):
        _write_split(folder / split, count, image_size, 3 * seed + number)


def _write_split(folder: Path, count: int, image_size: int, seed: int) -> None:
    images, labels, _ = sample.draw_pets(count, size=image_size, seed=seed)
    for name in sample.CLASS_NAMES:
        (folder / name).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / sample.CLASS_NAMES[label] / f"{number:05d}.png"
        Image.fromarray(image).save(path)
