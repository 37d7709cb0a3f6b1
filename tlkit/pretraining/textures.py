"""Textures: noise with a given spectrum, and leaves that hide one another.

Baradad et al., "Learning to see by looking at noise" (NeurIPS 2021), find
that networks learn useful features from such images. A class is a spectrum
(its scales and directions) or a kind of leaf.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from tlkit.drawn.drawing import CIRCLE, Brush, polar, random_colour, rotation

# Noise is computed on a grid of this side and enlarged to the canvas.
_GRID = 96
_LEAVES = (
    CIRCLE,
    *(polar(np.ones_like, sides) for sides in (3, 4, 6)),
    CIRCLE * (1.6, 0.5),
    polar(lambda angle: 0.8 + 0.4 * np.cos(5 * angle), 40),
)


class _Spectrum(NamedTuple):
    slope: float
    peaks: np.ndarray
    sharpness: float
    colourful: float


@cache
def _spectrum(number: int) -> _Spectrum:
    rng = np.random.default_rng((5, number))
    count = int(rng.integers(0, 4))
    radius, angle = rng.uniform(3, 22, count), rng.uniform(0, np.pi, count)
    return _Spectrum(
        slope=float(rng.uniform(0.4, 2.2)),
        peaks=np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1),
        sharpness=float(rng.choice((0.7, 2, 8))),
        colourful=float(rng.uniform(0, 1)),
    )


def draw_noise(canvas: Brush, rng: np.random.Generator, number: int) -> None:
    """Covers the canvas with noise of a given spectrum.

    Args:
        canvas: The canvas to draw on.
        rng: Source of randomness for phases, colours, and small rotations
            and scalings.
        number: Number of the class, 0 or more.
    """
    kind = _spectrum(number)
    amplitude = _amplitude(kind, rng)
    phases = rng.uniform(0, 2 * np.pi, (3, *amplitude.shape))
    waves = np.fft.irfft2(amplitude * np.exp(1j * phases), (_GRID, _GRID))
    value = waves[0] + kind.colourful * np.stack(
        [np.zeros_like(waves[0]), waves[1], waves[2]]
    )
    value = value / (value.std(axis=(1, 2), keepdims=True) + 1e-9)
    value = 1 / (1 + np.exp(-kind.sharpness * value))
    first, second = np.array([random_colour(rng) for _ in range(2)])
    image = first + np.moveaxis(value, 0, -1) * (second - first)
    size = canvas.image.shape[1::-1]
    canvas.image[:] = cv2.resize(image.astype(np.uint8), size)


def _amplitude(kind: _Spectrum, rng: np.random.Generator) -> np.ndarray:
    y = np.fft.fftfreq(_GRID)[:, None] * _GRID
    x = np.fft.rfftfreq(_GRID)[None, :] * _GRID
    amplitude = 1 / np.maximum(np.hypot(x, y), 1) ** kind.slope
    peaks = kind.peaks @ rotation(rng.normal(0, 10)).T * rng.uniform(0.85, 1.2)
    for peak_x, peak_y in peaks:
        near = [
            np.exp(-((x - s * peak_x) ** 2 + (y - s * peak_y) ** 2) / 6)
            for s in (1, -1)
        ]
        amplitude = amplitude + 0.6 * sum(near)
    # No constant part, so that both colours have about the same share.
    amplitude[0, 0] = 0
    return amplitude


def draw_leaves(canvas: Brush, rng: np.random.Generator, number: int) -> None:
    """Covers the canvas with shapes that hide one another ("dead leaves").

    Sizes follow a power law, which gives the statistics of natural scenes
    (Lee, Mumford and Huang, 2001).

    Args:
        canvas: The canvas to draw on.
        rng: Source of randomness for places, sizes, rotations and colours.
        number: Number of the class, 0 or more. The class decides the shape
            of the leaves and the proportion of small to large ones.
    """
    own = np.random.default_rng((6, number))
    leaf = _LEAVES[number % len(_LEAVES)] * own.uniform(0.7, 1.3, 2)
    exponent, smallest = own.uniform(1.2, 3), own.uniform(0.05, 0.15)
    canvas.image[:] = random_colour(rng)
    hues = np.array([random_colour(rng) for _ in range(rng.integers(2, 6))])
    # The Pareto distribution of radii, cut at 0.7.
    share = rng.random(int(own.integers(60, 140)))
    radii = np.minimum(smallest * (1 - share) ** (-1 / exponent), 0.7)
    for radius in radii:
        x, y = rng.uniform(-1.1, 1.1, 2)
        red, green, blue = np.clip(
            hues[rng.integers(len(hues))] + rng.normal(0, 12, 3), 0, 255
        )
        brush = canvas.moved(x, y, radius, rng.uniform(0, 360))
        brush.fill(leaf, (float(red), float(green), float(blue)))
