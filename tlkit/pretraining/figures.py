"""Figures: bodies with parts drawn at random, a figure for each class.

To tell a cat from a dog, a network has to look at parts: at their shapes and
at where they are. Therefore the classes come in families of `SIBLINGS`. All
classes of a family have the same body and some of the same parts, and differ
in the others. Colours, pose, size and place do not depend on the class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from tlkit.drawn.drawing import (
    CIRCLE,
    Brush,
    Colour,
    corners,
    mix,
    polar,
    random_colour,
    rotation,
    shaded,
    smooth,
)

SIBLINGS = 4

_COLOURS = 4
_TRIANGLE = corners((-0.7, 0, 0.7), (0, -2, 0))
_LEAF = smooth(corners((-0.2, -0.9, 0, 0.9, 0.2), (0.2, -1, -2.2, -1, 0.2)))
_LIMB = corners((-0.35, -0.3, 0.3, 0.35), (0, -2.6, -2.6, 0))
_BLOB = smooth(corners((-0.5, -1, 0, 1, 0.5), (0, -0.9, -1.6, -0.9, 0)))
_HOOK = smooth(
    corners((-0.3, -0.5, 0.6, 1.5, 0.7, 0.2), (0, -1.6, -2, -1, -1.3, 0))
)
_FLAP = smooth(corners((-0.4, 0.4, 1.3, 1.1, 0.4), (0, -0.6, 0.6, 1.6, 0.8)))
_FORK = corners(
    (-0.2, -0.9, -0.5, 0, 0.5, 0.9, 0.2), (0, -2.4, -2.4, -1.1, -2.4, -2.4, 0)
)
_STAR = polar(lambda angle: 1 + 0.45 * np.cos(5 * angle), 40)
_BAR = corners((-1.4, 1.4, 1.4, -1.4), (-0.3, -0.3, 0.3, 0.3))
_SQUARE = corners((-1, 1, 1, -1), (-1, -1, 1, 1))
_GROWN = (_TRIANGLE, _LEAF, _LIMB, _BLOB, _HOOK, _FLAP, _FORK)
_WORN = (CIRCLE, _STAR, _BAR, _SQUARE, CIRCLE * (1.5, 0.6), _TRIANGLE)


@dataclass(frozen=True)
class _Part:
    """A part that grows from the rim of a body or lies on its face.

    `angle` and `reach` say where it is, in degrees from the top and in shares
    of the body's radius. `twin` parts are on both sides, and `ringed` parts
    have a smaller copy inside.
    """

    outline: np.ndarray
    angle: float
    reach: float
    size: float
    lean: float
    colour: int
    twin: bool
    behind: bool
    ringed: bool


@dataclass(frozen=True)
class _Figure:
    body: np.ndarray
    parts: tuple[_Part, ...]


def draw_figure(canvas: Brush, rng: np.random.Generator, number: int) -> None:
    """Draws one figure somewhere on the canvas.

    Args:
        canvas: The canvas to draw on.
        rng: Source of randomness for pose, place and colours.
        number: Number of the class, 0 or more.
    """
    figure = _figure(number)
    scale = rng.uniform(0.28, 0.55)
    x, y = rng.uniform(-1, 1, 2) * (0.85 - scale)
    brush = canvas.moved(
        x,
        y,
        scale * rng.uniform(0.85, 1.18, 2) * (rng.choice((-1, 1)), 1),
        rng.normal(0, 16),
    )
    colours = _palette(rng)
    for part in figure.parts:
        if part.behind:
            _draw_part(brush, rng, part, colours)
    brush.fill(_jittered(figure.body, rng), colours[0])
    for part in figure.parts:
        if not part.behind:
            _draw_part(brush, rng, part, colours)


def _palette(rng: np.random.Generator) -> list[Colour]:
    """Returns colours for body and parts, alike in half of the figures."""
    main = random_colour(rng)
    share = rng.uniform(0.25, 1) if rng.random() < 0.5 else 1.0
    parts = [mix(main, random_colour(rng), share) for _ in range(_COLOURS - 2)]
    return [main, shaded(main, rng.uniform(0.6, 1.2)), *parts]


def _jittered(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bends an outline a little, smoothly."""
    phase, strength = rng.uniform(0, 6.3, 2), rng.normal(0, 0.05, 2)
    return points * (1 + strength * np.sin(2 * points[:, ::-1] + phase))


