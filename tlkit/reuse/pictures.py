"""The images that a classifier takes: files, Pillow images and arrays."""

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
"""A file's path, an image opened by Pillow, or pixels: a uint8 array of shape
`(height, width, 3)` with values 0 to 255."""

_EXPECTED = (
    "a path, a Pillow image or a uint8 array of shape (height, width, 3); "
    "or several of them"
)


def list_pictures(images: Picture | Iterable[Picture]) -> list[Picture]:
    """Returns images as a list, whether one was given or several.

    All of them are checked, but no file is read yet.

    Args:
        images: One image, or several in any mixture of kinds. An array of
            shape `(count, height, width, 3)` is several images.

    Raises:
        UsageError: There is no image, one is of another type or shape, or a
            file does not exist.
    """
    several = _several(images)
    for number, picture in enumerate(several):
        _check(picture, f"image {number}")
    if not several:
        raise UsageError(
            "There is no image to classify.",
            expected=_EXPECTED,
            received=_describe(images),
        )
    return several


def _several(images: Any) -> list[Any]:
    if isinstance(images, np.ndarray):
        return list(images) if images.ndim == 4 else [images]
    # A text can be iterated over, too: its letters would be taken for paths.
    one = isinstance(images, str | bytes | os.PathLike | Image.Image)
    return [images] if one or not isinstance(images, Iterable) else list(images)


def _check(picture: Any, where: str) -> None:
    if isinstance(picture, str | os.PathLike):
        _check_path(Path(picture))
    elif isinstance(picture, np.ndarray):
        _check_array(picture, where)
    elif not isinstance(picture, Image.Image) or 0 in picture.size:
        raise UsageError(
            "This is not an image.",
            where=where,
            expected=_EXPECTED,
            received=_describe(picture),
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
            "This array is not an image.",
            where=where,
            expected="shape (height, width, 3), or (count, height, width, 3)",
            received=f"shape {pixels.shape}",
        )
    # Floats may run from 0 to 1 or from 0 to 255. A wrong guess would give
    # wrong predictions without an error.
    if pixels.dtype != np.uint8:
        raise UsageError(
            "The pixels of an image are whole numbers, 0 to 255.",
            where=where,
            expected="dtype uint8",
            received=f"dtype {pixels.dtype}",
            remedy="Pass image.astype('uint8') if its values are 0 to 255.",
        )


def _describe(thing: Any) -> str:
    """Describes what was received, in one short line."""
    if isinstance(thing, np.ndarray):
        return f"an array of shape {thing.shape}"
    text = repr(thing)
    return f"{type(thing).__name__}: {text[:60]}{'…' if text[60:] else ''}"


def read_picture(picture: Picture, image_size: ImageSize) -> np.ndarray:
    """Returns an image's pixels at the size that a model works at.

    Every kind of image is decoded and resized by the functions that read the
    training images, as other decoders and filters give other pixels.

    Args:
        picture: The image, checked by `list_pictures`.
        image_size: Size in pixels to which it is resized.

    Returns:
        A uint8 array of shape `(height, width, 3)`.

    Raises:
        TlkitError: The image cannot be read.
    """
    if isinstance(picture, np.ndarray):
        return resize_image(picture, image_size)
    if isinstance(picture, Image.Image):
        return resize_image(read_opened(picture), image_size)
    return read_image(picture, image_size)


def gray_of(images: np.ndarray) -> np.ndarray:
    """Makes colour images gray, as Pillow does: 0.299 R + 0.587 G + 0.114 B.

    An image whose colours are all gray keeps its values.

    Args:
        images: A uint8 array of shape `(count, height, width, 3)`.

    Returns:
        A uint8 array of shape `(count, height, width, 1)`.
    """
    # Pillow's own weights, in whole numbers of 1/65536, and its rounding.
    weights = np.array([19595, 38470, 7471], np.uint32)
    gray = (images.astype(np.uint32) @ weights + 0x8000) >> 16
    return gray.astype(np.uint8)[..., None]


def name_of(picture: Picture, number: int) -> str:
    """Returns an image's path, or its number if it is not from a file.

    Args:
        picture: The image. One that Pillow has opened knows its file.
        number: Number of the image among those passed, from 0.
    """
    if isinstance(picture, str | os.PathLike):
        return os.fsdecode(picture)
    return str(getattr(picture, "filename", "") or f"#{number}")
