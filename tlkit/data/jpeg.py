"""Large JPEG files, decoded at half or a quarter of their size.

A JPEG file holds the frequencies of blocks of 8 x 8 pixels. Leaving out the
high frequencies gives a smaller image for less work, which is enough if the
image is going to be reduced anyway. `tlkit.data.decode` decides whether a
file is an ordinary JPEG and undoes its rotation.
"""

from __future__ import annotations

import math
import struct

import cv2
import numpy as np

# OpenCV has names for reduced gray and reduced BGR images only. The bits that
# stand for the reduction work with RGB as well.
_FLAGS = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
}
# An image decoded at a quarter (4) must still have 1.5 times the wanted pixels
# in both directions, one decoded at half (2) as many; see `find_reduction`.
_FACTORS = {4: 1.5, 2: 1.0}
# A JPEG decoded at a reduced size is sharper than an antialiased image. This
# much additional smoothing came closest to it on photographs, at all
# reductions; see `resize_reduced`.
_SHARPNESS = 0.3

# Segments that a plain file may have before its pixels: APP0 (JFIF), APP2
# (colour profile), APP13 and APP14 (Adobe), tables, restarts and comments.
# APP1 is not one of them, because EXIF and XMP may ask for a rotation.
_PLAIN = frozenset(b"\xe0\xe2\xed\xee\xdb\xc4\xdd\xfe")
_FRAMES = frozenset(b"\xc0\xc2")  # baseline and progressive
_SCAN = 0xDA


def plain_size(content: bytes) -> tuple[int, int] | None:
    """Finds the size of a plain JPEG file: gray or colour, without EXIF.

    Pillow finds the same and more, but takes ten times as long.

    Args:
        content: The bytes of any file.

    Returns:
        `(height, width)` in pixels; None for any other file, such as a CMYK,
        rotated or broken JPEG or another format.
    """
    # A JPEG file begins with the two bytes FF D8; segments follow.
    size, place = None, 2
    if content[:2] != b"\xff\xd8":
        return None
    try:
        while True:
            mark, kind, length = struct.unpack_from(">BBH", content, place)
            if mark != 0xFF or length < 2:
                return None
            if kind == _SCAN:
                return size
            if kind in _FRAMES and size is None:
                size = _frame_size(content, place + 4)
            elif kind not in _PLAIN:
                return None
            # A segment's length counts itself but not the two bytes before.
            place += 2 + length
    except struct.error:
        return None


def _frame_size(content: bytes, place: int) -> tuple[int, int] | None:
    bits, height, width, colours = struct.unpack_from(">BHHB", content, place)
    plain = bits == 8 and colours in (1, 3) and height and width
    return (height, width) if plain else None


def can_hold(count: int, size: tuple[int, int]) -> bool:
    """Says whether a JPEG file can hold as many pixels as it claims.

    Decoders fill what is missing with gray, without an error if the file
    ends in the proper mark. So a file of a thousand bytes can claim, and
    cost, 80 megapixels.

    Args:
        count: Number of bytes of the file.
        size: `(height, width)` that its header claims.

    Returns:
        Whether there is a bit for each block of 8 x 8 pixels. None takes
        less, as its average is one code of at least a bit.

    Example:
        >>> can_hold(1_000, (600, 800)), can_hold(1_000, (9_000, 9_000))
        (True, False)
    """
    height, width = (math.ceil(side / 8) for side in size)
    return 8 * count >= height * width


def find_reduction(size: tuple[int, int], target: tuple[int, int]) -> int:
    """Says at which fraction of its size an image may be decoded.

    Args:
        size: `(height, width)` of the whole image, in pixels.
        target: `(height, width)` of the wanted image, in pixels.

    Returns:
        4 for a quarter, if that leaves 1.5 times the wanted pixels in both
        directions; 2 for half, if that leaves at least the wanted pixels;
        else 1. A quarter must leave more, because it keeps less of each
        block. An eighth is never chosen: it keeps only the average of each
        block, which is 5 levels of 255 off, and would save only a fifth of
        the time.

    Example:
        >>> find_reduction((375, 500), (150, 150))
        2
        >>> find_reduction((375, 500), (200, 200))
        1
    """
    for reduction, factor in _FACTORS.items():
        left = min(
            math.ceil(side / reduction) / wanted
            for side, wanted in zip(size, target, strict=True)
        )
        if left >= factor:
            return reduction
    return 1


def decode_jpeg(content: bytes, reduction: int = 1) -> np.ndarray | None:
    """Decodes a gray or colour JPEG file without applying its EXIF rotation.

    Args:
        content: The bytes of the file.
        reduction: What to divide the size by: 1, 2 or 4; see
            `find_reduction`.

    Returns:
        RGB array of shape `(height, width, 3)`, uint8, each side divided by
        the reduction and rounded up; None if OpenCV cannot decode the file
        or finds that its end is missing.
    """
    # OpenCV overlooks some ways of noting a rotation (a LONG tag, XMP), so
    # `tlkit.data.decode` applies it.
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    buffer = np.frombuffer(content, np.uint8)
    return cv2.imdecode(buffer, flags | _FLAGS[reduction])


def resize_reduced(image: np.ndarray, target: tuple[int, int]) -> np.ndarray:
    """Resizes an image decoded at a reduced size: smooths, then interpolates.

    It takes the place of the antialiased filter of `tlkit.data.decode` and
    needs less than half the time. The reference is that filter on the whole
    image. On photographs, the root mean square distance from it is within
    5 % of what the same filter would leave on the reduced image: most of the
    difference comes from the reduced decoding itself.

    Args:
        image: Array of shape `(height, width, 3)`, uint8.
        target: `(height, width)` in pixels, no larger than the image.

    Returns:
        Array of the target size, uint8.
    """
    height, width = target
    (reach_y, sigma_y), (reach_x, sigma_x) = (
        _smoothing(side / wanted)
        for side, wanted in zip(image.shape, target, strict=False)
    )
    smooth = cv2.GaussianBlur(
        image,
        (2 * reach_x + 1, 2 * reach_y + 1),
        sigmaX=sigma_x,
        sigmaY=sigma_y,
    )
    return cv2.resize(smooth, (width, height))


def _smoothing(scale: float) -> tuple[int, float]:
    """Returns reach and sigma of the smoothing before an interpolation.

    Together, smoothing and interpolation are as wide as the triangle filter.
    Interpolation is itself a triangle filter, of scale 1. A triangle filter
    has the variance `scale`^2 / 6, and the variances of filters applied one
    after the other add up.
    """
    variance = (scale**2 - 1 + _SHARPNESS) / 6
    if variance > 0.6:
        return math.ceil(2.5 * variance**0.5), variance**0.5
    # Sampled only at -1, 0 and 1, a bell curve has a smaller variance than
    # the curve itself. This sigma gives the three weights the right variance.
    side = variance / (2 - 2 * variance)
    return 1, (-2 * math.log(side)) ** -0.5
