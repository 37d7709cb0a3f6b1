"""The one decoder, for training and for prediction: a file to uint8 RGB.

OpenCV decodes ordinary JPEG files, because it is three times as fast as
Pillow and gives exactly the same pixels. Pillow decodes everything else. The
rotation that EXIF tags ask for is applied afterwards in both cases. The
resize is Pillow's antialiased bilinear one. It is the same filter as in the
`Resizing` layer inside every tlkit model, so an image resized here and one
resized by the model differ only by rounding. JPEG files at least twice as
large as needed are decoded at a reduced size, which gives nearly the same
image; see `read_image`.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from tlkit.base.errors import TlkitError
from tlkit.base.image_size import ImageSize, as_height_width
from tlkit.data.jpeg import (
    decode_jpeg,
    find_reduction,
    plain_size,
    resize_reduced,
)

#: Pillow's names of the formats that tlkit reads.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
#: Pillow's own limit against decompression bombs: about 89 million pixels.
MAX_PIXELS = 89_478_485

# Pillow's plugins raise one of these for a broken file.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError)
# EXIF orientations in which rows and columns change places.
_LYING = (5, 6, 7, 8)
_warnings_lock = threading.Lock()

# tf.data and the thread pool of `scan` already use every core; threads of
# OpenCV's own would only compete with them.
cv2.setNumThreads(1)


def read_image(
    path: str | os.PathLike[str],
    image_size: ImageSize | None = None,
) -> np.ndarray:
    """Reads one image file.

    Gray, palette, CMYK and 16-bit files become 8-bit RGB. Transparency is
    dropped, as `PIL.Image.convert("RGB")` does. Of an animation the first
    frame is read.

    If `image_size` is given, a JPEG file of at least twice that size is
    decoded at half its size, and one of at least six times at a quarter.
    This is faster, but not quite the same as resizing the whole image: on
    179 photographs of cats and dogs, at 150 pixels, colours differ by 1.7
    levels of 255 on average, by 6.2 on average in the worst photograph and
    by 88 in the worst pixel, at an edge. (Bilinear interpolation of the
    whole image without smoothing, as in Keras's loader, is 3.5 levels off on
    average.) The same file read at the same size always gives the same
    pixels, so training and prediction agree.

    Args:
        path: A JPEG, PNG, BMP, GIF or WebP file. Its suffix does not matter.
        image_size: Size in pixels to resize to, `int` or `(height, width)`.
            The aspect ratio is not kept, as in Keras. None keeps the image's
            own size.

    Returns:
        Array of shape `(height, width, 3)`, uint8, values 0 to 255.

    Raises:
        TlkitError: The file cannot be read; the message gives the reason.
    """
    target = None if image_size is None else as_height_width(image_size)
    try:
        return _decode(_read_bytes(path), target)
    except _BROKEN as error:
        raise TlkitError(
            "Cannot read this image.", where=Path(path), received=_reason(error)
        ) from error


def read_opened(image: Image.Image) -> np.ndarray:
    """Returns the pixels of a picture that Pillow has opened or made.

    They are those that `read_image` gives of its file: 8-bit RGB, turned as
    EXIF tags ask for. The picture itself is left as it is.

    Args:
        image: The picture, in any mode. Of an animation the frame that it
            stands at is read.

    Returns:
        A uint8 array of shape `(height, width, 3)`, values 0 to 255.

    Raises:
        TlkitError: It was opened from a file that is broken.
    """
    try:
        pixels = _decode_with_pillow(image.copy())
    except _BROKEN as error:
        raise TlkitError(
            "Cannot read this image.",
            where=getattr(image, "filename", None) or None,
            received=_reason(error),
        ) from error
    return _upright(pixels, _orientation(image))


def resize_image(image: np.ndarray, image_size: ImageSize) -> np.ndarray:
    """Resizes with an antialiased bilinear filter (the triangle filter).

    Args:
        image: Array of shape `(height, width, 3)`, uint8.
        image_size: Target size in pixels, `int` or `(height, width)`.

    Returns:
        Array of the target size, uint8; `image` itself if it already has
        that size.

    Raises:
        UsageError: `image_size` is not a size.
    """
    height, width = as_height_width(image_size)
    if image.shape[:2] == (height, width):
        return image
    resized = Image.fromarray(image).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    return np.asarray(resized)


def why_unreadable(path: str | os.PathLike[str]) -> str | None:
    """Says why a file cannot be used as an image.

    The whole file is decoded (JPEG at an eighth of its size, which still
    reads every byte), so that a truncated file is found here and not in the
    middle of training.

    Args:
        path: Any path. Pipes and devices are recognised and not opened.

    Returns:
        The reason in a few words, or None if the file can be used.
    """
    try:
        why = why_not_an_image(_read_bytes(path))
    except (OSError, ValueError) as error:
        return _reason(error)
    return why


def why_not_an_image(content: bytes) -> str | None:
    """Says why the bytes are not a complete image file.

    Args:
        content: The bytes of a file.

    Returns:
        The reason in a few words, or None if they are a complete image.
    """
    try:
        with _open(content) as image:
            # Only JPEG files can be drafted; for others this does nothing.
            small = max(1, image.width // 8), max(1, image.height // 8)
            image.draft("RGB", small)
            image.load()
    except _BROKEN as error:
        return _reason(error)
    return None


def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Reads a regular file; a pipe would block for ever."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("not a regular file")
    with open(path, "rb", buffering=0) as file:
        content = file.read()
    if not content:
        raise ValueError("empty file")
    return content


def _open(content: bytes) -> Image.Image:
    """Opens an image with Pillow, if its format and size are allowed.

    Pillow reads only the header here, so a decompression bomb is refused
    before it is unpacked.
    """
    with _quietly():
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        except Image.UnidentifiedImageError:
            raise ValueError(
                "not a JPEG, PNG, BMP, GIF or WebP image"
            ) from None
        except Image.DecompressionBombError:
            raise ValueError(f"more than {2 * MAX_PIXELS:,} pixels") from None
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(
            f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}"
        )
    return image


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silences Pillow's warnings about odd files.

    `catch_warnings` restores the filters that it found. Without the lock, two
    threads could restore each other's filters, and the process would then
    ignore every warning from then on.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _decode(content: bytes, target: tuple[int, int] | None) -> np.ndarray:
    """Decodes and resizes an image file.

    The header of a plain JPEG is read here, which is ten times as fast as
    opening the file with Pillow. Pillow opens all others.
    """
    size = plain_size(content)
    if size is not None and size[0] * size[1] <= MAX_PIXELS:
        image = _decode_with_opencv(content, size, None, target)
        if image is not None:
            return image
    with _open(content) as header:
        # An MPO file is a JPEG followed by others. CMYK files, the third
        # mode of JPEG, stay with Pillow.
        if header.format in ("JPEG", "MPO") and header.mode in ("L", "RGB"):
            size, orientation = header.size[::-1], _orientation(header)
            image = _decode_with_opencv(content, size, orientation, target)
            if image is not None:
                return image
        image = _upright(_decode_with_pillow(header), _orientation(header))
    return image if target is None else resize_image(image, target)


def _decode_with_opencv(
    content: bytes,
    size: tuple[int, int],
    orientation: object,
    target: tuple[int, int] | None,
) -> np.ndarray | None:
    reduction = 1
    if target is not None:
        # `target` is the size after the rotation, `size` the one before it.
        lying = orientation in _LYING
        reduction = find_reduction(size, target[::-1] if lying else target)
    decoded = decode_jpeg(content, reduction)
    if decoded is None:
        return None
    image = _upright(decoded, orientation)
    if target is None:
        return image
    resize = resize_image if reduction == 1 else resize_reduced
    return resize(image, target)


def _decode_with_pillow(image: Image.Image) -> np.ndarray:
    image.load()
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit gray at 255 instead of scaling it.
        gray = np.asarray(image).astype(np.uint32) // 257
        return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=-1)
    # Transparency is dropped anyway, and with some palettes `convert` would
    # warn about it.
    image.info.pop("transparency", None)
    return np.asarray(image.convert("RGB"))


def _orientation(image: Image.Image) -> object:
    """Returns the EXIF tag "Orientation".

    2 to 8 are rotations and reflections; anything else means upright.
    """
    with _quietly():
        try:
            return image.getexif().get(ExifTags.Base.Orientation)
        except Exception:
            # Tags may be broken although the pixels are fine, and Pillow's
            # reader lets many kinds of exception through. Such an image
            # counts as upright.
            return None


def _upright(image: np.ndarray, orientation: object) -> np.ndarray:
    """Undoes the rotation and reflection that the EXIF tag describes.

    Pillow's `exif_transpose` is not used, because it also rewrites the tags
    and raises `struct.error` for some unusual ones.
    """
    if orientation in _LYING:
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def image_size_of(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Reads the size of an image from the header of its file.

    Args:
        path: A file that `read_image` can read.

    Returns:
        `(height, width)` in pixels, after the rotation that EXIF tags ask
        for.

    Raises:
        TlkitError: The file cannot be read; the message gives the reason.
    """
    try:
        with _open(_read_bytes(path)) as header:
            width, height = header.size
            lying = _orientation(header) in _LYING
    except _BROKEN as error:
        raise TlkitError(
            "Cannot read this image.", where=Path(path), received=_reason(error)
        ) from error
    return (width, height) if lying else (height, width)
