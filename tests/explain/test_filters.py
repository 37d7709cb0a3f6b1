"""Patterns of filters whose best picture is known."""

import keras
import numpy as np
import pytest

from tlkit import plots
from tlkit.base.errors import UsageError
from tlkit.explain.filters import filter_patterns


def gabor(angle, colour):
    """A wave of 6 pixels under a bell of 7x7, without a mean."""
    row, column = np.mgrid[-3:4, -3:4]
    along = row * np.sin(angle) + column * np.cos(angle)
    wave = np.cos(2 * np.pi * along / 6) * np.exp(
        -(row**2 + column**2) / (2 * 2.0**2)
    )
    wave -= wave.mean()
    return wave[..., None] * np.asarray(colour)


KERNELS = np.stack(
    [
        gabor(0, (1, 1, 1)),
        gabor(np.pi / 2, (1, 1, 1)),
        gabor(np.pi / 4, (1, -1, 0)),
    ],
    axis=-1,
)


@pytest.fixture(scope="module")
def model():
    """Three known filters behind a Resizing, and one that is never on."""
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Resizing(96, 96)(pixels)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = keras.layers.Conv2D(4, 7, activation="relu", name="conv")(x)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(2, name="end")(x)
    model = keras.Model(pixels, x)
    kernel = np.concatenate([KERNELS, np.zeros((7, 7, 3, 1))], axis=-1)
    model.get_layer("conv").set_weights([kernel, np.array([0, 0, 0, -1])])
    return model


@pytest.fixture(scope="module")
def patterns(model):
    return filter_patterns(model, "conv", size=48)


def answers(pictures, kernel):
    """The ReLU answers of one filter to pixels, by plain NumPy."""
    windows = np.lib.stride_tricks.sliding_window_view(
        pictures / 127.5 - 1, (7, 7), axis=(1, 2)
    )
    return np.maximum(np.einsum("nyxchw,hwc->nyx", windows, kernel), 0)


@pytest.mark.parametrize("index", range(3))
def test_what_the_filter_answers_in_its_pattern_is_the_kernel(patterns, index):
    # Of all patches of one norm the kernel itself has the largest product
    # with the kernel (Cauchy-Schwarz), and of all in the box of black and
    # white its sign has. Where the filter answers most strongly, the pattern
    # must look like that and like no other kernel.
    found = answers(patterns[index : index + 1], KERNELS[..., index])[0]
    windows = np.lib.stride_tricks.sliding_window_view(
        patterns[index] / 127.5 - 1, (7, 7), axis=(0, 1)
    )
    strongest = found > np.quantile(found, 0.9)
    patch = windows[strongest].mean(axis=0).transpose(1, 2, 0)
    patch *= KERNELS[..., index] != 0  # blue is free where it weighs nothing
    likeness = [
        np.sum(patch * other) / np.linalg.norm(patch) / np.linalg.norm(other)
        for other in np.moveaxis(KERNELS, -1, 0)
    ]
    assert likeness[index] > 0.65
    assert np.abs(np.delete(likeness, index)).max() < 0.1


@pytest.mark.parametrize("index", range(3))
def test_a_pattern_excites_its_filter_far_more_than_anything_else(
    patterns, index
):
    noise = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 3))
    kernel = KERNELS[..., index]
    own = answers(patterns[index : index + 1], kernel).mean()
    others = answers(np.delete(patterns[:3], index, axis=0), kernel)
    assert own > 5 * answers(noise, kernel).mean()
    assert own > 3 * others.mean(axis=(1, 2)).max()


def test_stripes_that_run_through_do_not_do_twice_as_well(patterns):
    # Black and white stripes of all widths: the best that one would draw.
    # A pattern that grows from noise has places where stripes meet.
    column = np.arange(48)
    stripes = [
        np.sign(np.cos(2 * np.pi * (column + 0.5) / period))
        for period in np.arange(4, 10, 0.5)
    ]
    drawn = 127.5 + 127.5 * np.stack(stripes)[:, None, :, None]
    drawn = np.broadcast_to(drawn, (len(stripes), 48, 48, 3))
    kernel = KERNELS[..., 0]
    best = answers(drawn, kernel).mean(axis=(1, 2)).max()
    own = answers(patterns[:1], kernel).mean()
    assert own > 0.5 * best


