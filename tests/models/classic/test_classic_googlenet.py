"""GoogLeNet and the small networks of the lectures."""

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.models.classic import (
    four_branches,
    googlenet,
    inception,
    inception_mnist,
    resnet_mnist,
)


def parameters(model, prefix):
    return sum(
        layer.count_params()
        for layer in model.layers
        if layer.name.startswith(prefix)
    )


def test_googlenet_has_the_sizes_of_table_1(sizes):
    model = googlenet((224, 224, 3), 1000)
    expected = {
        "conv1": (112, 112, 64),
        "pool1": (56, 56, 64),
        "conv2": (56, 56, 192),
        "pool2": (28, 28, 192),
        "inception_3a": (28, 28, 256),
        "inception_3b": (28, 28, 480),
        "pool3": (14, 14, 480),
        "inception_4a": (14, 14, 512),
        "inception_4b": (14, 14, 512),
        "inception_4c": (14, 14, 512),
        "inception_4d": (14, 14, 528),
        "inception_4e": (14, 14, 832),
        "pool4": (7, 7, 832),
        "inception_5a": (7, 7, 832),
        "inception_5b": (7, 7, 1024),
        "average": (1024,),
        "predictions": (1000,),
    }
    assert sizes(model, *expected) == list(expected.values())
    assert model.count_params() == 6_998_552


def test_googlenet_has_the_parameters_of_table_1():
    """Weights without biases, in units of 1,024, as the paper prints them.

    Three rows agree to a unit. The others differ from what the paper's own
    channels give, most for 4c, which it prints as 463.
    """
    model = googlenet((224, 224, 3), 1000)

    def weights(prefix):
        return sum(
            int(np.prod(layer.kernel.shape)) / 1024
            for layer in model.layers
            if layer.name.startswith(prefix) and layer.weights
        )

    exact = {"conv2": 112, "inception_3a": 159, "inception_3b": 380}
    for prefix, printed in exact.items():
        assert weights(prefix) == pytest.approx(printed, abs=1)
    printed = (364, 437, 463, 580, 840, 1072, 1388)
    for module, row in zip(
        ("4a", "4b", "4c", "4d", "4e", "5a", "5b"), printed, strict=True
    ):
        assert weights(f"inception_{module}") == pytest.approx(row, rel=0.08)


def branch(x, model, plain_convolve, relu, *names):
    for name in names:
        kernel, bias = model.get_layer(name).get_weights()
        x = plain_convolve(x, kernel, bias)
        x = np.maximum(x, 0) if relu else x
    return x


def pooled(x, join, empty):
    """3x3 windows at steps of 1, of the pixels there are."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=empty)
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, (3, 3), axis=(1, 2)
    )
    return join(windows, axis=(4, 5))


def test_inception_is_its_four_branches_side_by_side(plain_convolve, randomise):
    inputs = keras.Input((6, 5, 3))
    module = inception(inputs, 4, (2, 5), (3, 6), 7, name="m")
    model = randomise(keras.Model(inputs, module))
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3))
    common = (model, plain_convolve, True)
    maximum = pooled(x, np.max, -np.inf)
    expected = [
        branch(x, *common, "m_1x1"),
        branch(x, *common, "m_3x3_reduce", "m_3x3"),
        branch(x, *common, "m_5x5_reduce", "m_5x5"),
        branch(maximum, *common, "m_pool_projection"),
    ]
    assert [part.shape[-1] for part in expected] == [4, 5, 6, 7]
    np.testing.assert_allclose(
        np.asarray(model(x)), np.concatenate(expected, -1), atol=1e-5
    )


def test_four_branches_give_88_channels(plain_convolve, randomise):
    inputs = keras.Input((5, 6, 10))
    model = randomise(keras.Model(inputs, four_branches(inputs, "m")))
    assert model.count_params() == 19_104
    x = np.random.default_rng(1).normal(size=(1, 5, 6, 10))
    common = (model, plain_convolve, False)
    mean = pooled(x, np.nanmean, np.nan)
    expected = [
        branch(x, *common, "m_1x1"),
        branch(x, *common, "m_5x5_reduce", "m_5x5"),
        branch(x, *common, "m_3x3_reduce", "m_3x3_1", "m_3x3_2"),
        branch(mean, *common, "m_pool_projection"),
    ]
    assert [part.shape[-1] for part in expected] == [16, 24, 24, 24]
    np.testing.assert_allclose(
        np.asarray(model(x)), np.concatenate(expected, -1), atol=1e-5
    )


def test_inception_mnist_is_the_lectures_layer_by_layer(sizes):
    model = inception_mnist((28, 28, 1), 10)
    names = ("pool1", "inception1", "pool2", "inception2", "flatten")
    assert sizes(model, *names) == [
        (12, 12, 10),
        (12, 12, 88),
        (4, 4, 20),
        (4, 4, 88),
        (1408,),
    ]
    prefixes = ("conv1", "inception1", "conv2", "inception2", "predictions")
    found = [parameters(model, prefix) for prefix in prefixes]
    assert found == [260, 19_104, 44_020, 19_824, 14_090]
    assert model.count_params() == 97_298


def test_resnet_mnist_is_the_lectures_layer_by_layer(sizes):
    model = resnet_mnist((28, 28, 1), 10)
    names = ("pool1", "residual1", "pool2", "residual2", "flatten")
    assert sizes(model, *names) == [
        (12, 12, 16),
        (12, 12, 16),
        (4, 4, 32),
        (4, 4, 32),
        (512,),
    ]
    prefixes = ("conv1", "residual1", "conv2", "residual2", "predictions")
    found = [parameters(model, prefix) for prefix in prefixes]
    assert found == [416, 4_640, 12_832, 18_496, 5_130]


@pytest.mark.parametrize("build", [inception_mnist, resnet_mnist])
def test_the_small_networks_learn(build, loss_falls):
    keras.utils.set_random_seed(0)
    assert loss_falls(build((20, 17, 3), 4))


def test_googlenet_takes_a_single_grey_pixel(sizes):
    model = googlenet((1, 1, 1), 2, dropout=0)
    assert sizes(model, "inception_5b") == [(1, 1, 1024)]
    rows = np.asarray(model(np.ones((2, 1, 1, 1))))
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "module",
    [four_branches, lambda x: inception(x, 1, (1, 1), (1, 1), 1)],
)
def test_modules_want_a_feature_map(module):
    with pytest.raises(UsageError, match="feature map"):
        module(keras.Input((8,)))
