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
import functools
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from tlkit.base.errors import Note, TlkitError
from tlkit.base.image_size import Frame, ImageSize, Window, as_frame
from tlkit.data.formats import largest_value, open_picture, white_is_zero
from tlkit.data.jpeg import (
    can_hold,
    decode_jpeg,
    find_reduction,
    plain_size,
    resize_reduced,
)
from tlkit.data.turns import Turns

#: Pillow's own limit against decompression bombs: about 89 million pixels.
MAX_PIXELS = 89_478_485

# Pillow's plugins raise one of these for a broken file.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError)
# EXIF orientations in which rows and columns change places.
_LYING = (5, 6, 7, 8)
_warnings_lock = threading.Lock()
# Decoding takes up to about a dozen bytes a pixel.
_turns = Turns(MAX_PIXELS)

# tf.data and the thread pool of `scan` already use every core; threads of
# OpenCV's own would only compete with them.
cv2.setNumThreads(1)


def read_image(
    path: str | os.PathLike[str],
    image_size: ImageSize | None = None,
) -> np.ndarray:
    """Reads one image file.

    Gray, palette, CMYK and 16-bit files become 8-bit RGB. Transparency is
    dropped, as `PIL.Image.convert("RGB")` does. Of a file of several
    pictures, such as an animation or the pages of a TIFF, the first is read.

    Gray values of 16 bits are divided by 257, so that 65535 becomes 255;
    those of a file that says it has `n` bits, as a TIFF can and PPM always
    does, by `(2**n - 1) / 255`. Nothing is guessed from the values: 12 bits
    that a file declares as 16 become dark, in every picture equally, and a
    `Note` says so once. Of colours of 16 bits the upper eight bits are taken.
    Floating-point values and whole numbers of 32 bits are refused, as their
    range is not known.

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
        path: A JPEG, PNG, BMP, GIF, WebP, TIFF, PPM or AVIF file; also HEIC
            with `tlkit[heic]`. Its suffix does not matter.
        image_size: Size in pixels to resize to, `int` or `(height, width)`.
            The aspect ratio is not kept, as in Keras; a `Frame` says
            otherwise. None keeps the image's own size.

    Returns:
        Array of shape `(height, width, 3)`, uint8, values 0 to 255.

    Raises:
        TlkitError: The file cannot be read; the message gives the reason.
    """
    frame = None if image_size is None else as_frame(image_size)
    try:
        return _decode(_read_bytes(path), frame)
    except _BROKEN as error:
        raise _cannot_read(Path(path), error) from error


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
        TlkitError: It was opened from a file that is broken, or its values
            are of a kind that `read_image` refuses.
    """
    try:
        pixels = _as_rgb(image.copy(), image)
    except _BROKEN as error:
        where = getattr(image, "filename", None) or None
        raise _cannot_read(where, error) from error
    return turn_upright(pixels, image)


def turn_upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """Turns pixels as the EXIF tags of the picture ask for.

    Args:
        pixels: Array of shape `(height, width)` or more, from the picture.
        image: The picture as Pillow has opened it.
    """
    return _upright(pixels, _orientation(image))


def resize_image(image: np.ndarray, image_size: ImageSize) -> np.ndarray:
    """Resizes with an antialiased bilinear filter (the triangle filter).

    Args:
        image: Array of shape `(height, width, 3)`, uint8.
        image_size: Target size in pixels, `int` or `(height, width)`; or a
            `Frame`, by which the image is cropped or padded first.

    Returns:
        Array of the target size, uint8; `image` itself if it already has
        that size.

    Raises:
        UsageError: `image_size` is not a size.
    """
    frame = as_frame(image_size)
    if image.shape[:2] == frame.size:
        return image
    return _into(image, frame.window(*image.shape[:2]), frame.size, _resize)


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    resized = Image.fromarray(image).resize(
        size[::-1], Image.Resampling.BILINEAR
    )
    return np.asarray(resized)


def _into(
    image: np.ndarray,
    window: Window,
    size: tuple[int, int],
    resize: Callable[[np.ndarray, tuple[int, int]], np.ndarray],
) -> np.ndarray:
    """Resizes the part of an image that lies in a window."""
    if window.top < 0 or window.left < 0:
        return _resize_padded(image, window, size)
    return resize(
        image[window.top : window.bottom, window.left : window.right], size
    )


def _resize_padded(
    image: np.ndarray, window: Window, size: tuple[int, int]
) -> np.ndarray:
    """Resizes an image with the black borders that a window adds to it.

    The filter works in one direction after the other, so the image is made
    small along its longer side before the border is added: with its border,
    a panorama could be many times as large as it is.
    """
    if window.top < 0:
        image = _resize(image, (image.shape[0], size[1]))
    else:
        image = _resize(image, (size[0], image.shape[1]))
    above, beside = max(-window.top, 0), max(-window.left, 0)
    padded = np.pad(image, ((above, above), (beside, beside), (0, 0)))
    return _resize(padded, size)


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
    return look_at(path, lambda content, image: None)


def look_at(
    path: str | os.PathLike[str],
    look: Callable[[bytes, Image.Image], None],
) -> str | None:
    """Says why a file cannot be used as an image; if it can, looks at it.

    Args:
        path: Any path, see `why_unreadable`.
        look: Function that is given the file's bytes and the decoded picture,
            a large JPEG in gray and at a fraction of its size, with sides
            of 64 pixels or more.

    Returns:
        The reason in a few words, or None if the file can be used.
    """
    try:
        content = _read_bytes(path)
        return _why_not(content, look)
    except (OSError, ValueError) as error:
        return _reason(error)


def why_not_an_image(content: bytes) -> str | None:
    """Says why the bytes are not a complete image file.

    Args:
        content: The bytes of a file.

    Returns:
        The reason in a few words, or None if they are a complete image.
    """
    return _why_not(content, lambda content, image: None)


def _why_not(
    content: bytes, look: Callable[[bytes, Image.Image], None]
) -> str | None:
    try:
        with _open(content) as image:
            # Only JPEG files can be drafted; for others this does nothing.
            small = max(64, image.width // 8), max(64, image.height // 8)
            image.draft("L", small)
            with _turns.take(image.width * image.height):
                image.load()
            if image.mode.startswith("I"):
                _gray_of_16_bits(image, image)
            look(content, image)
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
            image = open_picture(content)
        except Image.DecompressionBombError:
            raise ValueError(f"more than {2 * MAX_PIXELS:,} pixels") from None
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(
            f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}"
        )
    size = image.height, image.width
    if image.format in ("JPEG", "MPO") and not can_hold(len(content), size):
        raise ValueError(
            f"truncated: {len(content):,} bytes cannot hold the "
            f"{image.width} x {image.height} pixels that it claims"
        )
    if image.format == "TIFF":
        # Pillow reads the tags again while it decodes, and warns of odd ones
        # then; once read, they are kept.
        _orientation(image)
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


def _decode(content: bytes, frame: Frame | None) -> np.ndarray:
    """Decodes and resizes an image file.

    The header of a plain JPEG is read here, which is ten times as fast as
    opening the file with Pillow. Pillow opens all others.
    """
    size = plain_size(content)
    if (
        size is not None
        and size[0] * size[1] <= MAX_PIXELS
        and can_hold(len(content), size)
    ):
        image = _decode_with_opencv(content, size, None, frame)
        if image is not None:
            return image
    with _open(content) as header:
        # An MPO file is a JPEG followed by others. CMYK files, the third
        # mode of JPEG, stay with Pillow.
        if header.format in ("JPEG", "MPO") and header.mode in ("L", "RGB"):
            size, orientation = header.size[::-1], _orientation(header)
            image = _decode_with_opencv(content, size, orientation, frame)
            if image is not None:
                return image
        with _turns.take(header.width * header.height):
            image = _upright(_as_rgb(header, header), _orientation(header))
            # Large pictures are not held twice while they are resized.
            header.close()
            return image if frame is None else resize_image(image, frame)


def _decode_with_opencv(
    content: bytes,
    size: tuple[int, int],
    orientation: object,
    frame: Frame | None,
) -> np.ndarray | None:
    # The frame is that of the picture after its rotation.
    height, width = size[::-1] if orientation in _LYING else size
    reduction, window = 1, None
    if frame is not None:
        window = frame.window(height, width)
        reduction = find_reduction(window.size, frame.size)
    with _turns.take(height * width // reduction**2):
        decoded = decode_jpeg(content, reduction)
        if decoded is None:
            return None
        image = _upright(decoded, orientation)
        if frame is None or window is None:
            return image
        if reduction == 1:
            return resize_image(image, frame)
        small = window.reduced(reduction, (height, width), image.shape)
        return _into(image, small, frame.size, resize_reduced)


def _as_rgb(image: Image.Image, opened: Image.Image) -> np.ndarray:
    """Returns the pixels of a picture; `opened` knows what its file says."""
    image.load()
    if image.mode.startswith("I"):
        return _gray_of_16_bits(image, opened)
    if image.mode == "F":
        raise ValueError("floating-point values, whose range is not known")
    # Transparency is dropped anyway, and with some palettes `convert` would
    # warn about it.
    image.info.pop("transparency", None)
    # `convert` would copy a picture that is RGB already.
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _gray_of_16_bits(image: Image.Image, opened: Image.Image) -> np.ndarray:
    # Pillow would clip 16-bit gray at 255 instead of scaling it.
    values = np.asarray(image)
    largest = largest_value(opened)
    if values.min() < 0 or values.max() > largest:
        raise ValueError(
            f"values from {values.min()} to {values.max()}, which are not "
            f"within 0 to {largest}"
        )
    if largest == 65535 and 0 < values.max() <= 4095:
        _note_dark()
    gray = (values.astype(np.uint32) * 255 // largest).astype(np.uint8)
    if white_is_zero(opened):
        gray = 255 - gray
    return np.repeat(gray[..., None], 3, axis=-1)


@functools.cache
def _note_dark() -> None:
    """Says once that pictures may be of another depth than they claim."""
    # Under the lock, as another thread may be silencing Pillow.
    with _warnings_lock:
        warnings.warn(
            "At least one picture of 16 bits holds no value above 4095, and "
            "is read as nearly black. If your pictures hold 12 bits, multiply "
            "their values by 16, or save them with 8 bits.",
            Note,
            stacklevel=2,
        )


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


def _cannot_read(where: object, error: Exception) -> TlkitError:
    return TlkitError(
        "Cannot read this image.", where=where, received=_reason(error)
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    # Some decoders end their message with a new line.
    return " ".join(str(error).split()) or type(error).__name__


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
        raise _cannot_read(Path(path), error) from error
    return (width, height) if lying else (height, width)
