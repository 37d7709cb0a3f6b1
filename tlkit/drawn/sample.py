"""The embedded sample: cats and dogs, drawn from a seed.

Nothing is downloaded and nothing is stored. Only ears and muzzle tell the
classes apart. Everything else is drawn from the same distribution for both
classes, from a random stream that does not depend on the class. The masks
therefore say exactly where a classifier ought to look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from tlkit.base.errors import UsageError
from tlkit.drawn.drawing import (
    Brush,
    Colour,
    corners,
    develop,
    ellipse,
    mix,
    random_colour,
    shaded,
    smooth,
)
from tlkit.drawn.sizes import IMAGE_SIZE
from tlkit.drawn.subjects import (
    FIGURES,
    SHAPES,
    TEXTURES,
    paint_backdrop,
    scatter,
    texture,
)

# Gives the shapes of the marks on a coat, around a centre.
Pattern = Callable[[tuple[float, float], np.random.Generator], list[np.ndarray]]

CLASS_NAMES = ("cats", "dogs")
MANY_CLASS_NAMES = (*TEXTURES, *SHAPES, *FIGURES)

_SMALLEST_SIZE = 16

# Coats of both animals: white, cream, ginger, brown, grey, slate, black.
_COATS: tuple[Colour, ...] = (
    (240, 236, 228),
    (226, 196, 150),
    (214, 132, 62),
    (132, 86, 52),
    (150, 150, 152),
    (92, 100, 116),
    (52, 48, 50),
)
_EYES: tuple[Colour, ...] = (
    (120, 170, 70),
    (220, 170, 40),
    (90, 150, 200),
    (110, 70, 40),
)
_NOSES: tuple[Colour, ...] = ((38, 32, 34), (92, 58, 50), (214, 130, 138))
_PINK: Colour = (232, 150, 156)
_WHITE: Colour = (250, 248, 244)
_BLACK: Colour = (24, 20, 24)
_SIDES = (-1, 1)


def draw_pets(
    count: int, size: int = IMAGE_SIZE, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws cats and dogs, and marks where in each image the difference is.

    Image i depends only on `seed`, i and `size`, so a larger count begins
    with the images of a smaller one. Images with even numbers are cats, the
    others dogs.

    Args:
        count: Number of images, at least 1.
        size: Height and width in pixels, at least 16.
        seed: Any whole number from 0 on; another seed draws other images.

    Returns:
        images: Array of shape `(count, size, size, 3)`, uint8, RGB.
        labels: Array of shape `(count,)`, int64, positions in `CLASS_NAMES`.
        masks: Array of shape `(count, size, size)`, bool, True on the visible
            parts of ears and muzzle. No mask is empty.

    Raises:
        UsageError: A count, size or seed is not a whole number, or is below
            its minimum.

    Example:
        >>> images, labels, masks = draw_pets(4, size=64, seed=1)
        >>> images.shape, labels.tolist()
        ((4, 64, 64, 3), [0, 1, 0, 1])
    """
    _check(count, size, seed)
    labels = np.arange(count, dtype=np.int64) % len(CLASS_NAMES)
    images = np.empty((count, size, size, 3), np.uint8)
    masks = np.empty((count, size, size), bool)
    for i, label in enumerate(labels):
        images[i], masks[i] = _draw_pet((seed, i), int(label), size)
    return images, labels, masks


