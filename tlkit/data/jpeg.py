"""Large JPEG files, decoded at a half or a quarter.

A JPEG file holds the frequencies of blocks of 8 x 8 pixels. Whoever leaves
out the upper ones has a smaller picture for less work, and that is enough
where the picture is reduced anyway. `tlkit.data.decode` decides whether a
file is an ordinary JPEG and undoes its rotation.
"""

from __future__ import annotations

import math
import struct

import cv2
import numpy as np

# OpenCV names a reduction for gray and one for BGR; the bits that mean the
# reduction go with RGB as well.
_FLAGS = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
}
# How many times the wanted pixels a picture must still have at a half and at
# a quarter; see `find_reduction`.
_FACTORS = {4: 1.5, 2: 1.0}
# A reduced JPEG is sharper than an antialiased one. This much more smoothing
# came closest on photographs, at all reductions; see `resize_reduced`.
_SHARPNESS = 0.3

# What may stand before the pixels of a plain file: APP0 (JFIF), APP2 (colour
# profile), APP13 and APP14 (Adobe), tables, restarts and comments.
_PLAIN = frozenset(b"\xe0\xe2\xed\xee\xdb\xc4\xdd\xfe")
_FRAMES = frozenset(b"\xc0\xc2")  # baseline and progressive
_SCAN = 0xDA


def plain_size(content: bytes) -> tuple[int, int] | None:
    """Finds the size of a plain JPEG file: gray or colour, without EXIF.

    Pillow says the same and more, in ten times the time.

    Args:
        content: any file.

    Returns:
        `(height, width)` in pixels; None for whatever else it is, CMYK,
        rotated, broken or no JPEG.
    """
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
            place += 2 + length
    except struct.error:
        return None


def _frame_size(content: bytes, place: int) -> tuple[int, int] | None:
    bits, height, width, colours = struct.unpack_from(">BHHB", content, place)
    plain = bits == 8 and colours in (1, 3) and height and width
    return (height, width) if plain else None


def find_reduction(size: tuple[int, int], target: tuple[int, int]) -> int:
    """Says at which fraction a picture may be decoded.

    Args:
        size: `(height, width)` of the whole picture, in pixels.
        target: `(height, width)` that is wanted.

    Returns:
        2 for a half, if that still has the wanted number of pixels in both
        directions; 4 for a quarter, if it has half as many again; else 1.
        A quarter keeps less of each block. An eighth would keep nothing but
        the block's average, which is 5 levels off, and save a fifth.

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
    """Decodes a gray or colour JPEG file as it lies, without EXIF rotation.

    Args:
        content: the file.
        reduction: 1, 2 or 4, see `find_reduction`.

    Returns:
        uint8 RGB of shape `(height, width, 3)`, each side divided by the
        reduction and rounded up; None if OpenCV cannot decode the file or
        finds its end missing.
    """
    # OpenCV does not know every form of the EXIF rotation.
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    buffer = np.frombuffer(content, np.uint8)
    return cv2.imdecode(buffer, flags | _FLAGS[reduction])


def resize_reduced(image: np.ndarray, target: tuple[int, int]) -> np.ndarray:
    """Resizes what was decoded at a fraction: smooths, then interpolates.

    It stands in for the antialiased filter of `tlkit.data.decode` and takes
    less than half the time. On photographs its distance from that filter on
    the whole picture (root mean square) is within 5 % of what the same
    filter on the reduced picture would leave: the half itself costs most.

    Args:
        image: uint8 array of shape `(height, width, 3)`.
        target: `(height, width)` in pixels, no more than the image has.

    Returns:
        uint8 array of the target shape.
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
    """Reach and sigma that make interpolation as wide as the triangle filter.

    Interpolation is itself a triangle filter, of scale 1; a triangle filter
    has the variance `scale`^2 / 6, and variances add up.
    """
    variance = (scale**2 - 1 + _SHARPNESS) / 6
    if variance > 0.6:
        return math.ceil(2.5 * variance**0.5), variance**0.5
    # A bell sampled at -1, 0 and 1 is narrower than the bell: this sigma
    # makes the variance of the three what it should be.
    side = variance / (2 - 2 * variance)
    return 1, (-2 * math.log(side)) ** -0.5
