"""Drawn pictures: pure functions of class and seed, true to their papers."""

import numpy as np
import pytest

from tlkit.drawn.drawing import Brush
from tlkit.drawn.sample import CLASS_NAMES, MANY_CLASS_NAMES
from tlkit.pretraining import contours, fractals, textures
from tlkit.pretraining.corpus import DRAWN, FAMILIES, draw_corpus, draw_one
from tlkit.pretraining.figures import SIBLINGS, _figure


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_is_a_function_of_class_and_seed(family):
    first = draw_one(family, 3, 32, seed=5)
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    assert first.std() > 2
    np.testing.assert_array_equal(first, draw_one(family, 3, 32, seed=5))
    for other in (draw_one(family, 3, 32, 6), draw_one(family, 4, 32, 5)):
        assert (first != other).mean() > 0.5


def test_a_corpus_holds_every_class_however_many_draw_it():
    families = ("noise", "leaves")
    corpus = draw_corpus(16, 2, families, seed=3, processes=2)
    classes = sum(FAMILIES[name].classes for name in families)
    assert corpus.classes == classes
    assert corpus.labels.tolist() == np.repeat(np.arange(classes), 2).tolist()
    alone = draw_corpus(16, 2, families, seed=3, processes=1)
    np.testing.assert_array_equal(corpus.images, alone.images)
    np.testing.assert_array_equal(
        corpus.images[2 * 61 + 1], draw_one("leaves", 1, 16, seed=7)
    )


def test_the_drawn_family_has_neither_cats_nor_dogs():
    assert not set(CLASS_NAMES) & set(MANY_CLASS_NAMES)
    corpus = draw_corpus(16, 1, (DRAWN,), processes=1)
    assert corpus.classes == len(MANY_CLASS_NAMES)
    assert np.bincount(corpus.labels).tolist() == [2] * corpus.classes


@pytest.mark.parametrize("number", [0, 7, 31])
def test_a_fractal_is_what_its_maps_make_of_it(number):
    """Hutchinson (1981): the attractor is the union of its own images."""
    linear, shift, odds = fractals._system(number)
    assert (np.linalg.svd(linear, compute_uv=False) < 1).all()
    assert odds.sum() == pytest.approx(1)
    rng = np.random.default_rng(0)
    points = fractals._attractor((linear, shift, odds), rng)
    images = np.concatenate(
        [points @ a.T + b for a, b in zip(linear, shift, strict=True)]
    )
    low, high = points.min(axis=0), points.max(axis=0)

    def cells(some):
        return {tuple(c) for c in np.floor((some - low) / (high - low) * 12)}

    own, mapped = cells(points), cells(images)
    assert len(own & mapped) > 0.9 * len(own | mapped)


def test_leaves_hide_one_another_at_all_scales():
    """Power falls with frequency as in natural scenes, not as in noise."""
    spectra = []
    for seed in range(20):
        canvas = Brush.on_blank(64)
        textures.draw_leaves(canvas, np.random.default_rng(seed), 0)
        gray = canvas.image.mean(axis=2)
        spectra.append(np.abs(np.fft.fft2(gray - gray.mean())) ** 2)
    power = np.mean(spectra, axis=0)
    frequency = np.arange(2, 30)
    slope = np.polyfit(np.log(frequency), np.log(power[0, 2:30]), 1)[0]
    assert -3.5 < slope < -1.2  # natural images: about -2


def test_noise_has_the_directions_of_its_class():
    number = next(n for n in range(60) if len(textures._spectrum(n).peaks) == 1)
    kind = textures._spectrum(number)
    power = 0
    for seed in range(30):
        canvas = Brush.on_blank(48)
        textures.draw_noise(canvas, np.random.default_rng(seed), number)
        gray = canvas.image.mean(axis=2)
        power = power + np.abs(np.fft.fft2(gray - gray.mean())) ** 2
    radius = np.hypot(*kind.peaks[0])
    angle = np.degrees(np.arctan2(kind.peaks[0][1], kind.peaks[0][0])) % 180
    y, x = np.meshgrid(*[np.fft.fftfreq(96) * 96] * 2, indexing="ij")
    ring = np.abs(np.hypot(x, y) - radius) < 0.25 * radius
    directions = np.degrees(np.arctan2(y, x)) % 180
    apart = np.abs((directions - angle + 90) % 180 - 90)
    assert (
        power[ring & (apart < 20)].mean()
        > 2 * power[ring & (apart > 60)].mean()
    )


def test_contours_have_the_corners_of_their_class():
    number = next(n for n in range(99) if contours._contour(n).corners == 5)
    ring = contours._ring(contours._contour(number), np.random.default_rng(0))
    assert ring.shape == (5, 2)


def test_siblings_share_the_body_and_differ_in_parts():
    family = [_figure(number) for number in range(SIBLINGS)]
    for other in family[1:]:
        np.testing.assert_array_equal(family[0].body, other.body)
        assert family[0].parts[0] is not None
        np.testing.assert_array_equal(
            family[0].parts[0].outline, other.parts[0].outline
        )
        last, its_last = family[0].parts[-1], other.parts[-1]
        assert (last.angle, last.size) != (its_last.angle, its_last.size)
    stranger = _figure(SIBLINGS)
    assert stranger.body.shape != family[0].body.shape or not np.allclose(
        stranger.body, family[0].body
    )
