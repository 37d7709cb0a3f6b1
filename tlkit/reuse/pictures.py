"""What may be given to a classifier: files, opened pictures, arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tlkit.base.errors import UsageError
from tlkit.base.image_size import ImageSize
from tlkit.data.decode import read_image, read_opened, resize_image

Picture = str | os.PathLike[str] | Image.Image | np.ndarray
"""A file's path, a picture opened by Pillow, or pixels: a uint8 array of shape
`(height, width, 3)` with values 0 to 255."""

_EXPECTED = (
    "a path, a Pillow image or a uint8 array of shape (height, width, 3); "
    "or several of them"
)


def list_pictures(images: Picture | Iterable[Picture]) -> list[Picture]:
    """Lists pictures, whether one was given or several; nothing is read.

    Args:
        images: One picture, or several in any mixture. An array of shape
            `(count, height, width, 3)` is several.

    Raises:
        UsageError: There is no picture, one is of another type or shape, or
            there is no such file.
    """
    several = _several(images)
    for number, picture in enumerate(several):
        _check(picture, f"image {number}")
    if not several:
        raise UsageError(
            "There is no image to classify.",
            expected=_EXPECTED,
            received=_told(images),
        )
    return several


def _several(images: Any) -> list[Any]:
    if isinstance(images, np.ndarray):
        return list(images) if images.ndim == 4 else [images]
    one = isinstance(images, str | bytes | os.PathLike | Image.Image)
    return [images] if one or not isinstance(images, Iterable) else list(images)


def _check(picture: Any, where: str) -> None:
    if isinstance(picture, str | os.PathLike):
        _check_path(Path(picture))
    elif isinstance(picture, np.ndarray):
        _check_array(picture, where)
    elif not isinstance(picture, Image.Image) or 0 in picture.size:
        raise UsageError(
            "This is no image.",
            where=where,
            expected=_EXPECTED,
            received=_told(picture),
        )


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise UsageError(
            "This is a folder, not an image.",
            where=path,
            expected=_EXPECTED,
            remedy="Pass its files, such as sorted(folder.glob('*.jpg')).",
        )
    if not path.exists():
        raise UsageError("No such image.", where=path)


def _check_array(pixels: np.ndarray, where: str) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise UsageError(
            "This array is no image.",
            where=where,
            expected="shape (height, width, 3), or (count, height, width, 3)",
            received=f"shape {pixels.shape}",
        )
    if pixels.dtype != np.uint8:
        raise UsageError(
            "The pixels of an image are whole numbers, 0 to 255.",
            where=where,
            expected="dtype uint8",
            received=f"dtype {pixels.dtype}",
            remedy="Pass image.astype('uint8'), of values from 0 to 255.",
        )


def _told(thing: Any) -> str:
    """Says what was received, without writing all of it down."""
    if isinstance(thing, np.ndarray):
        return f"an array of shape {thing.shape}"
    text = repr(thing)
    return f"{type(thing).__name__}: {text[:60]}{'…' if text[60:] else ''}"


def read_picture(picture: Picture, image_size: ImageSize) -> np.ndarray:
    """Returns a picture's pixels at the size that a model works at.

    Args:
        picture: One of those that `list_pictures` lets through.
        image_size: The size in pixels.

    Returns:
        A uint8 array of shape `(height, width, 3)`.

    Raises:
        TlkitError: It cannot be read.
    """
    if isinstance(picture, np.ndarray):
        return resize_image(picture, image_size)
    if isinstance(picture, Image.Image):
        return resize_image(read_opened(picture), image_size)
    return read_image(picture, image_size)


def name_of(picture: Picture, number: int) -> str:
    """Returns a picture's path; of one that is no file its number.

    Args:
        picture: The picture. One that Pillow has opened knows its file.
        number: Its place among the others, from 0.
    """
    if isinstance(picture, str | os.PathLike):
        return os.fsdecode(picture)
    return str(getattr(picture, "filename", "") or f"#{number}")