def draw_many(
    count: int, size: int = IMAGE_SIZE, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draws many classes that are neither cats nor dogs, for pretraining.

    Textures fill the image. Shapes, things and creatures are drawn before a
    background. Image i depends only on `seed`, i and `size`; its class is i
    modulo the number of classes.

    Args:
        count: Number of images, at least 1.
        size: Height and width in pixels, at least 16.
        seed: Any whole number from 0 on; another seed draws other images.

    Returns:
        images: Array of shape `(count, size, size, 3)`, uint8, RGB.
        labels: Array of shape `(count,)`, int64, positions in
            `MANY_CLASS_NAMES`.

    Raises:
        UsageError: A count, size or seed is not a whole number, or is below
            its minimum.

    Example:
        >>> images, labels = draw_many(3, size=32)
        >>> [MANY_CLASS_NAMES[label] for label in labels]
        ['stripes', 'checker', 'polka dots']
    """
    _check(count, size, seed)
    labels = np.arange(count, dtype=np.int64) % len(MANY_CLASS_NAMES)
    images = np.empty((count, size, size, 3), np.uint8)
    for i, label in enumerate(labels):
        name = MANY_CLASS_NAMES[label]
        # The 1 keeps this stream apart from that of `draw_pets`.
        images[i] = _draw_one_of_many((seed, i, 1), name, size)
    return images, labels


def _draw_one_of_many(
    entropy: tuple[int, int, int], name: str, size: int
) -> np.ndarray:
    rng = np.random.default_rng(entropy)
    canvas = _blank_canvas(rng, size)
    if name in TEXTURES:
        canvas.image[:] = texture(rng, name, len(canvas.image))
    else:
        paint_backdrop(canvas, rng)
        scatter(canvas, rng, up_to=3)
        _draw_subject(canvas, rng, name)
    scatter(canvas, rng, up_to=2, keep_clear=(0, 0, 0.3))
    return develop(canvas, rng)[0]


def _blank_canvas(rng: np.random.Generator, size: int) -> Brush:
    """Returns a canvas; about a third of the images have no outlines."""
    return Brush.on_blank(size).outlined(max(0.0, rng.uniform(-0.01, 0.025)))


def _draw_subject(canvas: Brush, rng: np.random.Generator, name: str) -> None:
    scale = rng.uniform(0.3, 0.72)
    x, y = rng.uniform(-1, 1, 2) * (0.8 - 0.8 * scale)
    # Figures such as houses and birds have an upper end, shapes do not.
    upright = name in FIGURES
    angle = rng.normal(0, 14) if upright else rng.uniform(0, 360)
    stretch = scale * rng.uniform(0.85, 1.15, 2) * (rng.choice(_SIDES), 1)
    brush = canvas.moved(x, y, stretch, angle)
    main, second = random_colour(rng), random_colour(rng)
    colours = (main, second, shaded(main, 0.3), mix(second, _WHITE, 0.8))
    parts = FIGURES[name] if upright else [(0, SHAPES[name](rng))]
    for colour, points in parts:
        brush.fill(points, colours[colour])


def _check(count: int, size: int, seed: int) -> None:
    minima = (
        ("count", count, 1),
        ("size", size, _SMALLEST_SIZE),
        ("seed", seed, 0),
    )
    for name, value, minimum in minima:
        if not isinstance(value, Integral) or value < minimum:
            raise UsageError(
                f"The sample cannot be drawn with this {name}.",
                where=name,
                expected=f"a whole number, at least {minimum}",
                received=value,
            )


# --- coats ---


def _no_marks(
    centre: tuple[float, float], rng: np.random.Generator
) -> list[np.ndarray]:
    return []


def _patches(
    centre: tuple[float, float], rng: np.random.Generator
) -> list[np.ndarray]:
    places = rng.uniform(-0.9, 0.9, (2, 2)) + centre
    return [ellipse(x, y, *rng.uniform(0.3, 0.65, 2)) for x, y in places]


def _stripes(
    centre: tuple[float, float], rng: np.random.Generator
) -> list[np.ndarray]:
    x, y = centre
    return [
        smooth([(x + k, -2), (x + k + 0.18, y), (x + k, y + 0.3)])
        for k in np.arange(-1.2, 1.3, 0.4)
    ]


def _spots(
    centre: tuple[float, float], rng: np.random.Generator
) -> list[np.ndarray]:
    places = rng.uniform(-1, 1, (9, 2)) + centre
    return [ellipse(x, y, 0.12, 0.12) for x, y in places]


def _lower_half(
    centre: tuple[float, float], rng: np.random.Generator
) -> list[np.ndarray]:
    half = smooth(corners((-2, 2, 2, -2), (0, 0, 4, 4)))
    return [half + centre]


_PATTERNS: tuple[Pattern, ...] = (
    _no_marks,
    _patches,
    _stripes,
    _spots,
    _lower_half,
)


def _coat(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.06:
        return random_colour(rng)
    natural = _COATS[rng.integers(len(_COATS))]
    return mix(natural, random_colour(rng), rng.uniform(0, 0.25))


@dataclass(frozen=True)
class _Looks:
    """The looks of one animal, except for those that its class decides.

    `turn` and `nod`, each -1 to 1, move the face within the head sideways
    and downwards.
    """

    fur: Colour
    marks: Colour
    belly: Colour
    eye: Colour
    pattern: Pattern
    turn: float
    nod: float

    @classmethod
    def drawn_by_lot(cls, rng: np.random.Generator) -> _Looks:
        fur = _coat(rng)
        return cls(
            fur=fur,
            marks=_coat(rng),
            belly=mix(fur, _WHITE, rng.choice([0.0, 0.3, 0.7])),
            eye=_EYES[rng.integers(len(_EYES))],
            pattern=_PATTERNS[rng.integers(len(_PATTERNS))],
            turn=rng.uniform(-1, 1),
            nod=rng.uniform(-1, 1),
        )

    @property
    def muzzle(self) -> Colour:
        return mix(self.belly, _WHITE, 0.35)


def _draw_pet(
    entropy: tuple[int, int], label: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    # Two random streams. With one, the different number of draws for cat and
    # dog ears would change everything that is drawn after them, and so give
    # the class away.
    rng, telling = np.random.default_rng(entropy).spawn(2)
    canvas = _blank_canvas(rng, size)
    paint_backdrop(canvas, rng)
    scatter(canvas, rng, up_to=3)
    looks = _Looks.drawn_by_lot(rng)
    head = _draw_body(canvas, looks, rng)
    _draw_head(head, looks, rng, telling, label)
    # The middle of the face stays free, so that part of what tells the
    # classes apart is always visible.
    x, y = 2 * head.origin / len(canvas.image) - 1
    clear = head.pixels_per_unit / canvas.pixels_per_unit * 0.6
    scatter(canvas, rng, up_to=2, keep_clear=(x, y, clear))
    return develop(canvas, rng)


# --- body: the same for both classes ---


def _draw_body(canvas: Brush, looks: _Looks, rng: np.random.Generator) -> Brush:
    """Draws the body and returns the brush for the head."""
    angle = rng.normal(0, 8)
    mirror = np.array([rng.choice(_SIDES), 1])
    draw = _BODIES[rng.choice(3, p=(0.7, 0.17, 0.13))]
    # A head alone may be larger than one whose body must fit too.
    if draw is _draw_bust:
        scale = rng.uniform(0.46, 0.78)
        x, y = rng.uniform(-1, 1, 2) * (0.6 - 0.5 * scale)
    else:
        scale = rng.uniform(0.24, 0.36)
        x, y = rng.uniform((-0.3, -0.3), (0.3, 0.25))
    whole = canvas.moved(x, y, scale * mirror, angle)
    neck = draw(whole, looks, rng)
    return whole.moved(*neck, angle=rng.normal(0, 10))


def _draw_bust(
    whole: Brush, looks: _Looks, rng: np.random.Generator
) -> tuple[float, float]:
    if rng.random() < 0.6:
        edge = (-0.5, 0.5, 1.1, 1.2, -1.2, -1.1)
        bust = smooth(corners(edge, (0, 0, 1.4, 4, 4, 1.4)))
        whole.fill(bust, shaded(looks.fur, 0.9))
        whole.fill_inside(bust, [ellipse(0, 1.6, 0.5, 0.9)], looks.belly)
    return 0, 0


def _draw_sitting(
    whole: Brush, looks: _Looks, rng: np.random.Generator
) -> tuple[float, float]:
    _draw_tail(whole.moved(0.6, 2), looks.fur, rng)
    wide = rng.uniform(0.85, 1.2)
    edge = (-0.5, 0.5, wide, wide + 0.1, -wide - 0.1, -wide)
    body = smooth(corners(edge, (-0.2, -0.2, 1.6, 2.5, 2.5, 1.6)))
    whole.fill(body, looks.fur)
    whole.fill_inside(body, looks.pattern((0, 1.2), rng), looks.marks)
    whole.fill_inside(body, [ellipse(0, 1.2, 0.45, 0.7)], looks.belly)
    for side in _SIDES:
        whole.fill(ellipse(0.32 * side, 1.8, 0.2, 0.65), looks.fur)
        whole.fill(ellipse(0.34 * side, 2.4, 0.27, 0.16), looks.belly)
        whole.fill(ellipse(0.85 * side, 2.38, 0.36, 0.18), looks.fur)
    return rng.uniform(-0.15, 0.15), rng.uniform(-0.5, -0.2)


def _draw_standing(
    whole: Brush, looks: _Looks, rng: np.random.Generator
) -> tuple[float, float]:
    end = rng.uniform(1.6, 2.4)
    _draw_tail(whole.moved(end - 0.4, 0.5), looks.fur, rng)
    far, near = shaded(looks.fur, 0.75), looks.fur
    for x, fur in (
        (0.2, far),
        (end - 0.6, far),
        (-0.1, near),
        (end - 0.3, near),
    ):
        whole.fill(ellipse(x, 1.6, 0.2, 0.75), fur)
        whole.fill(ellipse(x - 0.06, 2.2, 0.27, 0.15), looks.belly)
    edge = (-0.6, 0.3, end, end + 0.2, end - 0.4, 0, -0.7)
    body = smooth(corners(edge, (0.1, 0, 0, 0.8, 1.4, 1.5, 0.8)))
    whole.fill(body, looks.fur)
    whole.fill_inside(body, looks.pattern((end / 2, 0.6), rng), looks.marks)
    return rng.uniform(-0.6, -0.2), rng.uniform(-0.5, -0.1)


_BODIES = (_draw_bust, _draw_sitting, _draw_standing)


def _draw_tail(root: Brush, fur: Colour, rng: np.random.Generator) -> None:
    t = np.linspace(0, 1, 12)
    rise, curl = rng.uniform(-0.3, 1.7), rng.uniform(-1, 1)
    path = corners(1.3 * t + curl * t**3, 0.2 * np.sin(4 * t) - rise * t**2)
    # A line has no outline, so a darker and wider one is drawn below it.
    root.line(path, shaded(fur, 0.4), 0.34)
    root.line(path, fur, 0.28)


# --- head ---


def _draw_head(
    head: Brush,
    looks: _Looks,
    rng: np.random.Generator,
    telling: np.random.Generator,
    label: int,
) -> None:
    """Draws the head.

    Whatever depends on `label` is drawn with the random stream `telling`,
    everything else with `rng`.
    """
    skull = _skull(rng)
    ears = head.moved(-0.06 * looks.turn, 0)
    face = head.moved(0.3 * looks.turn, 0.12 * looks.nod)
    muzzle = face.moved(0.1 * looks.turn, 0.35)
    is_cat = CLASS_NAMES[label] == "cats"
    # The ears of cats are behind the head, those of dogs hang before it.
    if is_cat:
        _draw_cat_ears(ears, looks, telling)
    head.fill(skull, looks.fur)
    head.fill_inside(skull, looks.pattern((0, -0.3), rng), looks.marks)
    if not is_cat:
        _draw_dog_ears(ears, looks, telling)
    _draw_eyes(face, looks, rng)
    draw_muzzle = _draw_cat_muzzle if is_cat else _draw_dog_muzzle
    draw_muzzle(muzzle, looks, telling)


def _skull(rng: np.random.Generator) -> np.ndarray:
    brow, cheek, chin = rng.uniform((0.8, 0.95, 0.5), (1.0, 1.2, 0.75))
    top, low = rng.uniform((-1.1, 0.9), (-0.95, 1.05))
    x = (0.45, brow, cheek, chin, -chin, -cheek, -brow, -0.45)
    return smooth(corners(x, (top, -0.6, 0.25, low, low, 0.25, -0.6, top)))


def _draw_eyes(face: Brush, looks: _Looks, rng: np.random.Generator) -> None:
    apart, size = rng.uniform((0.36, 0.12), (0.48, 0.21))
    tall, pupil = rng.uniform((0.8, 0.45), (1.25, 0.8))
    gaze_x, gaze_y = rng.uniform(-0.3, 0.3, 2)
    asleep = rng.random() < 0.1
    for side in _SIDES:
        eye = face.moved(apart * side, -0.15, size)
        if asleep:
            t = np.linspace(-1, 1, 9)
            eye.line(corners(t, 0.6 * (1 - t**2)), _BLACK, 0.3)
            continue
        eye.fill(ellipse(0, 0, 1, tall), looks.eye)
        plain = eye.outlined(0)
        plain.fill(ellipse(gaze_x, gaze_y, pupil, pupil * tall), _BLACK)
        plain.fill(ellipse(gaze_x + 0.3, gaze_y - 0.35, 0.25, 0.25), _WHITE)


# --- ears and muzzles: what tells the classes apart ---


def _ear_colour(looks: _Looks, rng: np.random.Generator) -> Colour:
    # Lighter as often as darker. Dogs have larger ears, so if one shade were
    # preferred, the number of dark pixels would already tell the classes
    # apart.
    colour = looks.marks if rng.random() < 0.3 else looks.fur
    dark = rng.random() < 0.5
    return shaded(colour, 0.62) if dark else mix(colour, _WHITE, 0.4)


def _draw_cat_ears(
    head: Brush, looks: _Looks, rng: np.random.Generator
) -> None:
    """Draws pointed, upright ears."""
    colour = _ear_colour(looks, rng)
    tip, top, wide = rng.uniform((0.5, -1.75, 0.8), (0.85, -1.35, 1.0))
    x = (0.12, tip - 0.12, tip, tip + 0.08, wide)
    ear = corners(x, (-0.6, top + 0.2, top, top + 0.2, -0.2))
    inner = 0.68 * ear + 0.32 * ear.mean(axis=0) + (0, 0.05)
    for side in _SIDES:
        head.fill(ear * (side, 1), colour, tells=True)
        pink = mix(colour, _PINK, 0.6)
        head.outlined(0).fill(inner * (side, 1), pink, tells=True)


def _draw_dog_ears(
    head: Brush, looks: _Looks, rng: np.random.Generator
) -> None:
    """Draws ears that hang, are folded over or are short and round."""
    colour = _ear_colour(looks, rng)
    out, low = rng.uniform((1.2, 0.4), (1.5, 1.1))
    x: tuple[float, ...] = (0.4, 0.9, out, out, out - 0.4, 0.8)
    y: tuple[float, ...] = (-1, -1.05, -0.4, low, low, -0.3)
    kind = rng.choice(3, p=(0.5, 0.3, 0.2))
    if kind == 1:
        x = (0.3, 0.6, 1.1, out, out - 0.4, 0.7)
        y = (-0.8, -1.3, -1.15, -0.2, -0.1, -0.6)
    elif kind == 2:
        x = (0.5, 1.15, 1.55, 1.3, 0.9)
        y = (-0.9, -1, -0.4, 0.25, -0.3)
    for side in _SIDES:
        head.fill(smooth(corners(x, y)) * (side, 1), colour, tells=True)


def _draw_cat_muzzle(
    muzzle: Brush, looks: _Looks, rng: np.random.Generator
) -> None:
    """Draws a small nose between two pads, and whiskers."""
    plain, ink = muzzle.outlined(0), shaded(looks.belly, 0.35)
    t = np.linspace(0, np.pi, 9)
    smile = corners(0.09 * (1 - np.cos(t)), 0.09 + 0.07 * np.sin(t))
    for side in _SIDES:
        pad = ellipse(0.18 * side, 0.12, 0.25, 0.22)
        plain.fill(pad, looks.muzzle, tells=True)
    for side in _SIDES:
        plain.line(smile * (side, 1), ink, 0.035, tells=True)
    nose = smooth([(-0.14, -0.06), (0.14, -0.06), (0, 0.13)])
    plain.fill(nose, _NOSES[rng.integers(len(_NOSES))], tells=True)
    reach, slope = rng.uniform((0.95, -0.1), (1.25, 0.2))
    # White whiskers on dark fur and black ones on light fur, to be visible.
    light = _WHITE if sum(looks.fur) < 380 else _BLACK
    for k in (-1, 0, 1):
        y = np.array([0.08 + 0.06 * k, 0.05 + 0.2 * k + slope])
        for side in _SIDES:
            whisker = corners((0.25 * side, reach * side), y)
            plain.line(whisker, light, 0.03, tells=True)


def _draw_dog_muzzle(
    muzzle: Brush, looks: _Looks, rng: np.random.Generator
) -> None:
    """Draws a snout that stands out, a big nose and sometimes a tongue."""
    wide, tall = rng.uniform((0.36, 0.36), (0.52, 0.5))
    if rng.random() < 0.35:
        x = (-0.14, 0.14, 0.17, -0.17)
        tongue = corners(x, (tall - 0.1, tall - 0.1, tall + 0.45, tall + 0.45))
        muzzle.fill(smooth(tongue), _PINK, tells=True)
    muzzle.fill(ellipse(0, 0.12, wide, tall), looks.muzzle, tells=True)
    plain, ink = muzzle.outlined(0), shaded(looks.belly, 0.35)
    lip = 0.14 + 0.36 * tall
    t = np.linspace(-1, 1, 9)
    plain.line([(0, -0.1), (0, lip)], ink, 0.035, tells=True)
    plain.line(
        corners(0.6 * wide * t, lip - 0.12 * t**2), ink, 0.04, tells=True
    )
    nose = corners((-0.3, 0.3, 0.24, -0.24), (-0.24, -0.24, 0.08, 0.08))
    plain.fill(smooth(nose), _NOSES[rng.integers(len(_NOSES))], tells=True)
