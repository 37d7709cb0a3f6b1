"""Random layers: the numbers of one batch, or an error before training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.tensor.joint_noise import check_noise, run_jointly

layers = keras.layers


def build(*inner, nested=False):
    inputs = keras.Input((6, 6, 3))
    x = inputs
    for layer in inner:
        x = layer(x)
    if nested:
        inside = keras.Model(inputs, x)
        inputs = keras.Input((6, 6, 3))
        x = inside(inputs)
    return keras.Model(inputs, layers.Flatten()(x))


def seeds(model):
    return [v for v in model.non_trainable_variables if "seed" in v.path]


NOISY = {
    "dropout": lambda: layers.Dropout(0.4, seed=1),
    "whole maps": lambda: layers.SpatialDropout2D(0.4, seed=1),
    "by image": lambda: layers.Dropout(0.4, (None, 1, 1, 1), seed=1),
    "factors": lambda: layers.GaussianDropout(0.4, seed=1),
    "summands": lambda: layers.GaussianNoise(0.4, seed=1),
    "none": lambda: layers.Dropout(0.0),
}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", NOISY)
def test_a_single_replica_runs_the_model_as_it_is(name, nested):
    """Of several replicas `test_strategy` compares whole trainings."""
    images = np.random.default_rng(0).normal(size=(4, 6, 6, 3)).astype("f")
    found, expected = [], []
    for results, run in (
        (found, lambda model: run_jointly(model, tf.constant(images), 1)),
        (expected, lambda model: model(images, training=True)),
    ):
        model = build(layers.Conv2D(3, 1), NOISY[name](), nested=nested)
        model.set_weights(
            [np.ones_like(w) if w.ndim else w for w in model.get_weights()]
        )
        check_noise(model)
        strategy = tf.distribute.get_strategy()
        for _ in range(2):
            results.append(strategy.run(run, args=(model,)).numpy())
        results += [variable.numpy() for variable in seeds(model)]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


class OwnNoise(layers.Layer):
    def __init__(self):
        super().__init__()
        self.numbers = keras.random.SeedGenerator(0)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.numbers)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: layers.AlphaDropout(0.5), "AlphaDropout draws"),
        (lambda: layers.RandomFlip(), "RandomFlip draws"),
        (OwnNoise, "OwnNoise draws"),
        (lambda: layers.BatchNormalization(), "batch normalisation"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_what_would_differ_on_each_device_is_an_error(layer, words, nested):
    with pytest.raises(UsageError, match=words) as raised:
        check_noise(build(layer(), nested=nested))
    assert "--devices 1" in str(raised.value)


def test_a_frozen_batch_normalisation_is_none():
    frozen = layers.BatchNormalization(trainable=False)
    check_noise(build(frozen))


def test_a_dropout_inside_another_layer_is_found():
    inputs = keras.Input((6, 4))
    attended = layers.MultiHeadAttention(2, 2, dropout=0.5)(inputs, inputs)
    with pytest.raises(UsageError, match="draws for each device"):
        check_noise(keras.Model(inputs, attended))
