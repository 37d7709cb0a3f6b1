"""Activations, batch normalisation and losses, against Keras and slopes."""

import keras
import numpy as np
import pytest
from PIL import Image

from tlkit.sums import activations, curves, losses, normalisation

RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_activations_are_keras_own_and_their_derivatives_slopes(name):
    x = np.linspace(-7, 7, 1000)  # 0 is not among them
    function = getattr(activations, name)
    expected = getattr(keras.ops, name)(x)
    np.testing.assert_allclose(function(x), expected, atol=1e-6)
    step = 1e-5
    slope = (function(x + step) - function(x - step)) / (2 * step)
    derivative = getattr(activations, f"{name}_derivative")(x)
    np.testing.assert_allclose(derivative, slope, atol=1e-8)


def test_derivatives_at_zero_and_far_away():
    far = np.array([-1000.0, 0.0, 1000.0])
    assert activations.relu_derivative(far).tolist() == [0, 0, 1]
    assert activations.sigmoid(far).tolist() == [0, 0.5, 1]
    assert activations.sigmoid_derivative(far).tolist() == [0, 0.25, 0]
    assert activations.tanh_derivative(far).tolist() == [0, 1, 0]


def both_layers(dimensions):
    """Keras's batch normalisation and ours, with the same numbers."""
    theirs = keras.layers.BatchNormalization(
        gamma_initializer="uniform", beta_initializer="normal", dtype="float64"
    )
    theirs.build((None,) * (dimensions - 1) + (3,))
    return theirs, normalisation.BatchNormalisation(*theirs.get_weights())


@pytest.mark.parametrize("shape", [(8, 3), (4, 5, 6, 3)])
def test_batch_normalisation_is_keras_own_over_several_batches(shape):
    theirs, ours = both_layers(len(shape))
    for _ in range(5):
        batch = RANDOM.normal(2, 3, size=shape)
        expected = theirs(batch, training=True)
        np.testing.assert_allclose(ours.train(batch), expected, atol=1e-12)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean)
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance)
    batch = RANDOM.normal(size=shape)
    expected = theirs(batch, training=False)
    np.testing.assert_allclose(ours.infer(batch), expected, atol=1e-12)
    assert not np.allclose(ours.train(batch), expected, atol=1e-2)


def test_normalised_channels_have_mean_0_and_variance_1():
    batch = RANDOM.normal(5, 2, size=(6, 4, 4, 3))
    mean, variance = normalisation.batch_statistics(batch)
    np.testing.assert_allclose(mean, [batch[..., c].mean() for c in range(3)])
    np.testing.assert_allclose(
        variance, [batch[..., c].var() for c in range(3)]
    )
    out = normalisation.normalise(batch, mean, variance, epsilon=0)
    np.testing.assert_allclose(out.mean((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(out.std((0, 1, 2)), 1)


def test_the_gradient_of_batch_normalisation_is_keras_own():
    import tensorflow as tf

    theirs, ours = both_layers(4)
    batch = RANDOM.normal(2, 3, size=(4, 2, 3, 3))
    upstream = RANDOM.normal(size=batch.shape)
    values = tf.constant(batch)
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = tf.reduce_sum(theirs(values, training=True) * upstream)
    watched = [values, theirs.gamma.value, theirs.beta.value]
    gradients = normalisation.batch_norm_gradient(batch, upstream, ours.gamma)
    for ours_, expected in zip(
        gradients, tape.gradient(loss, watched), strict=True
    ):
        np.testing.assert_allclose(ours_, expected, atol=1e-10)


LOGITS = RANDOM.normal(0, 3, size=(6, 4))
LABELS = np.array([0, 3, 1, 1, 2, 0])
ONE_HOT = np.eye(4)[LABELS]


def test_cross_entropy_is_keras_own_with_both_kinds_of_label():
    expected = keras.losses.categorical_crossentropy(
        ONE_HOT, LOGITS, from_logits=True
    )
    assert losses.cross_entropy(LOGITS, ONE_HOT) == pytest.approx(expected)
    expected = keras.losses.sparse_categorical_crossentropy(
        LABELS, LOGITS, from_logits=True
    )
    sparse = losses.sparse_cross_entropy(LOGITS, LABELS)
    assert sparse == pytest.approx(expected)
    np.testing.assert_allclose(
        losses.log_softmax(LOGITS), keras.ops.log_softmax(LOGITS), atol=1e-6
    )


def test_a_network_that_knows_nothing_loses_log_of_the_classes():
    loss = losses.sparse_cross_entropy(np.full((1, 10), 7.0), np.array([3]))
    assert loss == pytest.approx(np.log(10))


def test_logits_of_any_size_give_finite_losses():
    """A plain softmax of these would be inf / inf, its logarithm of 0."""
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]])
    labels = np.array([0, 0])
    assert losses.sparse_cross_entropy(logits, labels).tolist() == [0, 2e4]
    assert np.isfinite(losses.cross_entropy(logits, np.eye(2)[labels])).all()


def test_the_gradient_of_cross_entropy_is_its_slope():
    soft = 0.9 * ONE_HOT + 0.1 / 4
    gradient = losses.cross_entropy_gradient(LOGITS, soft)
    for column in range(4):
        step = np.zeros(4)
        step[column] = 1e-6
        rise = losses.cross_entropy(LOGITS + step, soft)
        rise -= losses.cross_entropy(LOGITS - step, soft)
        np.testing.assert_allclose(gradient[:, column], rise / 2e-6, atol=1e-8)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-12)


PREDICTED, TRUE = RANDOM.normal(0, 2, size=(2, 5, 7))


def test_l1_l2_and_smooth_l1_are_keras_own():
    for ours, theirs in (
        (losses.l1, keras.losses.mean_absolute_error),
        (losses.l2, keras.losses.mean_squared_error),
    ):
        np.testing.assert_allclose(
            ours(PREDICTED, TRUE).mean(axis=1), theirs(TRUE, PREDICTED), 1e-6
        )
    for beta in (0.5, 1.0, 2.0):
        huber = keras.losses.huber(TRUE, PREDICTED, delta=beta)
        ours = losses.smooth_l1(PREDICTED, TRUE, beta).mean(axis=1)
        np.testing.assert_allclose(ours * beta, huber, 1e-6)


def test_gradients_of_the_errors_are_slopes():
    step = 1e-6
    for name in ("l1", "l2", "smooth_l1"):
        loss = getattr(losses, name)
        slope = loss(PREDICTED + step, TRUE) - loss(PREDICTED - step, TRUE)
        gradient = getattr(losses, f"{name}_gradient")(PREDICTED, TRUE)
        np.testing.assert_allclose(gradient, slope / (2 * step), atol=1e-8)


def test_the_curves_are_drawn(tmp_path):
    curves.draw_activations(tmp_path / "activations.png")
    curves.draw_losses(tmp_path / "losses.png")
    for name in ("activations", "losses"):
        with Image.open(tmp_path / f"{name}.png") as image:
            pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
        for colour in ("#000000", "#56B4E9"):  # value, derivative
            rgb = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
            assert (pixels == rgb).all(axis=1).sum() > 300
