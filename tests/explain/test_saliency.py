"""Methods on pixels, against networks whose answer is known."""

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.explain.methods.integrated_gradients import (
    attributions,
    integrated_gradients,
)
from tlkit.explain.methods.occlusion import occlusion
from tlkit.explain.methods.saliency import saliency, smoothgrad
from tlkit.explain.opened.network import OpenNetwork

layers = keras.layers
SIDE = 8
IMAGES = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 3))


@pytest.fixture(scope="module")
def linear():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(3)]
    )


@pytest.fixture(scope="module")
def bent():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def test_a_network_of_whole_pixels_is_differentiated(bent):
    """Its input is uint8, and a cast to that has no gradient."""
    whole = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    x = whole
    for layer in bent.layers:
        x = layer(x)
    images = IMAGES.round()
    for method in (saliency, smoothgrad, integrated_gradients):
        np.testing.assert_allclose(
            method(keras.Model(whole, x), images),
            method(bent, images),
            atol=1e-5,
        )


def weights_of(linear, label):
    kernel = np.asarray(linear.layers[-1].kernel, np.float64)
    return kernel[:, label].reshape(SIDE, SIDE, 3)


@pytest.mark.parametrize("method", [saliency, smoothgrad])
def test_of_a_linear_network_gradients_are_its_weights(linear, method):
    strength = np.abs(weights_of(linear, 2)).max(axis=2)
    for found in method(linear, IMAGES, 2):
        np.testing.assert_allclose(found, strength / strength.max(), atol=1e-5)


def test_smoothgrad_is_the_mean_over_noise(bent):
    """As the noise falls it becomes the gradient; as it grows it does not."""
    plain = saliency(bent, IMAGES, 1)
    still = smoothgrad(bent, IMAGES, 1, samples=2, noise=0.0)
    np.testing.assert_allclose(still, plain, atol=1e-6)
    noisy = smoothgrad(bent, IMAGES, 1, samples=8, noise=0.3)
    assert not np.allclose(noisy, plain, atol=0.01)
    apart = smoothgrad(bent, IMAGES, 1, samples=8, noise=0.3, seed=1)
    assert not np.allclose(noisy, apart, atol=1e-3)


def test_attributions_of_a_linear_network_are_products(linear):
    found = attributions(linear, IMAGES, 0, steps=1)
    np.testing.assert_allclose(
        found, IMAGES * weights_of(linear, 0), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("label", [0, 1])
def test_attributions_lose_nothing(bent, label):
    """Completeness: they add up to the score above that of a black image."""
    network = OpenNetwork(bent)
    black = network.scores(np.zeros((1, SIDE, SIDE, 3), "float32"))
    gain = network.scores(IMAGES.astype("float32")) - black
    found = attributions(bent, IMAGES, label, steps=256)
    np.testing.assert_allclose(
        found.sum(axis=(1, 2, 3)), np.asarray(gain)[:, label], atol=2e-3
    )


def test_integrated_gradients_draw_the_attributions(bent):
    strength = np.abs(attributions(bent, IMAGES, 1)).max(axis=3)
    np.testing.assert_allclose(
        integrated_gradients(bent, IMAGES, 1),
        strength / strength.max(axis=(1, 2), keepdims=True),
        atol=1e-6,
    )


def test_occlusion_of_a_linear_network(linear):
    """Patches of 2 pixels, one pixel apart; each fall is a weighted sum."""
    found = occlusion(linear, IMAGES, 1, patches=4)
    w = weights_of(linear, 1)
    for image, map_ in zip(IMAGES, found, strict=True):
        loss = (w * (image - image.mean(axis=(0, 1)))).sum(axis=2)
        total, times = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
        for i in range(SIDE - 1):
            for j in range(SIDE - 1):
                total[i : i + 2, j : j + 2] += loss[i : i + 2, j : j + 2].sum()
                times[i : i + 2, j : j + 2] += 1
        expected = np.maximum(total / times, 0)
        np.testing.assert_allclose(map_, expected / expected.max(), atol=1e-3)


def test_numbers_out_of_range_are_refused(bent):
    with pytest.raises(UsageError, match="one sample or more"):
        smoothgrad(bent, IMAGES, samples=0)
    with pytest.raises(UsageError, match="at least one step"):
        attributions(bent, IMAGES, steps=0)
    with pytest.raises(UsageError, match="patches"):
        occlusion(bent, IMAGES, patches=0)
