"""Writes the drawn sample as a folder of files."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from tlkit.base.errors import TlkitError, UsageError
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
    if folder.exists():
        raise UsageError(
            "The folder exists already.",
            where=folder,
            remedy="Choose another name; nothing was changed.",
        )
    partial = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    try:
        # Three seeds for each `seed`, so that no split of another seed draws
        # the same animals.
        for number, (split, count) in enumerate(counts.items()):
            _write_split(partial / split, count, image_size, 3 * seed + number)
        partial.rename(folder)
    except OSError as error:
        raise TlkitError(
            f"Cannot write the images: {error.strerror or error}.", where=folder
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _write_split(folder: Path, count: int, image_size: int, seed: int) -> None:
    images, labels, _ = sample.draw_pets(count, size=image_size, seed=seed)
    for name in sample.CLASS_NAMES:
        (folder / name).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / sample.CLASS_NAMES[label] / f"{number:05d}.png"
        Image.fromarray(image).save(path)