def test_a_colour_filter_gets_its_colour():
    # Linear in every pixel, so the optimum is a corner of the box: red 255,
    # green 0.
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Conv2D(1, 1, name="conv")]
    )
    kernel = np.reshape([1.0, -1.0, 0.0], (1, 1, 3, 1))
    model.get_layer("conv").set_weights([kernel, np.zeros(1)])
    pattern = filter_patterns(model, "conv", size=16)[0]
    assert pattern[..., 0].min() > 240
    assert pattern[..., 1].max() < 15


def test_what_nothing_excites_is_grey(patterns):
    assert (patterns[3] == 128).all()


def test_filters_of_a_batch_do_not_touch_each_other(model, patterns):
    for index in (0, 2):
        alone = filter_patterns(model, "conv", [index], size=48)[0]
        np.testing.assert_allclose(alone, patterns[index], atol=1)


def test_the_seed_decides(model, patterns):
    again = filter_patterns(model, "conv", size=48)
    np.testing.assert_array_equal(again, patterns)
    other = filter_patterns(model, "conv", [0], size=48, seed=1)
    assert (other[0] != patterns[0]).mean() > 0.5


def test_the_model_stays_as_it_was(model):
    model.get_layer("conv").trainable = False
    before = model.get_weights(), model.get_config()
    frozen = filter_patterns(model, "conv", [1], size=24, steps=2)
    assert frozen.shape == (1, 24, 24, 3)
    assert model.get_config() == before[1]
    assert not model.get_layer("conv").trainable
    assert model.get_layer("end").trainable
    for old, new in zip(before[0], model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model.get_layer("conv").trainable = True


def test_a_filter_of_an_inner_model_and_preprocessing_outside(model, patterns):
    pixels = keras.Input((32, 40, 3))
    inner = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(4, 7, activation="relu", name="conv")
    base = keras.Model(inner, conv(inner), name="base")
    conv.set_weights(model.get_layer("conv").get_weights())
    nested = keras.Model(pixels, keras.layers.Flatten()(base(pixels)))
    found = filter_patterns(
        nested,
        "base/conv",
        size=48,
        preprocess=lambda pixels: pixels / 127.5 - 1,
    )
    np.testing.assert_allclose(found, patterns, atol=1)


def test_grey_pictures_have_one_channel():
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Conv2D(2, 3, name="conv")]
    )
    found = filter_patterns(model, "conv", size=(20, 28), steps=2)
    assert found.shape == (2, 20, 28, 1)
    figure = plots.draw_filters({"conv": found})
    assert figure.axes[0].images[0].get_array().shape == (20, 57)


def test_mistakes_are_named(model):
    with pytest.raises(UsageError, match="Did you mean conv"):
        filter_patterns(model, "convv")
    with pytest.raises(UsageError, match="flat has no height and width"):
        filter_patterns(model, "flat")
    with pytest.raises(UsageError, match=r"0 to 3\n.* 4, -1"):
        filter_patterns(model, "conv", [0, 4, -1], size=24)
    with pytest.raises(UsageError, match="5x5 pixels"):
        filter_patterns(model, "conv", size=8)
    with pytest.raises(UsageError, match="at least one step"):
        filter_patterns(model, "conv", steps=0)


def test_layers_are_drawn_below_each_other(patterns):
    figure = plots.draw_filters({"conv": patterns, "again": patterns[:2]}, 2)
    assert [axes.get_title() for axes in figure.axes] == ["conv", "again"]
    grid = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(grid[49:97, 49:97], patterns[3])
    assert (grid[48] == 255).all()


def test_a_size_too_small_for_a_window_is_no_traceback():
    """The maps of 2x2 end in an error of TensorFlow's own in the ascent."""
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=4, padding="same")(pixels)
    x = keras.layers.DepthwiseConv2D(3, strides=2)(x)
    x = keras.layers.ReLU(name="end")(x)
    model = keras.Model(pixels, keras.layers.GlobalMaxPooling2D()(x))
    with pytest.raises(UsageError, match="cannot work on pictures of 5x5"):
        filter_patterns(model, "end", size=8, steps=1)
    assert filter_patterns(model, "end", size=16, steps=1).shape[0] == 4