def _draw_part(
    brush: Brush, rng: np.random.Generator, part: _Part, colours: list[Colour]
) -> None:
    size = part.size * rng.uniform(0.85, 1.18)
    angle = part.angle + rng.normal(0, 4)
    reach = part.reach * rng.uniform(0.93, 1.07)
    for side in (1, -1) if part.twin else (1,):
        turn = np.deg2rad(angle)
        own = brush.moved(
            side * reach * np.sin(turn),
            -reach * np.cos(turn),
            (side * size, size),
            # Parts at the rim point outwards, others stand upright.
            side * (angle * (part.reach > 0.8) + part.lean),
        )
        outline = _jittered(part.outline, rng)
        own.fill(outline, colours[part.colour])
        if part.ringed:
            middle = outline.mean(axis=0)
            inner = 0.55 * (outline - middle) + middle
            own.fill(inner, colours[(part.colour + 1) % _COLOURS])


@cache
def _figure(number: int) -> _Figure:
    # `common` gives what all siblings have, `own` what only this one has.
    family, member = divmod(number, SIBLINGS)
    common = np.random.default_rng((1, family))
    body = _BODIES[common.integers(len(_BODIES))](common)
    parts = [_random_part(common) for _ in range(common.integers(2, 5))]
    own = np.random.default_rng((2, family, member))
    # The last common part is replaced by two of the sibling's own.
    return _Figure(body, (*parts[:-1], *(_random_part(own) for _ in range(2))))


def _random_part(rng: np.random.Generator) -> _Part:
    grown = bool(rng.random() < 0.6)
    outlines = _GROWN if grown else _WORN
    twin = bool(rng.random() < 0.65)
    return _Part(
        outline=outlines[rng.integers(len(outlines))]
        * rng.uniform(0.7, 1.3, 2),
        angle=float(rng.uniform(12, 168) if twin else rng.choice((0, 180))),
        reach=float(rng.uniform(0.8, 0.95) if grown else rng.uniform(0, 0.6)),
        size=float(rng.uniform(0.2, 0.5) if grown else rng.uniform(0.1, 0.3)),
        lean=float(rng.normal(0, 20)),
        colour=int(rng.integers(_COLOURS)),
        twin=twin,
        behind=grown and bool(rng.random() < 0.6),
        ringed=bool(rng.random() < 0.35),
    )


def _round(rng: np.random.Generator) -> np.ndarray:
    return CIRCLE * rng.uniform((0.6, 0.6), (1.1, 1.1))


def _lobed(rng: np.random.Generator) -> np.ndarray:
    lobes, depth = rng.integers(2, 6), rng.uniform(0.1, 0.35)
    return polar(lambda angle: 0.85 + depth * np.cos(lobes * angle), 48)


def _angular(rng: np.random.Generator) -> np.ndarray:
    turn = rotation(rng.choice((0, 45, 180)))
    return polar(np.ones_like, int(rng.integers(3, 7))) @ turn


def _lumpy(rng: np.random.Generator) -> np.ndarray:
    half = rng.uniform(0.4, 1.1, 4)
    height = np.linspace(-1, 1, 4)
    side = corners(half, height)
    return smooth(np.concatenate([side, side[::-1] * (-1, 1)]))


_BODIES: tuple[Callable[[np.random.Generator], np.ndarray], ...] = (
    _round,
    _lobed,
    _angular,
    _lumpy,
)
