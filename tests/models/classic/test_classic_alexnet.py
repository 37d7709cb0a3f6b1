"""AlexNet: its counts, its normalisation, its pooling, its two halves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.models.classic import (
    alexnet,
    local_response_normalisation,
    overlapping_pool,
)

GROUPED = {
    "conv1": 34_944,
    "conv2": 307_456,
    "conv3": 885_120,
    "conv4": 663_936,
    "conv5": 442_624,
    "fc6": 37_752_832,
    "fc7": 16_781_312,
    "predictions": 4_097_000,
}
WHOLE = {**GROUPED, "conv2": 614_656, "conv4": 1_327_488, "conv5": 884_992}


def counts(model):
    """Parameters by layer, the halves of a grouped one added up."""
    found = dict.fromkeys(GROUPED, 0)
    for layer in model.layers:
        name = layer.name.split("_")[0]
        if name in found:
            found[name] += layer.count_params()
    return found


def test_it_is_the_papers_layer_by_layer(sizes):
    model = alexnet((227, 227, 3), 1000)
    assert counts(model) == GROUPED
    assert model.count_params() == 60_965_224  # "60 million parameters"
    names = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5")
    assert sizes(model, *names, "pool5", "fc6", "fc7", "predictions") == [
        (55, 55, 96),
        (27, 27, 96),
        (27, 27, 256),
        (13, 13, 256),
        (13, 13, 384),
        (13, 13, 384),
        (13, 13, 256),
        (6, 6, 256),
        (4096,),
        (4096,),
        (1000,),
    ]


@pytest.fixture(scope="module")
def small():
    """Everything before the dense layers is as large as ever."""
    return alexnet((67, 67, 3), 5)


def test_in_one_group_it_has_62_million(small):
    model = alexnet((67, 67, 3), 5, groups=1, normalise=False)
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc7"):
        assert counts(model)[name] == WHOLE[name]
    assert "norm1" not in [layer.name for layer in model.layers]
    more = sum(WHOLE.values()) - sum(GROUPED.values())
    assert model.count_params() == small.count_params() + more
    assert sum(WHOLE.values()) == 62_378_344


def test_the_halves_do_not_see_each_other_except_at_conv3(small):
    def seen(source, target):
        part = keras.Model(
            small.get_layer(source).output, small.get_layer(target).output
        )
        x = tf.random.stateless_normal((1, *part.input_shape[1:]), (3, 4))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = part(x)
            half = tf.reduce_sum(y[..., : y.shape[-1] // 2])
        gradient = np.abs(np.asarray(tape.gradient(half, x))).sum((0, 1, 2))
        first, second = np.split(gradient > 0, 2)
        return first.any(), second.any()

    assert seen("pool1", "conv2") == (True, False)
    assert seen("pool2", "conv3") == (True, True)
    assert seen("conv3", "conv4") == (True, False)
    assert seen("conv4", "conv5") == (True, False)


def plain_normalisation(a, size, k, alpha, beta):
    """Section 3.3, one number after the other."""
    b, channels = np.empty_like(a), a.shape[-1]
    for place in np.ndindex(a.shape[:-1]):
        for i in range(channels):
            low, high = max(0, i - size // 2), min(channels - 1, i + size // 2)
            total = sum(a[place][j] ** 2 for j in range(low, high + 1))
            b[place][i] = a[place][i] / (k + alpha * total) ** beta
    return b


@pytest.mark.parametrize(
    "constants",
    [
        {"size": 5, "k": 2.0, "alpha": 1e-4, "beta": 0.75},
        {"size": 3, "k": 1.0, "alpha": 0.5, "beta": 0.5},
        {"size": 1, "k": 0.5, "alpha": 1.0, "beta": 1.0},
    ],
)
def test_normalisation_is_the_equation(constants):
    a = np.random.default_rng(0).normal(0, 30, (2, 2, 3, 7))
    inputs = keras.Input((2, 3, 7))
    model = keras.Model(
        inputs, local_response_normalisation(inputs, **constants)
    )
    expected = plain_normalisation(a, **constants)
    np.testing.assert_allclose(np.asarray(model(a)), expected, rtol=1e-4)


def test_its_constants_are_the_papers():
    a = np.random.default_rng(1).normal(0, 50, (1, 2, 2, 8)).astype("float32")
    expected = plain_normalisation(a.astype("float64"), 5, 2, 1e-4, 0.75)
    found = np.asarray(local_response_normalisation(a))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_pooling_overlaps():
    x = np.random.default_rng(2).normal(size=(2, 7, 8, 3)).astype("float32")
    expected = np.empty((2, 3, 3, 3))
    for row in range(3):
        for column in range(3):
            top, left = 2 * row, 2 * column
            window = x[:, top : top + 3, left : left + 3]
            expected[:, row, column] = window.max((1, 2))
    found = np.asarray(overlapping_pool(x, "pool"))
    np.testing.assert_array_equal(found, expected.astype("float32"))


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="divisor of 96 and 256"):
        alexnet((67, 67, 3), 5, groups=5)
    with pytest.raises(UsageError, match="dropped"):
        alexnet((67, 67, 3), 5, dropout=1)
    with pytest.raises(UsageError, match="odd"):
        local_response_normalisation(keras.Input((4, 4, 8)), size=4)
    with pytest.raises(UsageError, match="feature map"):
        local_response_normalisation(keras.Input((8,)))
