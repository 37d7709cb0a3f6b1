"""Maps of a network that has learnt a spot, while it is destroyed."""

import keras
import numpy as np
import pytest
from scipy.stats import spearmanr

from tlkit.base.errors import TlkitError, UsageError
from tlkit.explain.opened.network import OpenNetwork
from tlkit.explain.trials.sanity import (
    randomise_cascade,
    randomised,
    rank_correlation,
)

layers = keras.layers
SIDE = 16
METHODS = ("saliency", "smoothgrad", "integratedgradients", "gradcam")


def draw_spots(count, seed):
    """Noise with a red or a green spot somewhere: the class is the colour."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 120, (count, SIDE, SIDE, 3)).astype("float32")
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(0, SIDE - 4, 2)
        image[row : row + 4, column : column + 4, label] += 130
    return images, labels


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    for channels in (8, 16):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
    x = layers.GlobalMaxPooling2D()(x)
    model = keras.Model(pixels, layers.Dense(2, activation="softmax")(x))
    model.compile(
        keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy"
    )
    images, labels = draw_spots(256, seed=1)
    model.fit(images, labels, epochs=8, verbose=0)
    images, labels = draw_spots(64, seed=2)
    guessed = model.predict_on_batch(images).argmax(axis=1)
    assert (guessed == labels).mean() > 0.95
    return model


@pytest.fixture(scope="module")
def cascade(trained):
    images, labels = draw_spots(8, seed=3)
    return randomise_cascade(trained, images, METHODS, labels)


def test_the_steps_go_from_the_top_downward(trained, cascade):
    named = [layer.name for layer in trained.layers if layer.weights]
    assert list(cascade.steps) == ["", *reversed(named)]


@pytest.mark.parametrize("method", METHODS)
def test_nothing_randomised_nothing_changed(cascade, method):
    np.testing.assert_allclose(cascade.correlations[method][0], 1, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_a_destroyed_network_are_others(cascade, method):
    """They keep less than half of the order, whatever the method."""
    assert cascade.correlations[method][-1].mean() < 0.5


def test_the_model_stays_as_it_was(trained):
    before, config = trained.get_weights(), trained.get_config()
    images, _ = draw_spots(2, seed=3)
    first = randomise_cascade(trained, images, ["saliency"], seed=5)
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert trained.get_config() == config
    again = randomise_cascade(trained, images, ["saliency"], seed=5)
    np.testing.assert_array_equal(
        *(c.correlations["saliency"] for c in (first, again))
    )


def test_each_step_shuffles_one_more_layer_and_keeps_its_values():
    """Nested models included; what lies below is untouched."""
    base = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(6, 3, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(6, 3, name="second"),
        ],
        name="base",
    )
    pixels = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(base(pixels))
    model = keras.Model(pixels, layers.Dense(5, name="end")(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.random(w.shape) for w in model.get_weights()])
    expected = ["", "end", "base/second", "base/norm", "base/first"]
    original = {
        step.path: step.operation.get_weights()
        for step in OpenNetwork(model).steps
        if step.path in expected
    }
    done = []
    for path, copy in randomised(model):
        done.append(path)
        for step in OpenNetwork(copy).steps:
            arrays = original.get(step.path, [])
            for old, new in zip(
                arrays, step.operation.get_weights(), strict=bool(arrays)
            ):
                assert np.array_equal(old, new) == (step.path not in done)
                np.testing.assert_array_equal(
                    np.sort(old, None), np.sort(new, None)
                )
    assert done == expected


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    maps = rng.random((3, 6, 7)).round(1)  # with ties
    others = (maps + rng.random((3, 6, 7))).round(1)
    expected = [
        spearmanr(one.ravel(), other.ravel()).statistic
        for one, other in zip(maps, others, strict=True)
    ]
    np.testing.assert_allclose(rank_correlation(maps, others), expected)
    np.testing.assert_allclose(rank_correlation(maps, -maps), -1)
    np.testing.assert_allclose(rank_correlation(maps, np.exp(maps)), 1)


def test_a_blank_map_ranks_nothing():
    blank, other = np.zeros((1, 2, 2)), np.arange(4.0).reshape(1, 2, 2)
    assert rank_correlation(blank, other).tolist() == [0]
    assert rank_correlation(other, blank).tolist() == [0]
    assert rank_correlation(blank, blank + 3).tolist() == [1]


def test_an_output_can_be_named():
    pixels = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, activation="relu")(pixels)
    x = layers.GlobalAveragePooling2D()(x)
    ends = {name: layers.Dense(3, name=name)(x) for name in ("a", "b")}
    model = keras.Model(pixels, ends)
    images = np.random.default_rng(0).random((2, 6, 6, 3))
    found = randomise_cascade(model, images, ["saliency"], ("b", None))
    np.testing.assert_allclose(found.correlations["saliency"][0], 1, atol=1e-6)


def test_mistakes_are_named(trained):
    images, _ = draw_spots(1, seed=3)
    with pytest.raises(UsageError, match="no method to compare"):
        randomise_cascade(trained, images, [])
    with pytest.raises(UsageError, match="no such method"):
        randomise_cascade(trained, images, ["gradcamp"])

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TlkitError, match="layers are not known"):
        next(randomised(Own()))
