"""Nested contours whose radius varies with the angle, differently by class.

These are the radial contours of Kataoka et al., "Replacing labeled real-image
datasets with auto-generated contours" (CVPR 2022). What matters according to
the paper is the number of corners, the number of rings and the roughness.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from tlkit.drawn.drawing import Brush, random_colour


class _Contour(NamedTuple):
    corners: int
    rings: int
    shrink: float
    roughness: float
    waves: tuple[int, int]
    depths: tuple[float, float]
    width: float
    squeeze: float
    filled: bool


@cache
def _contour(number: int) -> _Contour:
    # A class is its own seed. The first number differs in every module, so
    # that no two families draw from the same stream.
    rng = np.random.default_rng((4, number))
    return _Contour(
        corners=int(rng.choice((3, 4, 5, 6, 8, 12, 24, 60))),
        rings=int(rng.integers(1, 14)),
        shrink=float(rng.uniform(0.72, 0.95)),
        roughness=float(rng.choice((0, 0, 0.05, 0.12, 0.2))),
        waves=(int(rng.integers(2, 9)), int(rng.integers(9, 20))),
        depths=(float(rng.uniform(0, 0.3)), float(rng.uniform(0, 0.12))),
        width=float(rng.choice((0.012, 0.03, 0.06))),
        squeeze=float(rng.uniform(0.5, 1)),
        filled=bool(rng.random() < 0.35),
    )


def draw_contour(canvas: Brush, rng: np.random.Generator, number: int) -> None:
    """Draws nested contours somewhere on the canvas.

    Args:
        canvas: The canvas to draw on.
        rng: Source of randomness for pose, place, colours and roughness.
        number: Number of the class, 0 or more.
    """
    kind = _contour(number)
    scale = rng.uniform(0.35, 0.95)
    x, y = rng.uniform(-1, 1, 2) * (1.05 - scale)
    stretch = (scale, scale * kind.squeeze)
    brush = canvas.moved(x, y, stretch, rng.uniform(0, 360))
    points = _ring(kind, rng)
    first, second = random_colour(rng), random_colour(rng)
    for ring in range(kind.rings):
        colour = (first, second)[ring % 2]
        if kind.filled:
            brush.fill(points, colour)
        else:
            closed = np.concatenate([points, points[:1]])
            brush.line(closed, colour, kind.width)
        points = points * kind.shrink


def _ring(kind: _Contour, rng: np.random.Generator) -> np.ndarray:
    # With few corners the contour is a polygon; with many it is a curve, which
    # needs more points than corners.
    steps = kind.corners if kind.corners < 12 else 8 * kind.corners
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    radius = 0.8 + sum(
        depth * np.cos(wave * angle)
        for wave, depth in zip(kind.waves, kind.depths, strict=True)
    )
    radius = radius + rng.normal(0, 1, steps) * kind.roughness
    return radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
