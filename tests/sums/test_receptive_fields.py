"""Receptive fields against gradients: what moves a unit is what it sees."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tlkit.base.errors import UsageError
from tlkit.sums.arithmetic import seen_pixels
from tlkit.sums.describe import describe_network

POSITIVE = {
    "kernel_initializer": keras.initializers.RandomUniform(0.1, 1, seed=0),
    "bias_initializer": "zeros",
}


def conv(*arguments, **options):
    return layers.Conv2D(2, *arguments, **options, **POSITIVE)


def depthwise(*arguments, **options):
    return layers.DepthwiseConv2D(
        *arguments,
        depthwise_initializer=POSITIVE["kernel_initializer"],
        **options,
    )


def stack(*parts):
    def build(x):
        for part in parts:
            x = part(x)
        return x

    return build


def residual(x):
    """A strided block with a 1x1 shortcut, as ResNet's."""
    deep = conv(3, strides=2, padding="same")(x)
    deep = conv(3, padding="same")(layers.ReLU()(deep))
    return layers.Add()([deep, conv(1, strides=2)(x)])


def inception(x):
    branches = [
        conv(1)(x),
        conv(3, padding="same")(conv(1)(x)),
        conv(5, padding="same")(x),
        layers.MaxPooling2D(3, 1, padding="same")(x),
    ]
    return conv(3)(layers.Concatenate()(branches))


def squeeze(x):
    """Every unit of a squeeze-and-excitation block sees all."""
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Multiply()([conv(3)(x), conv(1)(gate)])


NETWORKS = {
    "valid": stack(conv(3), conv(3)),
    "same": stack(conv(5, padding="same"), conv(3, padding="same")),
    "even": stack(conv(4, padding="same"), conv(2, padding="same")),
    "strides": stack(
        conv(3, strides=2, padding="same"), conv(3, strides=2), conv(3)
    ),
    "uneven": stack(conv((1, 5), strides=(1, 2)), conv((3, 1))),
    "dilation": stack(
        conv(3, dilation_rate=2, padding="same"), conv(2, dilation_rate=3)
    ),
    "pooling": stack(
        conv(3), layers.MaxPooling2D(2), conv(3), layers.AveragePooling2D(2)
    ),
    # The last row and column are pooled by none, yet padded by the next.
    "left over": stack(layers.AveragePooling2D(5), conv(3, padding="same")),
    "overlapping": stack(
        layers.MaxPooling2D(3, 2, padding="same"), conv(3, padding="same")
    ),
    "padded": stack(
        layers.ZeroPadding2D(((1, 2), (2, 0))),
        conv(3, strides=2),
        layers.Cropping2D(((1, 0), (0, 1))),
    ),
    "depthwise": stack(depthwise(3, strides=2), depthwise(3, padding="same")),
    "residual": stack(residual, residual),
    "inception": inception,
    "squeeze": squeeze,
    "normalised": stack(conv(3), layers.LayerNormalization(axis=(1, 2, 3))),
    "dense": stack(
        conv(3, strides=2), layers.Flatten(), layers.Dense(2, **POSITIVE)
    ),
}


def moved_by(model, images, place):
    """First and last row and column whose pixels move a unit."""
    pixels = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        output = model(pixels, training=False)
        unit = (
            output[:, place[0], place[1]] if len(output.shape) == 4 else output
        )
        # Channels weigh differently: normalised, they add up to nothing.
        weights = np.linspace(1, 2, unit.shape[-1], dtype="float32")
        loss = tf.reduce_sum(unit * weights)
    gradient = np.abs(tape.gradient(loss, pixels)).sum(axis=(0, 3))
    rows, columns = np.nonzero(gradient)
    return rows.min(), columns.min(), rows.max(), columns.max()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_unit_sees_what_its_gradient_reaches(name):
    image = keras.Input((23, 26, 2))
    model = keras.Model(image, NETWORKS[name](image))
    # Of a maximum only the largest has a gradient; in 200 images each is once.
    images = np.random.default_rng(0).uniform(0.5, 1, (200, 23, 26, 2))
    layer = describe_network(model).layers[-1]
    height, width = layer.output[:2] if len(layer.output) == 3 else (1, 1)
    places = {(0, 0), (height // 2, width // 2), (height - 1, width - 1)}
    for place in sorted(places):
        expected = moved_by(model, images.astype("float32"), place)
        assert seen_pixels(layer, *place) == tuple(map(int, expected)), place


@pytest.mark.parametrize("name", ["same", "strides", "dilation", "residual"])
def test_size_jump_and_centre_are_those_in_the_middle_of_a_large_image(name):
    """Away from every border the sums hold as they stand."""
    image = keras.Input((61, 61, 2))
    model = keras.Model(image, NETWORKS[name](image))
    images = np.random.default_rng(0).uniform(0.5, 1, (4, 61, 61, 2))
    field = describe_network(model).layers[-1].fields[0]
    middle = model.output_shape[1] // 2
    here, there = (
        moved_by(model, images.astype("float32"), (middle, column))
        for column in (middle, middle + 1)
    )
    assert here[3] - here[1] + 1 == field.size
    assert there[1] - here[1] == field.jump
    assert (here[1] + here[3]) / 2 == field.centre + middle * field.jump


def test_branches_of_another_jump_have_no_common_field():
    image = keras.Input((8, 8, 1))
    shrunk = layers.UpSampling2D(2)(layers.MaxPooling2D(2)(image))
    model = keras.Model(image, layers.Add()([image, shrunk]))
    layer = describe_network(model).layers[-1]
    assert layer.fields is None
    with pytest.raises(UsageError, match="not known"):
        seen_pixels(layer, 0, 0)


def test_a_resizing_is_only_seen_through_if_it_changes_nothing():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(2, 3)(layers.Resizing(12, 12)(image))
    model = keras.Model(image, x)
    fields = describe_network(model, (12, 12, 3)).layers[-1].fields
    assert fields[0].size == 3
    assert describe_network(model, (24, 24, 3)).layers[-1].fields is None


def test_units_that_are_not_there():
    image = keras.Input((8, 8, 1))
    padded = layers.ZeroPadding2D(2)(image)
    layer = describe_network(keras.Model(image, padded)).layers[-1]
    assert seen_pixels(layer, 2, 9) == (0, 7, 0, 7)
    with pytest.raises(UsageError, match="nothing but padding"):
        seen_pixels(layer, 1, 5)
    for place in ((12, 0), (0, -1)):
        with pytest.raises(UsageError, match="row 0 to 11, column 0 to 11"):
            seen_pixels(layer, *place)
