"""Random views of an image, in the vocabulary of `ImageDataGenerator`.

However many transformations are asked for, an image is resampled once: the
rotation, shifts, shear, zoom and flips of a view are multiplied into one
matrix, and so are its colour changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tlkit.base.errors import UsageError

_BORDERS = {
    "nearest": cv2.BORDER_REPLICATE,
    "constant": cv2.BORDER_CONSTANT,
    "reflect": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_WRAP,
}
# ITU-R BT.601 luma, the gray of Pillow and of analogue television.
_LUMA = np.array([0.299, 0.587, 0.114])
_IDENTITY = np.eye(3)

Range = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a training image.

    The names and meanings are those of Keras's `ImageDataGenerator`, so the
    arguments of a book's listing can be used as they are. The defaults are
    those of *Deep Learning with Python* (1st edition, listing 5.11).

    Args:
        rotation_range: degrees; the angle is uniform in plus or minus this.
        width_shift_range: share of the width (from 1 up: pixels).
        height_shift_range: share of the height (from 1 up: pixels).
        shear_range: shear angle in degrees, uniform in plus or minus this.
        zoom_range: `z` for factors uniform in `[1 - z, 1 + z]`, or
            `(low, high)`; drawn separately for each axis.
        horizontal_flip: mirror left and right with probability 1/2.
        vertical_flip: mirror top and bottom with probability 1/2.
        fill_mode: what lies outside: `"nearest"`, `"constant"` (black),
            `"reflect"` or `"wrap"`.
        brightness_range: `(low, high)` factor of all values.
        contrast_range: `(low, high)` factor of the distance from the
            image's mean gray.
        saturation_range: `(low, high)` factor of the distance from gray.
        channel_shift_range: added to each channel, plus or minus, 0 to 255.

    Raises:
        UsageError: a range is negative or not in order, or the fill mode is
            unknown.

    Example:
        >>> image = np.zeros((8, 8, 3), np.uint8)
        >>> Augmentation()(image, seed=0, image_id=7, view=3).shape
        (8, 8, 3)
    """

    rotation_range: float = 40.0
    width_shift_range: float = 0.2
    height_shift_range: float = 0.2
    shear_range: float = 0.2
    zoom_range: float | Range = 0.2
    horizontal_flip: bool = True
    vertical_flip: bool = False
    fill_mode: str = "nearest"
    brightness_range: Range | None = None
    contrast_range: Range | None = None
    saturation_range: Range | None = None
    channel_shift_range: float = 0.0

    def __post_init__(self) -> None:
        if self.fill_mode not in _BORDERS:
            raise UsageError(
                "Unknown fill mode.",
                expected=", ".join(_BORDERS),
                received=self.fill_mode,
            )
        for name in (
            "rotation_range",
            "width_shift_range",
            "height_shift_range",
            "shear_range",
            "channel_shift_range",
        ):
            if not 0 <= getattr(self, name) < np.inf:
                raise UsageError(
                    f"{name} is not a range.",
                    expected="0 or more",
                    received=getattr(self, name),
                )
        for name in (
            "zoom_range",
            "brightness_range",
            "contrast_range",
            "saturation_range",
        ):
            self._check_factors(name)

    def _check_factors(self, name: str) -> None:
        value = getattr(self, name)
        try:
            low, high = _factors(value)
        except (TypeError, ValueError):
            low = high = np.nan
        zoom = name == "zoom_range"
        if not 0 <= low <= high < np.inf or (zoom and low == 0):
            raise UsageError(
                f"{name} is not a range of factors.",
                expected="(low, high) with 0 < low <= high, or z in [0, 1)"
                if zoom
                else "(low, high) with 0 <= low <= high",
                received=value,
            )

    def __call__(
        self, image: np.ndarray, *, seed: int, image_id: int, view: int
    ) -> np.ndarray:
        """Returns view number `view` of an image: always the same one.

        Args:
            image: uint8 array of shape `(height, width, 3)`.
            seed: of the run.
            image_id: which image it is, 0 or more (tlkit takes it from the
                image's content, so that a renamed file keeps its views).
            view: which view, 0 or more (in training, the epoch).

        Returns:
            uint8 array of the same shape.
        """
        random = np.random.default_rng([seed, image_id, view])
        height, width = image.shape[:2]
        warp = self.draw_warp(random, height, width)
        colour = self._draw_colour(random, image)
        if not np.array_equal(warp, _IDENTITY):
            # WARP_INVERSE_MAP: `warp` says where each output pixel is from.
            image = cv2.warpAffine(
                image,
                warp[:2],
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=_BORDERS[self.fill_mode],
            )
        return image if colour is None else cv2.transform(image, colour)

    def draw_warp(
        self, random: np.random.Generator, height: int, width: int
    ) -> np.ndarray:
        """Draws the geometric part of a view.

        Args:
            random: where the random numbers come from.
            height: of the image, in pixels.
            width: of the image, in pixels.

        Returns:
            float64 matrix of shape `(3, 3)` that takes the homogeneous
            coordinates `(x, y, 1)` of an output pixel to those of the input
            pixel it shows.
        """
        draw = random.uniform(-1, 1, 4)
        low, high = _factors(self.zoom_range)
        zoom_x, zoom_y = random.uniform(low, high, 2)
        flips = random.random(2) < 0.5
        return affine_matrix(
            height,
            width,
            rotation=draw[0] * self.rotation_range,
            shift=(
                draw[1] * _pixels(self.width_shift_range, width),
                draw[2] * _pixels(self.height_shift_range, height),
            ),
            shear=draw[3] * self.shear_range,
            zoom=(zoom_x, zoom_y),
            flip=(
                bool(self.horizontal_flip and flips[0]),
                bool(self.vertical_flip and flips[1]),
            ),
        )

    def _draw_colour(
        self, random: np.random.Generator, image: np.ndarray
    ) -> np.ndarray | None:
        """Draws one affine map of colours, shape (3, 4), or None."""
        draw = random.random(6)
        ranges = (
            self.brightness_range,
            self.contrast_range,
            self.saturation_range,
        )
        if not any(ranges) and not self.channel_shift_range:
            return None
        brightness, contrast, saturation = (
            low + (high - low) * share
            for (low, high), share in zip(
                map(_factors, ranges), draw, strict=False
            )
        )
        gray = np.tile(_LUMA, (3, 1))
        matrix = saturation * np.eye(3) + (1 - saturation) * gray
        mean_gray = float(np.array(cv2.mean(image)[:3]) @ _LUMA)
        offset = np.full(3, (1 - contrast) * mean_gray)
        shift = (2 * draw[3:] - 1) * self.channel_shift_range
        return np.column_stack(
            [brightness * contrast * matrix, brightness * offset + shift]
        )


@dataclass(frozen=True)
class View:
    """A random view of every image, and which.

    Args:
        augmentation: what may happen to an image.
        seed: of the run.
        number: 0 or more; end to end it would be the epoch.
    """

    augmentation: Augmentation
    seed: int
    number: int


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


def _factors(value: float | Range | None) -> Range:
    if value is None:
        return 1.0, 1.0
    if isinstance(value, int | float):
        return 1.0 - value, 1.0 + value
    low, high = value
    return float(low), float(high)
