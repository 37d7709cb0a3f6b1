"""One decoder for training and for serving: a file becomes uint8 RGB.

OpenCV decodes ordinary JPEG files, since it is three times as fast as Pillow
and gives the same pixels to the bit; Pillow decodes everything else. The
rotation that EXIF tags ask for is done afterwards, to either. The resize is
Pillow's antialiased bilinear one: the same filter as the `Resizing` layer
inside every tlkit model, so a picture reduced here and one reduced by the
model differ by rounding alone.
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

from tlkit.errors import TlkitError
from tlkit.image_size import ImageSize, as_height_width

#: What Pillow calls the formats that tlkit reads.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
#: Pillow's own bound against decompression bombs: about 89 million pixels.
MAX_PIXELS = 89_478_485

# Pillow's plugins raise one of these for a file that is broken.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError)
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
    path = Path(path)
    try:
        content = _read_bytes(path)
        image = _decode(content)
    except _BROKEN as error:
        raise TlkitError(
            "Cannot read this image.", where=path, received=_reason(error)
        ) from error
    return image if image_size is None else resize_image(image, image_size)


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
        why = why_not_an_image(_read_bytes(Path(path)))
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


def _read_bytes(path: Path) -> bytes:
    """Reads a regular file; a pipe would block for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a regular file")
    content = path.read_bytes()
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


def _decode(content: bytes) -> np.ndarray:
    with _open(content) as header:
        decoded = None
        if header.format in ("JPEG", "MPO") and header.mode in ("L", "RGB"):
            buffer = np.frombuffer(content, np.uint8)
            # OpenCV does not know every form of the EXIF rotation.
            flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
            decoded = cv2.imdecode(buffer, flags)
        if decoded is None:
            decoded = _decode_with_pillow(header)
        return _upright(decoded, _orientation(header))


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
    if orientation in (5, 6, 7, 8):
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
