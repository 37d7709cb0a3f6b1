"""One decoder for training and for serving: a file becomes uint8 RGB.

OpenCV decodes ordinary JPEG files, since it is three times as fast as Pillow
and gives the same pixels to the bit; Pillow decodes everything else. The
rotation that EXIF tags ask for is done afterwards, to either. The resize is
Pillow's antialiased bilinear one: the same filter as the `Resizing` layer
inside every tlkit model, so a picture resized here and one resized by the
model differ by rounding alone. JPEG files at least twice as large as wanted
are decoded at a fraction and come near that; see `read_image`.
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

#: What Pillow calls the formats that tlkit reads.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
#: Pillow's own bound against decompression bombs: about 89 million pixels.
MAX_PIXELS = 89_478_485

# Pillow's plugins raise one of these for a file that is broken.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError)
# EXIF orientations in which rows and columns change places.
_LYING = (5, 6, 7, 8)
_warnings_lock = threading.Lock()

# tf.data and the thread pool of `scan` already use every core.
cv2.setNumThreads(1)


def read_image(
    path: str | os.PathLike[str],
    image_size: ImageSize | None = None,
) -> np.ndarray:
    """Reads one image file.

    Gray, palette, CMYK and 16-bit files become 8-bit RGB; transparency is
    dropped as `PIL.Image.convert("RGB")` does; of an animation the first
    frame is read.

    With a size, a JPEG file of at least twice the size is decoded at a half,
    or of six times at a quarter, which is faster and not the same as
    resizing the whole picture: on 179 photographs of cats and dogs, at 150
    pixels, colours differ by 1.7 levels of 255 on average, by 6.2 on average
    in the worst photograph and by 88 in the worst pixel, at an edge. (Bilinear
    interpolation of the whole picture without smoothing, as in Keras's
    loader, is 3.5 levels off on average.) Whoever reads with the same size
    gets the same pixels.

    Args:
        path: a JPEG, PNG, BMP, GIF or WebP file, whatever its suffix.
        image_size: resize to this size in pixels, `int` or
            `(height, width)`, without keeping the aspect ratio (as Keras
            does); None keeps the picture's own size.

    Returns:
        uint8 array of shape `(height, width, 3)`, values 0 to 255.

    Raises:
        TlkitError: the file cannot be read; the message gives the reason.
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
        image: uint8 array of shape `(height, width, 3)`.
        image_size: target size in pixels, `int` or `(height, width)`.

    Returns:
        uint8 array of the target shape; `image` itself if it already fits.
    """
    height, width = as_height_width(image_size)
    if image.shape[:2] == (height, width):
        return image
    resized = Image.fromarray(image).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    return np.asarray(resized)


def why_unreadable(path: str | os.PathLike[str]) -> str | None:
    """Says why a file cannot be used as an image, or None if it can.

    The whole file is decoded (JPEG at an eighth of its size, which still
    reads every byte), so a truncated file is found here and not in the
    middle of training.

    Args:
        path: any path; pipes and devices are recognised, not opened.
    """
    try:
        why = why_not_an_image(_read_bytes(path))
    except (OSError, ValueError) as error:
        return _reason(error)
    return why


def why_not_an_image(content: bytes) -> str | None:
    """Says why `content` is not a whole image file, or None if it is."""
    try:
        with _open(content) as image:
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
    """Opens with Pillow, bounded in size and limited to `FORMATS`."""
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
    """Silences Pillow's remarks on odd files.

    `catch_warnings` puts back what it found. Without the lock two threads
    would put back each other's filter, and the process stay silent for good.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _decode(content: bytes, target: tuple[int, int] | None) -> np.ndarray:
    """Decodes and resizes; what is not plain is looked at by Pillow first."""
    size = plain_size(content)
    if size is not None and size[0] * size[1] <= MAX_PIXELS:
        image = _decode_with_opencv(content, size, None, target)
        if image is not None:
            return image
    with _open(content) as header:
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
    # It is dropped, and for some palettes Pillow would warn of that.
    image.info.pop("transparency", None)
    return np.asarray(image.convert("RGB"))


def _orientation(image: Image.Image) -> object:
    """The EXIF tag "Orientation": 2 to 8, or anything else for upright."""
    with _quietly():
        try:
            return image.getexif().get(ExifTags.Base.Orientation)
        except Exception:
            # Broken notes beside whole pixels; Pillow's reader of them
            # raises whatever its parts raise.
            return None


def _upright(image: np.ndarray, orientation: object) -> np.ndarray:
    """Undoes the rotation and mirroring that EXIF describes.

    Pillow's `exif_transpose` also rewrites the tags, which fails with odd
    ones.
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
