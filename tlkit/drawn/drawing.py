"""Shapes and lines on a canvas, for images drawn from a seed.

Everything is drawn on a canvas of `SUPERSAMPLING` times the wanted size. The
coordinates do not depend on the size: the image reaches from -1 to 1 in x
(rightwards) and in y (downwards).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

# Reducing the canvas at the end averages over 2 x 2 pixels, which smooths edges
# and lets lines be thinner than a pixel.
SUPERSAMPLING = 2

# OpenCV draws with fixed point coordinates; this many bits are the fraction.
_SHIFT = 4

Colour = tuple[float, float, float]
Points = np.ndarray | Sequence[tuple[float, float]]
Numbers = np.ndarray | Sequence[float]


def random_colour(rng: np.random.Generator) -> Colour:
    """Returns a random colour, all hues being equally likely.

    Args:
        rng: Source of randomness.

    Returns:
        Red, green and blue, each 0 to 255.
    """
    hue, saturation = rng.uniform(0, 6), rng.beta(1.4, 2.4)
    value = 255 * rng.beta(2.6, 1.4)
    pure = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    red, green, blue = value * (1 - saturation * (1 - pure))
    return float(red), float(green), float(blue)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Mixes two colours.

    Args:
        first: The colour for a share of 0.
        second: The colour for a share of 1.
        share: Share of the second colour, 0 to 1.
    """
    red, green, blue = (
        a + share * (b - a) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue


def shaded(colour: Colour, factor: float) -> Colour:
    """Makes a colour darker or lighter.

    Args:
        colour: Red, green and blue, each 0 to 255.
        factor: Factor of all three; below 1 is darker, above 1 lighter.
    """
    red, green, blue = (min(255.0, factor * part) for part in colour)
    return red, green, blue


def corners(x: Numbers, y: Numbers) -> np.ndarray:
    """Makes points `(points, 2)` from all their x and all their y."""
    return np.stack([x, y], axis=1)


def smooth(polygon: Points) -> np.ndarray:
    """Rounds a closed polygon by cutting its corners three times.

    Args:
        polygon: Corners of shape `(corners, 2)`.

    Returns:
        Points of shape `(8 * corners, 2)`, close to the quadratic B-spline
        of the corners (Chaikin, "An algorithm for high-speed curve
        generation", 1974).
    """
    points = np.asarray(polygon, float)
    for _ in range(3):
        following = np.roll(points, -1, axis=0)
        near, far = 3 * points + following, points + 3 * following
        points = np.stack([near, far], axis=1).reshape(-1, 2) / 4
    return points


def polar(radius: Callable[[np.ndarray], np.ndarray], steps: int) -> np.ndarray:
    """Returns the closed curve with a radius that depends on the angle.

    Args:
        radius: Function from angles in radians, clockwise from the top, to
            radii.
        steps: Number of points.

    Returns:
        Points of shape `(steps, 2)`.
    """
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    directions = np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    return radius(angle)[:, None] * directions


CIRCLE = polar(np.ones_like, 36)


def ellipse(
    x: float, y: float, width: float, height: float, angle: float = 0
) -> np.ndarray:
    """Returns an ellipse as a polygon.

    Args:
        x: Position of the centre, rightwards.
        y: Position of the centre, downwards.
        width: Half of the ellipse's width.
        height: Half of the ellipse's height.
        angle: Rotation in degrees, clockwise.

    Returns:
        Points of shape `(36, 2)`.
    """
    return CIRCLE * (width, height) @ rotation(angle).T + (x, y)


def rotation(degrees: float) -> np.ndarray:
    """Returns the matrix that rotates points.

    Args:
        degrees: Angle in degrees, clockwise as y points downwards.

    Returns:
        Array of shape `(2, 2)`, float64.
    """
    angle = np.deg2rad(degrees)
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


@dataclass(frozen=True)
class Brush:
    """Draws on a canvas in coordinates of its own.

    The coordinates may be moved, rotated and scaled against those of the
    canvas.

    Args:
        image: Canvas of shape `(height, width, 3)`, uint8. It is drawn on in
            place.
        mask: Array of shape `(height, width)`, uint8, drawn on in place. It
            is 255 where the topmost shape in `image` was drawn with
            `tells=True`.
        linear: Matrix `(2, 2)` from the brush's coordinates to pixels.
        origin: The pixel `(2,)` at the origin of the brush's coordinates.
        outline: Width in pixels of the line around filled shapes. Below half
            a pixel there is no line.
    """

    image: np.ndarray
    mask: np.ndarray
    linear: np.ndarray
    origin: np.ndarray
    outline: float = 0.0

    @classmethod
    def on_blank(cls, size: int) -> Brush:
        """Returns a brush for a new black canvas.

        Args:
            size: Side in pixels of the image that is to be drawn.
        """
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
        """Returns a brush whose coordinates are moved, scaled and rotated.

        Args:
            x: Position of the new origin in this brush's coordinates,
                rightwards.
            y: Position of the new origin in this brush's coordinates,
                downwards.
            scale: One factor, or one for each axis. A negative one mirrors.
            angle: Rotation in degrees, clockwise.
        """
        return replace(
            self,
            linear=self.linear @ rotation(angle) * np.asarray(scale),
            origin=self.linear @ (x, y) + self.origin,
        )

    def outlined(self, width: float) -> Brush:
        """Returns a brush that draws outlines.

        Args:
            width: Width of the outline in the brush's coordinates; 0 for no
                outline.
        """
        return replace(self, outline=width * self.pixels_per_unit)

    @property
    def pixels_per_unit(self) -> float:
        """Pixels of the canvas for a unit of the brush, averaged over axes."""
        return float(np.sqrt(abs(np.linalg.det(self.linear))))

    def fill(self, points: Points, colour: Colour, tells: bool = False) -> None:
        """Fills a closed polygon and draws its outline in a darker shade.

        Args:
            points: Corners of shape `(points, 2)`.
            colour: Red, green and blue, each 0 to 255.
            tells: Whether this shape tells the classes apart.
        """
        # A shape that does not tell erases the mask below it, so the mask
        # shows only what can be seen.
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
        """Draws an open line.

        Args:
            points: Corners of shape `(points, 2)`.
            colour: Red, green and blue, each 0 to 255.
            width: Width of the line in the brush's coordinates.
            tells: Whether this line tells the classes apart.
        """
        width *= self.pixels_per_unit
        mark = 255 if tells else 0
        self._stroke(self._pixels(points), colour, width, mark, closed=False)

    def fill_inside(
        self, border: Points, shapes: Sequence[Points], colour: Colour
    ) -> None:
        """Fills polygons, but only where they lie inside another one.

        Args:
            border: Corners of shape `(points, 2)`. Nothing is painted
                outside this polygon.
            shapes: The polygons to fill, each of shape `(points, 2)`.
            colour: Red, green and blue, each 0 to 255.
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
        # OpenCV has the centres of pixels at whole numbers, and not their
        # corners.
        fixed_point = np.round((pixels - 0.5) * (1 << _SHIFT))
        return [fixed_point.astype(np.int32)]


def ramp(rng: np.random.Generator, size: int) -> np.ndarray:
    """Returns a slope from 0 to 1 in a random direction.

    Args:
        rng: Source of randomness.
        size: Height and width in pixels.

    Returns:
        Array of shape `(size, size)`, float32.
    """
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    x, y = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    slope = x * axis[None, :] + y * axis[:, None]
    return np.float32(0.5) + slope / (np.abs(x) + np.abs(y))


def develop(
    brush: Brush, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Turns a canvas into an image, with lighting, blur and pixel noise.

    Args:
        brush: A brush of the canvas.
        rng: Source of randomness.

    Returns:
        The image of shape `(size, size, 3)`, uint8, and the mask of shape
        `(size, size)`, bool. The mask is True where at least a quarter of
        the pixel tells the classes apart (a whisker is thinner than a
        pixel). If no pixel reaches a quarter, it is True where the share is
        largest.
    """
    size = len(brush.image) // SUPERSAMPLING
    image = cv2.resize(brush.image, (size, size), interpolation=cv2.INTER_AREA)
    dark, light = np.sort(rng.uniform(0.8, 1.15, 2))
    lighting = np.float32(dark) + ramp(rng, size) * np.float32(light - dark)
    tint = np.float32(rng.uniform(0.9, 1.08, 3))
    # A smaller blur would hardly change a pixel.
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
