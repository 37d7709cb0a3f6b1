"""DenseNet: counts, what a block passes on, keras.applications."""

from itertools import pairwise

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.models.classic import dense_block, densenet121, transition


def test_sizes_are_those_of_table_1(sizes, trainable):
    model = densenet121((224, 224, 3), 1000)
    assert trainable(model) == 7_978_856
    expected = {
        "conv1": (112, 112, 64),
        "pool1": (56, 56, 64),
        "dense1_6": (56, 56, 256),
        "transition1_1x1": (56, 56, 128),
        "transition1": (28, 28, 128),
        "dense2_12": (28, 28, 512),
        "transition2": (14, 14, 256),
        "dense3_24": (14, 14, 1024),
        "transition3": (7, 7, 512),
        "dense4_16": (7, 7, 1024),
        "average": (1024,),
    }
    assert sizes(model, *expected) == list(expected.values())


def test_it_computes_what_keras_applications_computes(randomise):
    published = keras.applications.DenseNet121(
        weights=None, input_shape=(64, 64, 3), classes=7
    )
    randomise(published)
    model = densenet121((64, 64, 3), 7)
    model.set_weights(published.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 64, 64, 3))
    np.testing.assert_allclose(
        np.asarray(model(x)), np.asarray(published(x)), atol=1e-5
    )


@pytest.mark.parametrize("bottleneck", [True, False])
def test_channels_grow_and_what_came_before_is_passed_on(bottleneck, randomise):
    inputs = keras.Input((5, 4, 7))
    block = dense_block(inputs, 3, 6, bottleneck=bottleneck, name="d")
    model = randomise(keras.Model(inputs, block))
    names = ("d_1", "d_2", "d_3")
    outputs = [model.get_layer(name).output for name in names]
    assert [output.shape[-1] for output in outputs] == [13, 19, 25]
    x = np.random.default_rng(1).normal(size=(2, 5, 4, 7)).astype("float32")
    maps = [x, *map(np.asarray, keras.Model(inputs, outputs)(x))]
    for before, after in pairwise(maps):
        kept = before.shape[-1]
        np.testing.assert_array_equal(after[..., :kept], before)
        assert np.abs(after[..., kept:]).max() > 0


def test_a_layer_normalises_rectifies_and_convolves(plain_convolve, randomise):
    inputs = keras.Input((5, 4, 3))
    model = randomise(keras.Model(inputs, dense_block(inputs, 1, 2, name="d")))
    x = y = np.random.default_rng(2).normal(size=(2, 5, 4, 3))
    for name in ("d_1_1x1", "d_1_3x3"):
        gamma, beta, mean, variance = model.get_layer(
            f"{name}_bn"
        ).get_weights()
        y = gamma * (y - mean) / np.sqrt(variance + 1e-5) + beta
        kernel = model.get_layer(name).get_weights()[0]
        y = plain_convolve(np.maximum(y, 0), kernel)
        assert y.shape[-1] == (8 if name == "d_1_1x1" else 2)
    expected = np.concatenate([x, y], axis=-1)
    np.testing.assert_allclose(np.asarray(model(x)), expected, atol=1e-5)


def test_a_transition_halves_sides_by_their_mean(randomise):
    inputs = keras.Input((4, 6, 5))
    model = randomise(keras.Model(inputs, transition(inputs, 3, "t")))
    x = np.random.default_rng(3).normal(size=(1, 4, 6, 5))
    before = keras.Model(inputs, model.get_layer("t_1x1").output)
    expected = np.asarray(before(x)).reshape(1, 2, 2, 3, 2, 3).mean((2, 4))
    np.testing.assert_allclose(np.asarray(model(x)), expected, atol=1e-5)


def test_growth_and_compression_are_taken(sizes):
    model = densenet121((32, 32, 1), 3, growth_rate=4, compression=1.0)
    assert sizes(model, "dense1_6", "transition1", "dense4_16") == [
        (8, 8, 88),
        (4, 4, 88),
        (1, 1, 64 + 4 * (6 + 12 + 24 + 16)),
    ]


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="feature map"):
        dense_block(keras.Input((8,)), 2)
    with pytest.raises(UsageError, match="compression"):
        densenet121((32, 32, 3), 10, compression=1.5)
