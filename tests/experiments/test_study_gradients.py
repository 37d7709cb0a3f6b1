"""Quicker gradients are Keras's gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tlkit.experiments.gradients import call_quickly
from tlkit.experiments.small_networks import lenet5_for_digits, lenet_sized
from tlkit.models.classic import lenet, resnet_mnist

L = keras.layers


def in_a_row(*layers, shape=(28, 28, 1)):
    return keras.Sequential([keras.Input(shape), *layers, L.Flatten()])


def in_two_places():
    inputs = keras.Input((12, 12, 3))
    twice = L.Conv2D(3, 3, padding="same", activation="tanh")
    return keras.Model(inputs, L.Flatten()(twice(twice(inputs))))


def beside_each_other():
    x = inputs = keras.Input((12, 12, 1))
    x = L.Conv2D(3, 3, padding="same")(x)
    x = L.Add()([x, L.AveragePooling2D(1)(x)])
    return keras.Model(inputs, L.Flatten()(x))


def ends_before_its_last_layer():
    inputs = keras.Input((12, 12, 1))
    x = L.Conv2D(3, 3, activation="relu")(inputs)
    return keras.Model(inputs, [L.Flatten()(x)])


NETWORKS = {
    "lenet": lambda: lenet((28, 28, 1), 10),
    "relu, max": lambda: lenet((28, 28, 1), 10, activation="relu"),
    "no pooling": lambda: lenet((28, 28, 1), 10, pool_size=1, pool_stride=2),
    "LeNet-5": lambda: lenet5_for_digits((28, 28, 1), 10),
    "normalised": lambda: lenet_sized((28, 28, 1), 10),
    "residual": lambda: resnet_mnist((28, 28, 1), 10),
    "windows": lambda: in_a_row(
        L.Conv2D(5, 3, padding="same", activation="sigmoid"),
        L.AveragePooling2D((2, 7)),
        L.Conv2D(4, 2, strides=2, use_bias=False),
        L.AveragePooling2D((1, 2)),
    ),
    "overlapping": lambda: in_a_row(L.AveragePooling2D(3, 2), L.Conv2D(2, 3)),
    "left over": lambda: in_a_row(
        L.Conv2D(6, 4, dilation_rate=2), L.AveragePooling2D(3)
    ),
    "padded": lambda: in_a_row(
        L.Conv2D(6, 5), L.AveragePooling2D(5, padding="same")
    ),
    "groups": lambda: in_a_row(
        L.Conv2D(4, 3), L.Conv2D(8, 3, groups=2), L.AveragePooling2D(2)
    ),
    "many": lambda: in_a_row(L.Conv2D(20, 3), L.AveragePooling2D(2)),
    "shared": in_two_places,
    "branches": beside_each_other,
    "list": ends_before_its_last_layer,
}


def learn(call, model, images, weights):
    with tf.GradientTape() as tape:
        outputs = call(images)
        outputs = outputs[0] if isinstance(outputs, list) else outputs
        score = tf.reduce_sum(outputs * weights)
    return outputs, tape.gradient(score, model.trainable_variables)


@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_are_keras_s(name):
    keras.utils.set_random_seed(1)
    model = NETWORKS[name]()
    random = np.random.default_rng(2)
    images = random.random((7, *model.input_shape[1:]), np.float32)
    outputs = model(images)
    outputs = outputs[0] if isinstance(outputs, list) else outputs
    weights = random.standard_normal(outputs.shape).astype(np.float32)
    states = [v.numpy() for v in model.non_trainable_variables]

    def theirs(values):
        return model(values, training=True)

    expected, slopes = learn(theirs, model, images, weights)
    for variable, value in zip(
        model.non_trainable_variables, states, strict=True
    ):
        variable.assign(value)
    quick = tf.function(lambda x: learn(call_quickly(model), model, x, weights))
    found, ours = quick(images)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    for one, two in zip(ours, slopes, strict=True):
        size = np.abs(two).max()
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5 * size)


def operations(call):
    @tf.function
    def slope(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = tf.reduce_sum(call(images))
        return tape.gradient(score, images)

    graph = slope.get_concrete_function(tf.TensorSpec((8, 28, 28, 1))).graph
    return {operation.type for operation in graph.get_operations()}


def test_lenet_takes_the_quick_way():
    model = lenet((28, 28, 1), 10)
    assert "AvgPoolGrad" in operations(lambda x: model(x, training=True))
    # The second pooling has 16 maps, for which TensorFlow's own is as quick.
    first, *_ = [x for x in model.layers if isinstance(x, L.AveragePooling2D)]
    upto = keras.Model(model.input, first.output)
    assert "AvgPoolGrad" in operations(lambda x: upto(x, training=True))
    for quick in (upto, in_a_row(L.Conv2D(3, 5), L.AveragePooling2D(2))):
        assert "AvgPoolGrad" not in operations(call_quickly(quick))


def test_a_penalty_on_what_a_layer_gives_is_kept():
    model = in_a_row(L.Conv2D(3, 3, activity_regularizer="l2"))
    images = np.ones((2, 28, 28, 1), np.float32)
    model(images, training=True)
    expected = float(sum(model.losses))
    call_quickly(model)(images)
    assert float(sum(model.losses)) == pytest.approx(expected)
    assert expected > 0
