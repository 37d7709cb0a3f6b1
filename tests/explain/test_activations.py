"""Activations against convolutions written out, and against Keras itself."""

import keras
import numpy as np
import pytest

from tlkit import plots
from tlkit.base.errors import TlkitError, UsageError
from tlkit.explain.activations import (
    activations,
    dead_channels,
    visible_layers,
)

RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.integers(0, 256, (3, 16, 16, 3), "uint8")


def convolutions(name):
    """conv -> batch normalisation -> ReLU -> pooling, a graph of its own."""
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, name="plain")(pixels)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="cut")(x)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    return keras.Model(pixels, x, name=name)


@pytest.fixture(scope="module")
def nested():
    """A base and a Sequential inside a model; what the recipes fail on."""
    keras.utils.set_random_seed(4)
    base = convolutions("base")
    tail = keras.Sequential(
        [
            keras.layers.Conv2D(5, 3, activation="relu", name="conv"),
            keras.layers.Dropout(0.5, name="drop"),
        ],
        name="tail",
    )
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Resizing(16, 16, name="resize")(pixels)
    x = keras.layers.Rescaling(1 / 255, name="scale")(x)
    x = tail(base(x))
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    x = keras.layers.Dense(2, activation="softmax", name="end")(x)
    model = keras.Model(pixels, x, name="nested")
    normalisation = base.get_layer("norm")
    normalisation.set_weights(
        [RANDOM.uniform(0.5, 1.5, w.shape) for w in normalisation.get_weights()]
    )
    return model


def test_a_convolution_written_out():
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((5, 6, 2)),
            keras.layers.Conv2D(3, (2, 3), activation="relu", name="conv"),
            keras.layers.AveragePooling2D(2, name="pool"),
        ]
    )
    image = RANDOM.normal(size=(1, 5, 6, 2)).astype("float32")
    kernel, bias = model.get_layer("conv").get_weights()
    expected = np.empty((1, 4, 4, 3))
    for row, column in np.ndindex(4, 4):
        patch = image[0, row : row + 2, column : column + 3]
        expected[0, row, column] = np.einsum("hwc,hwco->o", patch, kernel)
    expected = np.maximum(expected + bias, 0)
    found = activations(model, image)
    assert list(found) == ["conv", "pool"]
    np.testing.assert_allclose(found["conv"], expected, atol=1e-6)
    means = expected.reshape(1, 2, 2, 2, 2, 3).mean((2, 4))
    np.testing.assert_allclose(found["pool"], means, atol=1e-6)


def test_layers_of_models_inside_the_model_are_reached(nested):
    found = activations(
        nested, IMAGES, ["base/cut", "norm", "pool", "tail/conv", "base"]
    )
    scaled = IMAGES.astype("float32") / 255
    base, tail = nested.get_layer("base"), nested.get_layer("tail")
    cut = keras.Model(base.input, base.get_layer("cut").output)
    pooled = np.asarray(base(scaled, training=False))
    np.testing.assert_allclose(
        found["base/cut"], cut(scaled, training=False), atol=1e-6
    )
    for name, expected in {
        "pool": pooled,
        "base": pooled,
        "tail/conv": tail(pooled, training=False),
    }.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-6)
    np.testing.assert_array_equal(
        np.maximum(found["norm"], 0), found["base/cut"]
    )


def test_shown_are_nonlinear_layers_and_pooling(nested):
    # No linear convolution, no normalisation, no softmax.
    assert visible_layers(nested) == ["base/cut", "base/pool", "tail/conv"]


def test_a_model_in_mixed_precision_inside_another_computes_as_ever():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        keras.utils.set_random_seed(6)
        base = convolutions("base")
        whole = keras.Sequential([keras.Input((16, 16, 3)), base])
    finally:
        keras.config.set_dtype_policy(policy)
    images = IMAGES.astype("float32")
    expected = keras.ops.cast(whole(images, training=False), "float32")
    found = activations(whole, images, ["pool"])["pool"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def with_dead_filters():
    model = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
        ]
    )
    kernel, bias = np.zeros((3, 3, 3, 4)), np.zeros(4)
    kernel[1, 1, 0] = 1  # all channels look at red
    bias[1] = -1000  # never reached by 255
    kernel[..., 2], bias[2] = 0, 7  # the same 7 everywhere
    bias[3] = -200  # reached by bright red alone
    model.get_layer("conv").set_weights([kernel, bias])
    return model


def test_dead_is_what_is_constant_over_all_images():
    model = with_dead_filters()
    images = np.full((5, 8, 8, 3), 100, "uint8")
    images[:, 4, 4] = 50
    dead = dead_channels(model, images)["conv"]
    np.testing.assert_array_equal(dead, [False, True, True, True])
    images[4, 3, 3, 0] = 220  # one pixel of the last batch wakes channel 3
    dead = dead_channels(model, images, batch_size=2)["conv"]
    np.testing.assert_array_equal(dead, [False, True, True, False])


def test_constant_per_image_is_not_dead_if_images_differ():
    images = np.zeros((2, 8, 8, 3), "uint8")
    images[1] = 100
    dead = dead_channels(with_dead_filters(), images, batch_size=1)["conv"]
    assert not dead[0]


def test_the_model_stays_as_it_was(nested):
    nodes = {x.name: len(x._inbound_nodes) for x in nested.layers}
    before = nested.get_weights(), nested.get_config()
    dead_channels(nested, IMAGES)
    assert nested.get_config() == before[1]
    assert nodes == {x.name: len(x._inbound_nodes) for x in nested.layers}
    for old, new in zip(before[0], nested.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_mistakes_are_named(nested):
    with pytest.raises(UsageError, match="Did you mean base/pool"):
        activations(nested, IMAGES, ["base/pol"])
    with pytest.raises(UsageError, match="end has no height and width"):
        activations(nested, IMAGES, ["end"])
    with pytest.raises(UsageError, match="not a batch of images"):
        activations(nested, IMAGES[0])
    with pytest.raises(UsageError, match="no images"):
        dead_channels(nested, IMAGES[:0])
    unbuilt = keras.Sequential([keras.layers.Conv2D(2, 3)])
    with pytest.raises(TlkitError, match="layers are not known"):
        activations(unbuilt, IMAGES)
    dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(UsageError, match="no nonlinear layer"):
        activations(dense, IMAGES)


def test_a_name_that_two_inner_models_have_needs_its_path():
    pixels = keras.Input((16, 16, 3))
    both = [convolutions(name)(pixels) for name in ("left", "right")]
    model = keras.Model(pixels, keras.layers.Add()(both))
    with pytest.raises(UsageError, match="left/cut or right/cut"):
        activations(model, IMAGES, ["cut"])
    assert activations(model, IMAGES, ["right/cut"])["right/cut"].any()


def test_the_grid_shows_each_channel_around_its_mean():
    values = RANDOM.normal(size=(4, 5, 18)) * np.arange(1, 19) + 30
    values[..., 3] = 9
    figure = plots.draw_activations("conv", values, np.arange(18) == 3)
    (axes,) = figure.axes
    assert axes.get_title() == "conv: 18 channels, 6% dead"
    grid = np.asarray(axes.images[0].get_array())
    assert grid.shape == (2 * 5 - 1, 16 * 6 - 1)
    channel = values[..., 17]
    np.testing.assert_allclose(
        grid[5:9, 6:11], (channel - channel.mean()) / channel.std()
    )
    assert np.ma.getmaskarray(axes.images[0].get_array())[:4, 18:23].all()
