"""Deletion and insertion on a linear classifier, whose best order is known."""

import itertools

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.explain.trials.faithfulness import (
    area_under_curve,
    blurred,
    deletion_curve,
    insertion_curve,
)

HEIGHT, WIDTH = 1, 5
PIXELS = HEIGHT * WIDTH
RNG = np.random.default_rng(3)
IMAGE = RNG.uniform(0, 1, (1, HEIGHT, WIDTH, 1)).astype("float32")
WEIGHTS = RNG.normal(0, 2, (HEIGHT, WIDTH))
# Every order of five pixels, as a map each.
ORDERS = np.array(list(itertools.permutations(range(PIXELS)))).reshape(
    -1, HEIGHT, WIDTH
)


@pytest.fixture(scope="module")
def linear():
    model = keras.Sequential(
        [
            keras.Input((HEIGHT, WIDTH, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid", use_bias=False),
        ]
    )
    model.set_weights([WEIGHTS.reshape(-1, 1)])
    return model


def walk(start, end, order):
    """Probabilities while pixels go over from `start` to `end`, one by one."""
    state = start.astype(float).ravel()
    probabilities = []
    for pixel in [None, *order]:
        if pixel is not None:
            state[pixel] = end.ravel()[pixel]
        score = WEIGHTS.ravel() @ state
        probabilities.append(1 / (1 + np.exp(-score)))
    return probabilities


def test_curves_are_those_of_taking_one_pixel_after_the_other(linear):
    maps = RNG.permutation(PIXELS).reshape(1, HEIGHT, WIDTH)
    order = np.argsort(-maps.ravel())
    colour = np.full_like(IMAGE, IMAGE.mean())
    np.testing.assert_allclose(
        deletion_curve(linear, IMAGE, maps, 1, PIXELS)[0],
        walk(IMAGE, colour, order),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        insertion_curve(linear, IMAGE, maps, 1, PIXELS)[0],
        walk(blurred(IMAGE), IMAGE, order),
        atol=1e-6,
    )


def test_no_order_deletes_better_than_the_true_contributions(linear):
    """w (x - mean): what each pixel adds to the score above the colour."""
    images = np.repeat(IMAGE, len(ORDERS), axis=0)
    areas = area_under_curve(deletion_curve(linear, images, ORDERS, 1, PIXELS))
    true = WEIGHTS * (IMAGE[0, ..., 0] - IMAGE.mean())
    found = deletion_curve(linear, IMAGE, true[None], 1, PIXELS)
    assert area_under_curve(found)[0] == pytest.approx(areas.min(), abs=1e-7)
    assert areas.max() > areas.min() + 0.1
    reverse = deletion_curve(linear, IMAGE, -true[None], 1, PIXELS)
    assert area_under_curve(reverse)[0] == pytest.approx(areas.max(), abs=1e-7)


def test_no_order_inserts_better_than_the_true_contributions(linear):
    images = np.repeat(IMAGE, len(ORDERS), axis=0)
    areas = area_under_curve(insertion_curve(linear, images, ORDERS, 1, PIXELS))
    true = WEIGHTS * (IMAGE - blurred(IMAGE))[0, ..., 0]
    found = insertion_curve(linear, IMAGE, true[None], 1, PIXELS)
    assert area_under_curve(found)[0] == pytest.approx(areas.max(), abs=1e-7)


def test_the_other_class_has_the_rest_of_the_probability(linear):
    maps = np.abs(WEIGHTS)[None]
    one = deletion_curve(linear, IMAGE, maps, 1)
    other = deletion_curve(linear, IMAGE, maps, 0)
    np.testing.assert_allclose(one + other, 1, atol=1e-6)
    best = int(one[0, 0] > 0.5)
    np.testing.assert_array_equal(
        deletion_curve(linear, IMAGE, maps), (other, one)[best]
    )


def test_a_few_steps_pass_through_the_same_places(linear):
    maps = WEIGHTS[None]
    every = deletion_curve(linear, IMAGE, maps, 1, PIXELS)
    few = deletion_curve(linear, IMAGE, maps, 1, 1)
    np.testing.assert_allclose(few, every[:, ::PIXELS], atol=1e-7)


def test_equally_hot_pixels_go_in_an_order_drawn_by_lot():
    """From the top downward, a blank map would look as good as a sky."""
    model = keras.Sequential(
        [
            keras.Input((20, 20, 1)),
            keras.layers.Cropping2D(((0, 10), (0, 0))),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Rescaling(20.0, offset=-10.0),
            keras.layers.Activation("sigmoid"),
        ]
    )
    image = np.concatenate([np.ones((1, 10, 20, 1)), np.zeros((1, 10, 20, 1))])
    image = image.reshape(1, 20, 20, 1)
    curve = deletion_curve(model, image, np.zeros((1, 20, 20)), 1, 10)[0]
    scores = np.log(curve / (1 - curve))
    # The upper half falls from 1 to the mean, 0.5, evenly: from 10 to 0.
    np.testing.assert_allclose(scores, np.linspace(10, 0, 11), atol=0.8)


def test_the_area_is_the_integral_of_a_broken_line():
    grid = np.linspace(0, 1, 11)
    curves = np.stack([grid, 1 - grid, np.full(11, 0.3), grid > 0.95])
    expected = [0.5, 0.5, 0.3, 0.05]
    np.testing.assert_allclose(area_under_curve(curves), expected)


def test_blurring_keeps_the_colour_and_takes_the_detail():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255.0
    (blank,) = blurred(checks[None, ..., None])
    np.testing.assert_allclose(blank, 127.5, atol=2)
    spot = np.zeros((1, 65, 65, 1))
    spot[0, 32, 32] = 1
    (soft,) = blurred(spot)[..., 0]
    # A Gaussian of standard deviation 65 / 16, normalised.
    there = 1 / (2 * np.pi * (65 / 16) ** 2)
    assert soft[32, 32] == pytest.approx(there, rel=0.01)
    assert soft[32, 36] == pytest.approx(
        there * np.exp(-(16**2) * 16 / (2 * 65**2)), rel=0.01
    )


def test_mistakes_are_named(linear):
    with pytest.raises(UsageError, match="a heat map of its size"):
        deletion_curve(linear, IMAGE, np.zeros((1, 5, 1)))
    with pytest.raises(UsageError, match="at least one step"):
        insertion_curve(linear, IMAGE, WEIGHTS[None], steps=0)
