"""Drawing a random view: one warp, one change of colours.

However many transformations are asked for, an image is resampled once: the
rotation, shifts, shear, zoom and flips of a view are multiplied into one
matrix, and so are its colour changes.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tlkit.data.ranges import Range, factors

_BORDERS = {
    "nearest": cv2.BORDER_REPLICATE,
    "constant": cv2.BORDER_CONSTANT,
    "reflect": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_WRAP,
}
# ITU-R BT.601 luma, the gray of Pillow and of analogue television.
_LUMA = np.array([0.299, 0.587, 0.114])
_IDENTITY = np.eye(3)


# Any is an `Augmentation`, which imports this file when it first draws.
def draw_view(
    augmentation: Any,
    image: np.ndarray,
    seed: int,
    image_id: int,
    view: int,
) -> np.ndarray:
    """Returns one random view of an image; see `Augmentation.__call__`.

    Args:
        augmentation: What may happen to the image.
        image: uint8 array of shape `(height, width, 3)`.
        seed: Seed of the run, 0 or more.
        image_id: Which image it is, 0 or more.
        view: Which view, 0 or more.

    Returns:
        uint8 array of the same shape.
    """
    random = np.random.default_rng([seed, image_id, view])
    height, width = image.shape[:2]
    warp = draw_warp(augmentation, random, height, width)
    colour = _draw_colour(augmentation, random, image)
    if not np.array_equal(warp, _IDENTITY):
        # WARP_INVERSE_MAP: `warp` says where each output pixel is from.
        image = cv2.warpAffine(
            image,
            warp[:2],
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=_BORDERS[augmentation.fill_mode],
        )
    return image if colour is None else cv2.transform(image, colour)


def draw_warp(
    augmentation: Any,
    random: np.random.Generator,
    height: int,
    width: int,
) -> np.ndarray:
    """Draws the geometric part of a view.

    Args:
        augmentation: What may happen to the image.
        random: where the random numbers come from.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        float64 matrix of shape `(3, 3)` that takes the homogeneous
        coordinates `(x, y, 1)` of an output pixel to those of the input
        pixel it shows.
    """
    draw = random.uniform(-1, 1, 4)
    low, high = factors(augmentation.zoom)
    zoom_x, zoom_y = random.uniform(low, high, 2)
    flips = random.random(2) < 0.5
    return affine_matrix(
        height,
        width,
        rotation=draw[0] * augmentation.rotation,
        shift=(
            draw[1] * _pixels(augmentation.width_shift, width),
            draw[2] * _pixels(augmentation.height_shift, height),
        ),
        shear=draw[3] * augmentation.shear,
        zoom=(zoom_x, zoom_y),
        flip=(
            bool(augmentation.flip and flips[0]),
            bool(augmentation.vertical_flip and flips[1]),
        ),
    )


def _draw_colour(
    augmentation: Any, random: np.random.Generator, image: np.ndarray
) -> np.ndarray | None:
    """Draws one affine map of colours, shape (3, 4), or None."""
    draw = random.random(6)
    ranges = (
        augmentation.brightness,
        augmentation.contrast,
        augmentation.saturation,
    )
    if not any(ranges) and not augmentation.channel_shift:
        return None
    brightness, contrast, saturation = (
        low + (high - low) * share
        for (low, high), share in zip(map(factors, ranges), draw, strict=False)
    )
    gray = np.tile(_LUMA, (3, 1))
    matrix = saturation * np.eye(3) + (1 - saturation) * gray
    mean_gray = float(np.array(cv2.mean(image)[:3]) @ _LUMA)
    offset = np.full(3, (1 - contrast) * mean_gray)
    shift = (2 * draw[3:] - 1) * augmentation.channel_shift
    return np.column_stack(
        [brightness * contrast * matrix, brightness * offset + shift]
    )


def affine_matrix(
    height: int,
    width: int,
    *,
    rotation: float = 0.0,
    shift: Range = (0.0, 0.0),
    shear: float = 0.0,
    zoom: Range = (1.0, 1.0),
    flip: tuple[bool, bool] = (False, False),
) -> np.ndarray:
    """Multiplies the transformations of one view into one matrix.

    About the image's centre, in `ImageDataGenerator`'s order: rotation,
    shift, shear, zoom; flips last.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        rotation: degrees.
        shift: `(x, y)` in pixels.
        shear: degrees.
        zoom: `(x, y)`; above 1 more of the scene is seen.
        flip: `(horizontal, vertical)`.

    Returns:
        float64 matrix of shape `(3, 3)` from output to input coordinates.
    """
    angle, slant = np.deg2rad(rotation), np.deg2rad(shear)
    sine, cosine = np.sin(angle), np.cos(angle)
    rotate = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    lean = np.array([[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]])
    scale = np.diag(
        [
            zoom[0] * (-1 if flip[0] else 1),
            zoom[1] * (-1 if flip[1] else 1),
            1,
        ]
    )
    centre = np.eye(3)
    centre[:2, 2] = (width - 1) / 2, (height - 1) / 2
    return centre @ rotate @ move @ lean @ scale @ np.linalg.inv(centre)


def _pixels(share: float, side: int) -> float:
    return share * side if share < 1 else share
