"""Layers from their sums, against Keras and finite differences."""

import keras
import numpy as np
import pytest
from scipy import signal

from tlkit.base.errors import UsageError
from tlkit.sums import convolution, pooling, sizes

RANDOM = np.random.default_rng(0)


def slope(function, x, step=1e-6):
    """Gradient of a function to one number, by central differences."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[place] += step
        below[place] -= step
        gradient[place] = (function(above) - function(below)) / (2 * step)
    return gradient


def test_the_worked_example_of_dive_into_deep_learning():
    """Its figure 7.2.1: 0x0 + 1x1 + 3x2 + 4x3 = 19."""
    image, kernel = np.arange(9.0).reshape(3, 3), np.arange(4.0).reshape(2, 2)
    expected = [[19, 25], [37, 43]]
    assert convolution.cross_correlate(image, kernel).tolist() == expected


def test_an_edge_is_found_where_it_is():
    """[1, -1] on white, black, white: 1 falling, -1 rising, else 0."""
    image = np.ones((6, 8))
    image[:, 2:6] = 0
    edges = convolution.cross_correlate(image, np.array([[1.0, -1.0]]))
    assert edges.tolist() == [[0, 1, 0, 0, 0, -1, 0]] * 6


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (2, 4), (5, 1)])
def test_cross_correlation_and_convolution_are_scipys(rows, columns):
    image, kernel = (
        RANDOM.normal(size=(7, 9)),
        RANDOM.normal(size=(rows, columns)),
    )
    np.testing.assert_allclose(
        convolution.cross_correlate(image, kernel),
        signal.correlate2d(image, kernel, "valid"),
    )
    np.testing.assert_allclose(
        convolution.convolve(image, kernel),
        signal.convolve2d(image, kernel, "valid"),
    )


def test_convolution_associates_and_cross_correlation_does_not():
    image = RANDOM.normal(size=(9, 9))
    first, second = RANDOM.normal(size=(2, 3, 3))
    both = signal.convolve2d(first, second)
    step_by_step = convolution.convolve(
        convolution.convolve(image, first), second
    )
    np.testing.assert_allclose(step_by_step, convolution.convolve(image, both))
    correlate = convolution.cross_correlate
    assert not np.allclose(
        correlate(correlate(image, first), second),
        correlate(image, correlate(np.pad(first, 2), second)),
    )


def test_keras_convolution_is_cross_correlation():
    image, kernel = RANDOM.normal(size=(6, 6)), RANDOM.normal(size=(3, 3))
    keras_says = keras.ops.conv(
        image[None, ..., None], kernel[..., None, None], padding="valid"
    )
    keras_says = np.asarray(keras_says)[0, ..., 0]
    np.testing.assert_allclose(
        convolution.cross_correlate(image, kernel), keras_says, atol=1e-6
    )
    assert not np.allclose(convolution.convolve(image, kernel), keras_says)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [(3, 3), (1, 1), (4, 2)])
def test_conv2d_is_keras_conv2d(window, stride, padding):
    images = RANDOM.normal(size=(2, 7, 8, 3))
    layer = keras.layers.Conv2D(
        5, window, stride, padding, bias_initializer="normal", dtype="float64"
    )
    expected = layer(images)
    kernel, bias = map(np.asarray, layer.get_weights())
    output = convolution.conv2d(images, kernel, bias, stride, padding)
    np.testing.assert_allclose(output, expected, atol=1e-12)
    assert kernel.size + bias.size == (window[0] * window[1] * 3 + 1) * 5


def test_padding_by_a_number_is_zeros_on_either_side():
    images, kernel = (
        RANDOM.normal(size=(1, 5, 5, 1)),
        RANDOM.normal(size=(3, 3, 1, 1)),
    )
    padded = np.zeros((1, 9, 9, 1))
    padded[:, 2:7, 2:7] = images
    np.testing.assert_array_equal(
        convolution.conv2d(images, kernel, padding=2),
        convolution.conv2d(padded, kernel),
    )


def test_what_cannot_be_convolved_is_said():
    images = np.zeros((1, 4, 4, 3))
    with pytest.raises(UsageError, match="3 channels"):
        convolution.conv2d(images, np.zeros((3, 3, 1, 2)))
    with pytest.raises(UsageError, match="5 places or more"):
        convolution.conv2d(images, np.zeros((5, 5, 3, 2)))
    with pytest.raises(UsageError, match="'full'"):
        convolution.conv2d(images, np.zeros((3, 3, 3, 2)), padding="full")
    with pytest.raises(UsageError, match="-1"):
        convolution.conv2d(images, np.zeros((3, 3, 3, 2)), padding=-1)


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding", "expected"),
    [
        (32, 5, 1, (0, 0), 28),  # LeNet-5, C1
        (28, 2, 2, (0, 0), 14),  # LeNet-5, S2
        (227, 11, 4, (0, 0), 55),  # AlexNet, first convolution
        (55, 3, 2, (0, 0), 27),  # AlexNet, overlapping pooling
        (224, 3, 1, (1, 1), 224),  # VGG
        (224, 7, 2, (3, 3), 112),  # ResNet, first convolution
    ],
)
def test_the_output_sizes_of_the_papers(
    size, window, stride, padding, expected
):
    assert sizes.output_size(size, window, stride, padding) == expected


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_output_sizes_are_keras_own(dilation, padding):
    for size in range(9, 14):
        for window in (1, 2, 3, 4):
            for stride in (1, 2, 3) if dilation == 1 else (1,):
                layer = keras.layers.Conv2D(
                    1, window, stride, padding, dilation_rate=dilation
                )
                expected = layer.compute_output_shape((1, size, size, 1))[1]
                both = sizes.padding_places(
                    padding, size, window, stride, dilation
                )
                received = sizes.output_size(
                    size, window, stride, both, dilation
                )
                assert received == expected


POOLS = [
    (2, 2, "valid"),
    (3, 2, "valid"),
    (3, 2, "same"),
    (2, 1, "same"),
    (3, 3, "same"),
]


@pytest.mark.parametrize(("size", "stride", "padding"), POOLS)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling_and_its_gradient_are_keras_own(kind, size, stride, padding):
    import tensorflow as tf

    images = RANDOM.normal(size=(2, 7, 8, 3))
    pool = getattr(keras.ops, f"{kind}_pool")
    pixels = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        expected = pool(pixels, size, stride, padding)
        upstream = RANDOM.normal(size=expected.shape)
        loss = tf.reduce_sum(expected * upstream)
    ours = getattr(pooling, f"{kind}_pool2d")
    gradient = getattr(pooling, f"{kind}_pool2d_gradient")
    np.testing.assert_allclose(ours(images, size, stride, padding), expected)
    np.testing.assert_allclose(
        gradient(images, upstream, size, stride, padding),
        tape.gradient(loss, pixels),
        atol=1e-12,
    )


@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling_gradients_are_slopes(kind):
    images = RANDOM.normal(size=(1, 5, 4, 2))
    pool = getattr(pooling, f"{kind}_pool2d")
    upstream = RANDOM.normal(size=pool(images, 3, 2, 1).shape)
    np.testing.assert_allclose(
        getattr(pooling, f"{kind}_pool2d_gradient")(images, upstream, 3, 2, 1),
        slope(lambda x: np.sum(pool(x, 3, 2, 1) * upstream), images),
        atol=1e-7,
    )


def test_of_equal_maxima_the_first_has_the_gradient():
    gradient = pooling.max_pool2d_gradient(
        np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1)), 2, 2
    )
    assert gradient[0, ..., 0].tolist() == [[1, 0], [0, 0]]
