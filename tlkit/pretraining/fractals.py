"""Fractals of iterated function systems, one system for each class.

The fractals are those of Kataoka et al., "Pre-training without natural
images" (ACCV 2020), in colour. The contractions are sampled by their singular
values, as Anderson and Farrell propose in "Improving fractal pre-training"
(WACV 2022, section 3.1).
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from tlkit.drawn.drawing import Brush, random_colour, rotation

_WALKERS, _STEPS, _WARM_UP = 900, 36, 8
# If the points of a system cover a smaller share of the image than this,
# another system is drawn.
_LEAST_COVERED = 0.08

System = tuple[np.ndarray, np.ndarray, np.ndarray]


def draw_fractal(canvas: Brush, rng: np.random.Generator, number: int) -> None:
    """Draws the attractor of a system of contractions on the canvas.

    Args:
        canvas: The canvas to draw on.
        rng: Source of randomness for pose, colours and a small change of the
            system.
        number: Number of the class, 0 or more.
    """
    linear, shift, odds = _system(number)
    linear = linear * rng.uniform(0.93, 1.07, (len(linear), 1, 1))
    points = _attractor((linear, shift, odds), rng)
    turn = rotation(rng.uniform(0, 360)) * rng.uniform(0.5, 1.1)
    points = _normalised(points) @ turn.T + rng.uniform(-0.25, 0.25, 2)
    _print(canvas.image, points, rng)


@cache
def _system(number: int) -> System:
    rng = np.random.default_rng((3, number))
    while True:
        system = _random_system(rng)
        points = _normalised(_attractor(system, rng))
        if np.isfinite(points).all():
            cells = np.unique(np.floor(points * 16), axis=0)
            if len(cells) > _LEAST_COVERED * 32**2:
                return system


def _random_system(rng: np.random.Generator) -> System:
    """Draws maps x -> A x + b with A = R(theta) diag(s1, s2) R(phi) D.

    R are rotations, s1 and s2 the singular values, and D mirrors or not.
    """
    count = int(rng.integers(2, 7))
    # Anderson and Farrell: the sum of s1 + 2 s2 over all maps decides how
    # well the attractor fills the plane.
    wanted = rng.uniform((5 + count) / 2, (6 + count) / 2)
    values = np.sort(rng.uniform(0.2, 1, (count, 2)))[:, ::-1]
    values = np.clip(values * wanted / (values @ (1, 2)).sum(), 0.05, 0.95)
    flips = rng.choice((-1, 1), (count, 2))
    linear = np.stack(
        [
            rotation(first) * scale @ rotation(second) * flip
            for first, second, scale, flip in zip(
                *rng.uniform(0, 360, (2, count)), values, flips, strict=True
            )
        ]
    )
    # A map fills an area in proportion to its determinant, so it is chosen in
    # this proportion. The lower bound lets flat maps be chosen too.
    odds = np.maximum(np.abs(np.linalg.det(linear)), 0.01)
    return linear, rng.uniform(-1, 1, (count, 2)), odds / odds.sum()


def _attractor(system: System, rng: np.random.Generator) -> np.ndarray:
    """Returns points of the attractor, shape `(points, 2)`.

    This is the chaos game: walkers apply maps chosen at random, many walkers
    at once and each with its own choices. Their first steps are left out,
    because they may still be outside the attractor.
    """
    linear, shift, odds = system
    choices = rng.choice(len(odds), (_STEPS, _WALKERS), p=odds)
    points = np.zeros((_WALKERS, 2))
    visited = []
    for choice in choices:
        points = np.einsum("nij,nj->ni", linear[choice], points) + shift[choice]
        visited.append(points)
    return np.concatenate(visited[_WARM_UP:])


def _normalised(points: np.ndarray) -> np.ndarray:
    # Percentiles, so that a few far points do not make the rest small.
    low, high = np.percentile(points, (1, 99), axis=0)
    return 2 * (points - low) / np.maximum(high - low, 1e-6) - 1


def _print(
    image: np.ndarray, points: np.ndarray, rng: np.random.Generator
) -> None:
    side = len(image) // 2
    edges = np.linspace(-1, 1, side + 1)
    x, y = points.T
    counts, *_ = np.histogram2d(y, x, bins=[edges, edges])
    # The logarithm keeps thin parts visible beside dense ones.
    dense = cv2.GaussianBlur(np.log1p(counts).astype(np.float32), (0, 0), 0.6)
    dense = cv2.resize(dense, image.shape[:2][::-1])
    opacity = np.clip(dense * rng.uniform(1.2, 2.5), 0, 1)[..., None]
    colours = np.array([random_colour(rng) for _ in range(3)], np.float32)
    share = np.clip(dense / max(dense.max(), 1e-6), 0, 1)[..., None]
    inner = colours[0] + share * (colours[1] - colours[0])
    cover = inner * opacity + image * (1 - opacity)
    image[:] = np.clip(cover, 0, 255).astype(np.uint8)
