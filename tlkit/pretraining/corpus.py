"""The images that MiniVGG learns from: drawn by formulas, no photographs.

Five families of classes are drawn, most of them before backdrops of many
kinds. None contains cats or dogs, or anything else that a person has looked
at and labelled.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tlkit.drawn.drawing import Brush, develop
from tlkit.drawn.sample import MANY_CLASS_NAMES, draw_many
from tlkit.drawn.subjects import paint_backdrop, scatter
from tlkit.pretraining.contours import draw_contour
from tlkit.pretraining.figures import draw_figure
from tlkit.pretraining.fractals import draw_fractal
from tlkit.pretraining.textures import draw_leaves, draw_noise

Draw = Callable[[Brush, np.random.Generator, int], None]


@dataclass(frozen=True)
class Family:
    """Classes that are drawn by the same function.

    Attributes:
        draw: Function that draws the subject of an image, called with
            `(canvas, rng, class)`.
        classes: Number of classes.
        backdrop: Whether the subject is drawn before a backdrop. False if it
            fills the image.
    """

    draw: Draw
    classes: int
    backdrop: bool = True


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "figures": Family(draw_figure, 320),
        "fractals": Family(draw_fractal, 120),
        "contours": Family(draw_contour, 120),
        "noise": Family(draw_noise, 60, backdrop=False),
        "leaves": Family(draw_leaves, 24, backdrop=False),
    }
)
DRAWN = "drawn"
"""Name of the family of classes that `draw_many` of the sample draws."""


def _paint_any_backdrop(canvas: Brush, rng: np.random.Generator) -> None:
    kind = rng.random()
    if kind < 0.2:
        draw_leaves(canvas, rng, int(rng.integers(1000)))
    elif kind < 0.4:
        draw_noise(canvas, rng, int(rng.integers(1000, 2000)))
    else:
        paint_backdrop(canvas, rng)


def draw_one(family: str, number: int, size: int, seed: int) -> np.ndarray:
    """Draws one image.

    Args:
        family: A name in `FAMILIES`.
        number: Number of the class in its family.
        size: Height and width in pixels.
        seed: Number of the image in its class.

    Returns:
        Array of shape `(size, size, 3)`, uint8, RGB.
    """
    kind = FAMILIES[family]
    entropy = (list(FAMILIES).index(family), number, seed)
    rng = np.random.default_rng(entropy)
    canvas = Brush.on_blank(size).outlined(max(0.0, rng.uniform(-0.02, 0.025)))
    if kind.backdrop:
        _paint_any_backdrop(canvas, rng)
        scatter(canvas, rng, up_to=2)
    kind.draw(canvas, rng, number)
    if kind.backdrop:
        scatter(canvas, rng, up_to=2, keep_clear=(0, 0, 0.4))
    return develop(canvas, rng)[0]


@dataclass(frozen=True)
class Corpus:
    """Drawn images with their classes.

    Attributes:
        images: Array of shape `(count, size, size, 3)`, uint8, RGB.
        labels: Array of shape `(count,)`, int64, values 0 to `classes - 1`.
        classes: Number of classes.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: int


def draw_corpus(
    size: int,
    per_class: int,
    families: tuple[str, ...] = (*FAMILIES, DRAWN),
    seed: int = 0,
    processes: int | None = None,
) -> Corpus:
    """Draws every class of some families.

    Args:
        size: Height and width in pixels.
        per_class: Number of images of each class. The classes of `DRAWN`
            have much more variety and get twice as many.
        families: Names in `FAMILIES`, or `DRAWN`.
        seed: Seed of the images; another seed draws other images of the same
            classes.
        processes: Number of processes that draw at the same time; None for
            one for each core.

    Returns:
        The images, class after class.
    """
    jobs: list[tuple[str, int]] = []
    for family in families:
        # All classes of `DRAWN` are one job, since one call draws them all.
        count = FAMILIES[family].classes if family != DRAWN else 1
        jobs += [(family, number) for number in range(count)]
    draw = functools.partial(
        _draw_job, size=size, per_class=per_class, seed=seed
    )
    # Processes and not threads, because much of the drawing is Python code.
    first = 0
    images, labels = [], []
    with ProcessPoolExecutor(processes or os.cpu_count()) as pool:
        for pictures, numbers in pool.map(draw, *zip(*jobs, strict=True)):
            images.append(pictures)
            labels.append(first + numbers)
            first += int(numbers.max()) + 1
    return Corpus(np.concatenate(images), np.concatenate(labels), first)


def _draw_job(
    family: str, number: int, size: int, per_class: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    if family == DRAWN:
        count = 2 * per_class * len(MANY_CLASS_NAMES)
        return draw_many(count, size, seed + 1000)
    seeds = range(seed * per_class, (seed + 1) * per_class)
    pictures = [draw_one(family, number, size, seed) for seed in seeds]
    return np.stack(pictures), np.zeros(per_class, np.int64)
