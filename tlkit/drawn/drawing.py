"""Strokes on a canvas, for pictures drawn from a seed.

Everything is drawn on a canvas of `SUPERSAMPLING` times the wanted size, in
coordinates that do not know the size: the picture reaches from -1 to 1 in x
(rightwards) and in y (downwards).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

SUPERSAMPLING = 2

# Fractional bits of the fixed point coordinates that OpenCV draws with.
_SHIFT = 4

Colour = tuple[float, float, float]
Points = np.ndarray | Sequence[tuple[float, float]]
Numbers = np.ndarray | Sequence[float]


def random_colour(rng: np.random.Generator) -> Colour:
    """Return a colour: red, green and blue in 0 to 255, no hue preferred."""
    hue, saturation = rng.uniform(0, 6), rng.beta(1.4, 2.4)
    value = 255 * rng.beta(2.6, 1.4)
    pure = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    red, green, blue = value * (1 - saturation * (1 - pure))
    return float(red), float(green), float(blue)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour `share` (0 to 1) of the way from `first` to `second`."""
    red, green, blue = (
        a + share * (b - a) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue


def shaded(colour: Colour, factor: float) -> Colour:
    """Return the colour darkened (factor below 1) or lit (above 1)."""
    red, green, blue = (min(255.0, factor * part) for part in colour)
    return red, green, blue


def corners(x: Numbers, y: Numbers) -> np.ndarray:
    """Return points from all their x and all their y: `(points, 2)`."""
    return np.stack([x, y], axis=1)


def smooth(polygon: Points) -> np.ndarray:
    """Round a closed polygon by cutting its corners three times.

    Args:
        polygon: float `(corners, 2)`.

    Returns:
        Float `(8 * corners, 2)`, close to the quadratic B-spline of the
        corners (Chaikin, "An algorithm for high-speed curve generation",
        1974).
    """
    points = np.asarray(polygon, float)
    for _ in range(3):
        following = np.roll(points, -1, axis=0)
        near, far = 3 * points + following, points + 3 * following
        points = np.stack([near, far], axis=1).reshape(-1, 2) / 4
    return points


def polar(radius: Callable[[np.ndarray], np.ndarray], steps: int) -> np.ndarray:
    """Return the closed curve `radius(angle)`, as float `(steps, 2)`."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    directions = np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    return radius(angle)[:, None] * directions


CIRCLE = polar(np.ones_like, 36)


def ellipse(
    x: float, y: float, width: float, height: float, angle: float = 0
) -> np.ndarray:
    """Return an ellipse as a polygon.

    Args:
        x: centre, rightwards.
        y: centre, downwards.
        width: half of the width.
        height: half of the height.
        angle: turn in degrees, clockwise.

    Returns:
        Float `(36, 2)`.
    """
    return CIRCLE * (width, height) @ rotation(angle).T + (x, y)


def rotation(degrees: float) -> np.ndarray:
    """Returns the float64 matrix (2, 2) that turns points by an angle."""
    angle = np.deg2rad(degrees)
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


@dataclass(frozen=True)
class Brush:
    """Draws on a canvas, in coordinates that may be moved, turned and scaled.

    Args:
        image: uint8 `(height, width, 3)`, drawn on in place.
        mask: uint8 `(height, width)`, drawn on in place: 255 where what is on
            top in `image` was drawn with `tells=True`.
        linear: float `(2, 2)`, from own coordinates to pixels.
        origin: float `(2,)`, the pixel of the own coordinates' zero.
        outline: width of the line around what is filled, in pixels; below
            half a pixel there is none.
    """

    image: np.ndarray
    mask: np.ndarray
    linear: np.ndarray
    origin: np.ndarray
    outline: float = 0.0

    @classmethod
    def on_blank(cls, size: int) -> Brush:
        """Return a brush for a black canvas of a picture of `size` pixels."""
        pixels = SUPERSAMPLING * size
        return cls(
            image=np.zeros((pixels, pixels, 3), np.uint8),
            mask=np.zeros((pixels, pixels), np.uint8),
            linear=np.eye(2) * pixels / 2,
            origin=np.full(2, pixels / 2),
        )

    def moved(
        self,
        x: float,
        y: float,
        scale: float | Numbers = 1.0,
        angle: float = 0.0,
    ) -> Brush:
        """Return a brush whose coordinates are moved, scaled and turned.

        Args:
            x: the new origin, in this brush's coordinates.
            y: the new origin, in this brush's coordinates.
            scale: one factor, or one for each axis; a negative one mirrors.
            angle: turn in degrees, clockwise.
        """
        return replace(
            self,
            linear=self.linear @ rotation(angle) * np.asarray(scale),
            origin=self.linear @ (x, y) + self.origin,
        )

    def outlined(self, width: float) -> Brush:
        """Return a brush that outlines with `width`, in own coordinates."""
        return replace(self, outline=width * self.pixels_per_unit)

    @property
    def pixels_per_unit(self) -> float:
        """How many pixels of the canvas one own unit is, on average."""
        return float(np.sqrt(abs(np.linalg.det(self.linear))))

    def fill(self, points: Points, colour: Colour, tells: bool = False) -> None:
        """Fill a closed polygon, with an outline in a darker shade.

        Args:
            points: float `(points, 2)`.
            colour: red, green, blue in 0 to 255.
            tells: whether this part tells the classes apart.
        """
        pixels, mark = self._pixels(points), 255 if tells else 0
        cv2.fillPoly(self.image, pixels, colour, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.mask, pixels, mark, cv2.LINE_AA, _SHIFT)
        if self.outline >= 0.5:
            self._stroke(pixels, shaded(colour, 0.4), self.outline, mark)

    def line(
        self,
        points: Points,
        colour: Colour,
        width: float,
        tells: bool = False,
    ) -> None:
        """Draw an open line of `width` in own units; see `fill`."""
        width *= self.pixels_per_unit
        mark = 255 if tells else 0
        self._stroke(self._pixels(points), colour, width, mark, closed=False)

    def fill_inside(
        self, border: Points, shapes: Sequence[Points], colour: Colour
    ) -> None:
        """Fill polygons, but only where they lie inside another one.

        Args:
            border: float `(points, 2)`, nothing is painted outside it.
            shapes: what to fill; each float `(points, 2)`.
            colour: red, green, blue in 0 to 255.
        """
        if not shapes:
            return
        stencil, layer = np.zeros_like(self.mask), self.image.copy()
        cv2.fillPoly(stencil, self._pixels(border), 255, cv2.LINE_8, _SHIFT)
        for shape in shapes:
            pixels = self._pixels(shape)
            cv2.fillPoly(layer, pixels, colour, cv2.LINE_AA, _SHIFT)
        cv2.copyTo(layer, stencil, self.image)

    def _stroke(
        self,
        pixels: list[np.ndarray],
        colour: Colour,
        width: float,
        mark: int,
        closed: bool = True,
    ) -> None:
        thickness = max(1, round(width))
        for target, paint in ((self.image, colour), (self.mask, mark)):
            cv2.polylines(
                target, pixels, closed, paint, thickness, cv2.LINE_AA, _SHIFT
            )

    def _pixels(self, points: Points) -> list[np.ndarray]:
        pixels = np.asarray(points, float) @ self.linear.T + self.origin
        # Pixel centres are at whole numbers for OpenCV.
        fixed_point = np.round((pixels - 0.5) * (1 << _SHIFT))
        return [fixed_point.astype(np.int32)]


def ramp(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a slope from 0 to 1 in any direction, float32 `(size, size)`."""
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    x, y = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    slope = x * axis[None, :] + y * axis[:, None]
    return np.float32(0.5) + slope / (np.abs(x) + np.abs(y))


def develop(
    brush: Brush, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Turn a canvas into a picture: lighting, blur and pixel noise.

    Returns:
        The image, uint8 `(size, size, 3)`, and the mask, bool `(size, size)`,
        True where at least a quarter of the pixel tells the classes apart (a
        whisker is thinner than a pixel), and at the pixel that tells most
        where none reaches a quarter.
    """
    size = len(brush.image) // SUPERSAMPLING
    image = cv2.resize(brush.image, (size, size), interpolation=cv2.INTER_AREA)
    dark, light = np.sort(rng.uniform(0.8, 1.15, 2))
    lighting = np.float32(dark) + ramp(rng, size) * np.float32(light - dark)
    tint = np.float32(rng.uniform(0.9, 1.08, 3))
    sharpness = rng.uniform(0, 0.008) * size
    if sharpness > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sharpness)
    noise = rng.standard_normal(image.shape, np.float32)
    noise *= rng.uniform(0, 9)
    noise += image * (lighting[..., None] * tint)
    covered = cv2.resize(brush.mask, (size, size), interpolation=cv2.INTER_AREA)
    return (
        np.clip(noise, 0, 255).astype(np.uint8),
        covered >= min(64, covered.max()),
    )
