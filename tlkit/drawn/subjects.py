"""The subjects of drawn images: textures, shapes, figures and backdrops."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from tlkit.drawn.drawing import (
    CIRCLE,
    Brush,
    Points,
    corners,
    ellipse,
    polar,
    ramp,
    random_colour,
    rotation,
    smooth,
)

# --- textures: a value of about 0 to 1 at every (u, v), in periods ---


def _triangle_wave(x: np.ndarray) -> np.ndarray:
    return np.abs((x % 1) - 0.5) * 2


def _wave(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.sin(2 * np.pi * x)


def _noise(
    rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[int, int]
) -> np.ndarray:
    """Returns random values on a coarse grid, enlarged smoothly."""
    side = int(rng.integers(*cells))
    grid = rng.random((side, side), np.float32)
    return cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)


Field = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]


def _dots(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return 1.2 - 2 * np.hypot(u % 1 - 0.5, v % 1 - 0.5)


def _bricks(
    rng: np.random.Generator, u: np.ndarray, v: np.ndarray
) -> np.ndarray:
    shifted = u / 2 + 0.5 * (np.floor(v) % 2)
    return 4 * np.minimum(2 * _triangle_wave(shifted), _triangle_wave(v)) - 0.5


def _scales(
    rng: np.random.Generator, u: np.ndarray, v: np.ndarray
) -> np.ndarray:
    row = np.floor(v)
    across = (u + 0.5 * (row % 2)) % 1 - 0.5
    return np.hypot(across, (v - row) / 1.8)


TEXTURES: dict[str, Field] = {
    "stripes": lambda rng, u, v: _wave(u),
    "checker": lambda rng, u, v: 0.5 + 2 * (_wave(u) - 0.5) * (_wave(v) - 0.5),
    "polka dots": _dots,
    "waves": lambda rng, u, v: _wave(u + 0.4 * np.sin(2 * v)),
    "zigzag": lambda rng, u, v: _wave(u + _triangle_wave(v / 2)),
    "ripples": lambda rng, u, v: _wave(np.hypot(u, v)),
    "sunburst": lambda rng, u, v: _wave(
        rng.integers(5, 12) * np.arctan2(v, u) / 2 / np.pi
    ),
    "bricks": _bricks,
    "lattice": lambda rng, u, v: (
        1.2 - 2 * np.minimum(_triangle_wave(u), _triangle_wave(v))
    ),
    "scales": _scales,
    "wood": lambda rng, u, v: _wave(u / 2 + 3 * _noise(rng, u.shape, (4, 5))),
    "clouds": lambda rng, u, v: _noise(rng, u.shape, (4, 7)),
    "pebbles": lambda rng, u, v: 2 * _noise(rng, u.shape, (11, 16)) - 0.5,
    "sand": lambda rng, u, v: _noise(rng, u.shape, (44, 64)),
}


def _two_coloured(rng: np.random.Generator, value: np.ndarray) -> np.ndarray:
    pair = [random_colour(rng), random_colour(rng)]
    first, second = np.array(pair, np.float32)
    return (first + value[..., None] * (second - first)).astype(np.uint8)


def texture(rng: np.random.Generator, name: str, size: int) -> np.ndarray:
    """Returns a texture in two random colours.

    Args:
        rng: Source of randomness.
        name: A name in `TEXTURES`.
        size: Height and width in pixels.

    Returns:
        Array of shape `(size, size, 3)`, uint8.
    """
    axis = np.linspace(-1, 1, size, dtype=np.float32) * rng.uniform(2, 5)
    turn = rotation(rng.uniform(0, 180)).astype(np.float32)
    centre = rng.uniform(-1, 1, 2).astype(np.float32)
    x, y = axis[None, :] + centre[0], axis[:, None] + centre[1]
    u, v = (row[0] * x + row[1] * y for row in turn)
    value = TEXTURES[name](rng, u, v).astype(np.float32)
    # A random contrast, from soft waves to nearly black and white.
    value = np.clip(rng.uniform(1, 4) * (value - 0.5) + 0.5, 0, 1)
    return _two_coloured(rng, value)


# --- shapes: one closed polygon, about one unit in radius ---


def _polygon(sides: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: polar(np.ones_like, sides)


def _star(rng: np.random.Generator) -> np.ndarray:
    inner = rng.uniform(0.35, 0.6)
    points = polar(np.ones_like, 2 * int(rng.integers(5, 8)))
    points[1::2] *= inner
    return points


def _heart(rng: np.random.Generator) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 40)
    x = 16 * np.sin(t) ** 3
    y = -13 * np.cos(t) + 5 * np.cos(2 * t) + 2 * np.cos(3 * t) + np.cos(4 * t)
    return np.stack([x, y], axis=1) / 16


def _crescent(rng: np.random.Generator) -> np.ndarray:
    t = np.linspace(0.4, 2 * np.pi - 0.4, 32)
    outer = np.stack([np.cos(t), np.sin(t)], axis=1)
    hollow = rng.uniform(0.5, 0.75)
    inner = outer[::-1] * (hollow, 0.8) + (0.35, 0)
    return np.concatenate([outer, inner])


def _ring(rng: np.random.Generator) -> np.ndarray:
    # One polygon that goes round outside and back round inside: the fill
    # leaves the hole free.
    circle = np.concatenate([CIRCLE, CIRCLE[:1]])
    return np.concatenate([circle, circle[::-1] * rng.uniform(0.4, 0.7)])


def _spiral(rng: np.random.Generator) -> np.ndarray:
    t = np.linspace(0, rng.uniform(4, 6) * np.pi, 80)
    arm = np.stack([np.cos(t), np.sin(t)], axis=1) * t[:, None] / t[-1]
    return np.concatenate([arm, arm[::-1] * 0.85])


def _cross(rng: np.random.Generator) -> np.ndarray:
    a = rng.uniform(0.2, 0.4)
    quarter = np.array([(a, -a), (a, -1), (-a, -1)])
    return np.concatenate([quarter @ rotation(-90 * k).T for k in range(4)])


def _arrow(rng: np.random.Generator) -> np.ndarray:
    a, neck = rng.uniform(0.15, 0.3), rng.uniform(-0.3, 0.1)
    right = [(0, -1), (0.8, neck), (a, neck), (a, 1)]
    return np.array(right + [(-x, y) for x, y in right[:0:-1]])


def _bolt(rng: np.random.Generator) -> np.ndarray:
    k = rng.uniform(0.3, 0.6)
    return np.array(
        [(0.2, -1), (-k, 0.1), (0, 0.1), (-0.2, 1), (k, -0.2), (0.05, -0.2)]
    )


def _gear(rng: np.random.Generator) -> np.ndarray:
    teeth, depth = rng.integers(7, 12), rng.uniform(0.2, 0.35)
    return polar(lambda t: 1 - depth * (np.sin(teeth * t) > 0), 96)


def _flower(rng: np.random.Generator) -> np.ndarray:
    petals, depth = rng.integers(4, 8), rng.uniform(0.2, 0.4)
    return polar(lambda t: 1 - depth * (1 + np.cos(petals * t)), 72)


def _drop(rng: np.random.Generator) -> np.ndarray:
    return smooth([(0, -1.6), (0.1, -0.9), (0.9, 0.5), (0, 1.4), (-0.9, 0.5)])


SHAPES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "disc": _polygon(36),
    "triangle": _polygon(3),
    "square": _polygon(4),
    "hexagon": _polygon(6),
    "star": _star,
    "heart": _heart,
    "crescent": _crescent,
    "ring": _ring,
    "spiral": _spiral,
    "cross": _cross,
    "arrow": _arrow,
    "bolt": _bolt,
    "gear": _gear,
    "flower": _flower,
    "drop": _drop,
}


# --- figures: parts from back to front, about one unit in radius ---

Part = tuple[int, Points]
_MAIN, _SECOND, _DARK, _LIGHT = range(4)


def _limb(x: float, y: float, to_x: float, to_y: float) -> np.ndarray:
    """Returns a bar of constant width from one point to another."""
    along = np.array([to_x - x, to_y - y])
    across = 0.05 * along[::-1] * (-1, 1) / np.hypot(*along)
    start, end = np.array([x, y]), np.array([to_x, to_y])
    return np.array(
        [start - across, end - across, end + across, start + across]
    )


def _both(colour: int, points: Points) -> list[Part]:
    """Returns a part and its mirror image."""
    return [(colour, np.asarray(points) * (side, 1)) for side in (1, -1)]


def _eye(x: float, y: float, size: float = 0.14) -> list[Part]:
    pupil = ellipse(x, y, size / 2, size / 2)
    return [(_LIGHT, ellipse(x, y, size, size)), (_DARK, pupil)]


# Not formatted, so that each line holds one part, however many corners it has.
# fmt: off
FIGURES: dict[str, list[Part]] = {
    "house": [
        (_MAIN, [(-0.7, -0.1), (0.7, -0.1), (0.7, 1), (-0.7, 1)]),
        (_SECOND, [(-0.95, -0.1), (0, -0.95), (0.95, -0.1)]),
        (_DARK, [(-0.15, 0.4), (0.2, 0.4), (0.2, 1), (-0.15, 1)]),
        (_LIGHT, [(0.35, 0.15), (0.6, 0.15), (0.6, 0.4), (0.35, 0.4)]),
    ],
    "tree": [
        (_SECOND, [(-0.14, 0.2), (0.14, 0.2), (0.2, 1.1), (-0.2, 1.1)]),
        *_both(_MAIN, ellipse(0.4, 0, 0.45, 0.4)),
        (_MAIN, ellipse(0, -0.5, 0.6, 0.55)),
    ],
    "boat": [
        (_DARK, _limb(0, -1, 0, 0.5)),
        (_LIGHT, [(0.1, -0.95), (0.85, 0.25), (0.1, 0.25)]),
        (_SECOND, [(-0.1, -0.8), (-0.7, 0.25), (-0.1, 0.25)]),
        (_MAIN, [(-1, 0.4), (1, 0.4), (0.6, 0.9), (-0.6, 0.9)]),
    ],
    "cup": [
        (_MAIN, ellipse(0.7, 0.05, 0.4, 0.42)),
        (_LIGHT, ellipse(0.7, 0.05, 0.22, 0.25)),
        (_MAIN, [(-0.75, -0.6), (0.7, -0.6), (0.5, 0.75), (-0.55, 0.75)]),
        (_SECOND, ellipse(-0.02, -0.6, 0.72, 0.16)),
    ],
    "mushroom": [
        (_LIGHT, [(-0.2, 0), (0.2, 0), (0.3, 1), (-0.3, 1)]),
        (_MAIN, smooth([(-1, 0.2), (-0.9, -0.9), (0.9, -0.9), (1, 0.2)])),
        (_SECOND, ellipse(-0.4, -0.3, 0.16, 0.14)),
        (_SECOND, ellipse(0.15, -0.5, 0.15, 0.13)),
        (_SECOND, ellipse(0.5, -0.15, 0.14, 0.12)),
    ],
    "balloon": [
        (_DARK, _limb(0, 0.4, 0.1, 1.4)),
        (_MAIN, [(-0.12, 0.6), (0, 0.4), (0.12, 0.6)]),
        (_MAIN, ellipse(0, -0.3, 0.65, 0.8)),
        (_LIGHT, ellipse(-0.25, -0.6, 0.12, 0.2, 25)),
    ],
    "rocket": [
        (_LIGHT, [(-0.2, 0.7), (0.2, 0.7), (0, 1.3)]),
        *_both(_SECOND, [(0.25, 0.2), (0.7, 0.9), (0.25, 0.75)]),
        (_MAIN, smooth([(0, -1.5), (0.5, -0.3), (0.3, 0.9), (-0.3, 0.9),
                        (-0.5, -0.3)])),
        (_LIGHT, ellipse(0, -0.2, 0.18, 0.18)),
    ],
    "snowman": [
        (_LIGHT, ellipse(0, 0.6, 0.6, 0.55)),
        (_LIGHT, ellipse(0, -0.3, 0.42, 0.42)),
        (_DARK, [(-0.3, -0.6), (-0.25, -1.1), (0.25, -1.1), (0.3, -0.6)]),
        *_both(_DARK, ellipse(0.14, -0.4, 0.05, 0.05)),
        (_MAIN, [(0, -0.3), (0.5, -0.2), (0, -0.18)]),
        (_DARK, ellipse(0, 0.3, 0.06, 0.06)),
        (_DARK, ellipse(0, 0.6, 0.06, 0.06)),
    ],
    "fish": [
        (_SECOND, [(0.5, 0), (1.1, -0.5), (0.95, 0), (1.1, 0.5)]),
        (_SECOND, [(-0.2, -0.3), (0.3, -0.75), (0.4, -0.2)]),
        (_MAIN, ellipse(-0.1, 0, 0.8, 0.45)),
        (_SECOND, [(0, 0.05), (0.35, 0.25), (0.05, 0.3)]),
        *_eye(-0.55, -0.1, 0.13),
    ],
    "bird": [
        (_SECOND, [(0.5, 0), (1.2, -0.3), (1.1, 0.2)]),
        (_DARK, _limb(0, 0.4, 0, 0.95)), (_DARK, _limb(0.2, 0.4, 0.2, 0.95)),
        (_MAIN, ellipse(0.1, 0.1, 0.65, 0.42, -12)),
        (_MAIN, ellipse(-0.45, -0.35, 0.33, 0.33)),
        (_LIGHT, [(-0.72, -0.45), (-1.15, -0.3), (-0.72, -0.22)]),
        (_SECOND, ellipse(0.2, 0.05, 0.4, 0.2, 20)),
        *_eye(-0.52, -0.42, 0.1),
    ],
    "snail": [
        (_MAIN, _limb(-0.85, 0.3, -1.05, -0.25)),
        (_MAIN, _limb(-0.6, 0.3, -0.6, -0.25)),
        (_MAIN, smooth([(-1.1, 0.1), (-0.4, 0.2), (1.2, 0.75), (1.2, 0.9),
                        (-0.9, 0.9)])),
        (_SECOND, ellipse(0.2, 0, 0.65, 0.65)),
        (_LIGHT, ellipse(0.2, 0.05, 0.45, 0.45)),
        (_SECOND, ellipse(0.2, 0.08, 0.27, 0.27)),
        (_DARK, ellipse(0.2, 0.08, 0.1, 0.1)),
    ],
    "butterfly": [
        *_both(_MAIN, ellipse(0.5, -0.4, 0.55, 0.4, -40)),
        *_both(_SECOND, ellipse(0.4, 0.4, 0.4, 0.3, 40)),
        *_both(_LIGHT, ellipse(0.55, -0.45, 0.18, 0.18)),
        *_both(_DARK, _limb(0.03, -0.5, 0.3, -1)),
        (_DARK, ellipse(0, 0, 0.1, 0.7)),
    ],
    "snake": [
        *((_MAIN, ellipse(0.22 * k - 0.7, 0.1 * (-1) ** k, 0.22, 0.22))
          for k in range(9)),
        *((_SECOND, ellipse(0.22 * k - 0.7, 0.1 * (-1) ** k, 0.22, 0.1))
          for k in range(9)),
        (_DARK, _limb(-0.9, 0, -1.35, 0.05)),
        (_MAIN, ellipse(-0.85, 0, 0.32, 0.24)),
        *_eye(-0.92, -0.08, 0.09),
    ],
    "spider": [
        *_both(_DARK, _limb(0.2, -0.1, 0.9, -0.8)),
        *_both(_DARK, _limb(0.2, 0, 1.05, -0.3)),
        *_both(_DARK, _limb(0.2, 0.1, 1.05, 0.4)),
        *_both(_DARK, _limb(0.2, 0.2, 0.8, 0.9)),
        (_MAIN, ellipse(0, 0.25, 0.42, 0.5)),
        (_SECOND, ellipse(0, -0.3, 0.28, 0.26)),
        *_both(_LIGHT, ellipse(0.1, -0.38, 0.07, 0.07)),
    ],
    "owl": [
        *_both(_SECOND, ellipse(0.6, 0.3, 0.2, 0.55, -12)),
        (_MAIN, smooth([(-0.7, -1), (0.7, -1), (0.8, 1), (-0.8, 1)])),
        (_LIGHT, ellipse(0, 0.4, 0.38, 0.45)),
        *_both(_LIGHT, ellipse(0.27, -0.35, 0.27, 0.27)),
        *_both(_DARK, ellipse(0.25, -0.35, 0.13, 0.13)),
        (_SECOND, [(-0.1, -0.25), (0.1, -0.25), (0, 0)]),
    ],
    "turtle": [
        *_both(_SECOND, ellipse(0.65, -0.55, 0.3, 0.16, -40)),
        *_both(_SECOND, ellipse(0.6, 0.65, 0.28, 0.15, 40)),
        (_SECOND, ellipse(0, -0.95, 0.22, 0.3)),
        (_SECOND, _limb(0, 0.8, 0, 1.15)),
        (_MAIN, ellipse(0, 0, 0.7, 0.85)),
        (_LIGHT, polar(np.ones_like, 6) * 0.32),
        *_both(_LIGHT, ellipse(0.42, 0.35, 0.12, 0.16)),
        *_both(_LIGHT, ellipse(0.42, -0.35, 0.12, 0.16)),
    ],
    "jellyfish": [
        *_both(_SECOND, _limb(0.55, 0, 0.65, 1)),
        *_both(_SECOND, _limb(0.25, 0, 0.2, 1.2)),
        (_SECOND, _limb(0, 0, 0, 0.9)),
        (_MAIN, smooth([(-1, 0.3), (-0.8, -1), (0.8, -1), (1, 0.3)])),
        *_both(_LIGHT, ellipse(0.3, -0.35, 0.12, 0.18)),
    ],
    "bee": [
        (_LIGHT, ellipse(-0.05, -0.55, 0.22, 0.45, -25)),
        (_LIGHT, ellipse(0.3, -0.5, 0.2, 0.42, 20)),
        (_DARK, [(0.7, -0.1), (1.1, 0.05), (0.7, 0.2)]),
        (_MAIN, ellipse(0.05, 0.05, 0.8, 0.45)),
        (_DARK, ellipse(0, 0.05, 0.09, 0.42)),
        (_DARK, ellipse(0.35, 0.05, 0.09, 0.38)),
        (_SECOND, ellipse(-0.65, 0, 0.32, 0.32)),
        *_eye(-0.72, -0.08, 0.1),
    ],
    "crab": [
        *_both(_SECOND, _limb(0.5, 0.2, 1.05, 0.75)),
        *_both(_SECOND, _limb(0.4, 0.3, 0.8, 0.95)),
        *_both(_MAIN, _limb(0.5, -0.1, 0.9, -0.5)),
        *_both(_MAIN, [(0.7, -0.4), (0.65, -0.95), (0.9, -0.65), (1.15, -0.95),
                       (1.1, -0.4)]),
        *_both(_DARK, _limb(0.2, -0.2, 0.22, -0.5)),
        (_MAIN, ellipse(0, 0.15, 0.72, 0.45)),
        *_both(_LIGHT, ellipse(0.22, -0.5, 0.12, 0.12)),
        *_both(_DARK, ellipse(0.22, -0.5, 0.06, 0.06)),
    ],
    "octopus": [
        *_both(_MAIN, ellipse(0.7, 0.5, 0.5, 0.13, 35)),
        *_both(_MAIN, ellipse(0.5, 0.75, 0.45, 0.13, 60)),
        *_both(_MAIN, ellipse(0.18, 0.8, 0.42, 0.12, 85)),
        (_MAIN, ellipse(0, -0.25, 0.6, 0.75)),
        *_both(_SECOND, ellipse(0.35, 0.3, 0.08, 0.08)),
        *_eye(-0.22, -0.1), *_eye(0.22, -0.1),
    ],
    "frog": [
        *_both(_SECOND, ellipse(0.75, 0.7, 0.35, 0.14)),
        *_both(_MAIN, ellipse(0.65, 0.35, 0.3, 0.45, 20)),
        (_MAIN, ellipse(0, 0.25, 0.65, 0.65)),
        *_both(_MAIN, ellipse(0.35, -0.45, 0.25, 0.25)),
        (_SECOND, ellipse(0, 0.45, 0.45, 0.4)),
        *_eye(-0.35, -0.48),
        *_eye(0.35, -0.48),
        (_DARK, [(-0.4, 0), (0, 0.08), (0.4, 0), (0, 0.14)]),
    ],
    "penguin": [
        *_both(_SECOND, ellipse(0.25, 1, 0.25, 0.1)),
        *_both(_DARK, ellipse(0.55, 0.2, 0.14, 0.5, -20)),
        (_DARK, ellipse(0, 0.15, 0.55, 0.85)),
        (_DARK, ellipse(0, -0.6, 0.36, 0.38)),
        (_LIGHT, ellipse(0, 0.35, 0.38, 0.6)),
        (_SECOND, [(-0.12, -0.52), (0.12, -0.52), (0, -0.3)]),
        *_both(_LIGHT, ellipse(0.14, -0.65, 0.08, 0.08)),
    ],
    "whale": [
        (_MAIN, [(0.6, 0.1), (1.2, -0.7), (0.85, -0.55), (0.65, -0.8)]),
        (_MAIN, smooth([(-1.1, -0.4), (0, -0.8), (1, 0), (0.9, 0.4),
                        (-0.7, 0.8), (-1.2, 0.4)])),
        (_LIGHT, smooth([(-1, 0.3), (0.6, 0.3), (-0.6, 0.75)])),
        (_SECOND, ellipse(0, 0.35, 0.3, 0.12, 30)), *_eye(-0.7, 0, 0.1),
        (_LIGHT, _limb(-0.3, -0.6, -0.45, -1.05)),
        (_LIGHT, _limb(-0.3, -0.6, -0.1, -1.05)),
    ],
}
# fmt: on


# --- backgrounds and clutter ---


def _plain(brush: Brush, rng: np.random.Generator) -> None:
    brush.image[:] = random_colour(rng)


def _faded(brush: Brush, rng: np.random.Generator) -> None:
    brush.image[:] = _two_coloured(rng, ramp(rng, len(brush.image)))


def _textured(brush: Brush, rng: np.random.Generator) -> None:
    name = list(TEXTURES)[rng.integers(len(TEXTURES))]
    brush.image[:] = texture(rng, name, len(brush.image))


def _meadow(brush: Brush, rng: np.random.Generator) -> None:
    _faded(brush, rng)
    sun, firs = random_colour(rng), random_colour(rng)
    radius = rng.uniform(0.1, 0.25)
    x, y = rng.uniform((-0.9, -0.9), (0.9, -0.1))
    brush.fill(ellipse(x, y, radius, radius), sun)
    for height in np.sort(rng.uniform(-0.4, 0.8, rng.integers(1, 4))):
        x = rng.uniform(-0.9, 0.9)
        for y in (height, height + 0.2):
            brush.fill(corners((x, x + 0.2, x - 0.2), (y - 0.7, y, y)), firs)
        crest = height + rng.uniform(-0.25, 0.25, 4)
        hill = corners((-2, -1.6, -0.5, 0.5, 1.6, 2), (3, *crest, 3))
        brush.fill(smooth(hill), random_colour(rng))


def _room(brush: Brush, rng: np.random.Generator) -> None:
    (_textured if rng.random() < 0.5 else _plain)(brush, rng)
    floor = rng.uniform(0.1, 0.8)
    brush.fill(
        corners((-2, 2, 2, -2), (floor, floor, 2, 2)), random_colour(rng)
    )
    frame = corners((-1, 1, 1, -1), (-1, -1, 1, 1))
    for _ in range(rng.integers(1, 4)):
        centre = rng.uniform((-0.9, -0.9), (0.9, 0.2))
        outer = frame * rng.uniform(0.15, 0.5, 2)
        brush.fill(centre + outer, random_colour(rng))
        brush.fill(centre + 0.75 * outer, random_colour(rng))


def paint_backdrop(brush: Brush, rng: np.random.Generator) -> None:
    """Covers the canvas with a backdrop.

    It is plain, fading, textured, a landscape or a room.

    Args:
        brush: The brush to draw with.
        rng: Source of randomness.
    """
    kinds = (_plain, _faded, _textured, _meadow, _room)
    kinds[rng.choice(5, p=(0.2, 0.2, 0.1, 0.25, 0.25))](brush, rng)


def scatter(
    brush: Brush,
    rng: np.random.Generator,
    up_to: int,
    keep_clear: tuple[float, float, float] | None = None,
) -> None:
    """Draws unrelated shapes here and there.

    Args:
        brush: The brush to draw with.
        rng: Source of randomness for shapes, places and colours.
        up_to: Largest number of shapes; all numbers from 0 on are equally
            likely.
        keep_clear: X, y and radius of a disc that no shape may touch.
    """
    names = [name for name in SHAPES if name != "spiral"]
    for _ in range(rng.integers(up_to + 1)):
        x, y = rng.uniform(-1.1, 1.1, 2)
        scale = rng.uniform(0.06, 0.3)
        shape = SHAPES[names[rng.integers(len(names))]](rng)
        colour, angle = random_colour(rng), rng.uniform(0, 360)
        if keep_clear is not None:
            # 1.5: some shapes reach beyond one unit, the drop for example.
            free = np.hypot(x - keep_clear[0], y - keep_clear[1])
            scale = min(scale, (free - keep_clear[2]) / 1.5)
        if scale > 0.04:
            brush.moved(x, y, scale, angle).fill(shape, colour)
