"""The book's convnet: its size, its entry and its exit."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.base.image_size import as_height_width
from tlkit.models.convnet import build_convnet, smallest_size
from tlkit.models.inputs import raw_pixels
from tlkit.models.precision import with_precision


def random_pixels(*shape):
    return np.random.default_rng(7).integers(0, 256, shape, dtype="uint8")


def closed_form(side, classes):
    """Weights and biases, counted by hand from the book's description."""
    total, channels = 0, 3
    for filters in (32, 64, 128, 128):
        total += (3 * 3 * channels + 1) * filters
        side, channels = (side - 2) // 2, filters
    total += (side * side * channels + 1) * 512
    return total + (512 + 1) * classes


@pytest.mark.parametrize(("side", "classes"), [(150, 2), (96, 5)])
def test_parameters_equal_the_closed_form(side, classes):
    model = build_convnet(classes, side)
    assert model.count_params() == closed_form(side, classes)


def test_parameters_are_the_books_plus_one_more_output_unit():
    # Deep Learning with Python, listing 5.5: 3,453,121 with one sigmoid unit.
    assert build_convnet(2).count_params() == 3_453_121 + 512 + 1


def four_blocks(x):
    for filters in (32, 64, 128, 128):
        x = keras.layers.Conv2D(filters, 3)(x)
        x = keras.layers.MaxPooling2D(2)(x)
    return x


def test_the_smallest_size_builds_and_one_pixel_less_does_not():
    smallest = smallest_size()
    features = build_convnet(2, smallest).get_layer("flatten").output
    assert features.shape[1:] == (128,)
    with pytest.raises(UsageError, match=f"{smallest} pixels or more"):
        build_convnet(2, (smallest, smallest - 1))
    # The oracle for the number: Keras itself cannot build it either.
    _, x = raw_pixels(smallest - 1)
    with pytest.raises(ValueError, match="negative"):
        four_blocks(x)


def test_probabilities_of_two_classes_sum_to_one_for_any_image_size():
    model = build_convnet(2, 64)
    for height, width in ((64, 64), (31, 200), (300, 50)):
        rows = np.asarray(model(random_pixels(3, height, width, 3)))
        assert rows.shape == (3, 2)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


def test_layers_can_be_reached_by_name_and_the_rescaling_is_inside():
    model = build_convnet(3, 64)
    names = [layer.name for layer in model.layers]
    assert names == [
        *("pixels", "resize", "rescale"),
        *("conv1", "pool1", "conv2", "pool2"),
        *("conv3", "pool3", "conv4", "pool4"),
        *("flatten", "dropout", "dense", "predictions"),
    ]
    entry = keras.Model(model.input, model.get_layer("rescale").output)
    pixels = random_pixels(1, 64, 64, 3)
    np.testing.assert_allclose(
        np.asarray(entry(pixels)), pixels / 127.5 - 1, atol=1e-6
    )


def test_dropout_and_l2_are_left_out_at_zero():
    plain = build_convnet(2, 64, dropout=0)
    assert "dropout" not in [layer.name for layer in plain.layers]
    assert plain.losses == []


def test_l2_adds_the_squares_of_all_kernels_but_the_last():
    model = build_convnet(2, 64, l2=1e-3)
    kernels = [
        np.asarray(model.get_layer(name).kernel)
        for name in ("conv1", "conv2", "conv3", "conv4", "dense")
    ]
    expected = 1e-3 * sum(np.square(k).sum() for k in kernels)
    penalties = [float(loss) for loss in model.losses]
    assert len(penalties) == 5
    assert sum(penalties) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [{"classes": 1}, {"dropout": 1.0}, {"l2": -1.0}, {"l2": float("nan")}],
)
def test_arguments_outside_their_range_are_refused(wrong):
    with pytest.raises(UsageError):
        build_convnet(**{"classes": 2, "image_size": 64, **wrong})


@pytest.mark.parametrize(
    "wrong", [0, -3, 150.5, "150", (96,), (96, 96, 3), (96, 0), True, None]
)
def test_what_is_no_image_size_is_refused(wrong):
    with pytest.raises(UsageError, match="not an image size"):
        as_height_width(wrong)


def test_image_sizes_from_numpy_and_json_are_taken():
    assert as_height_width(np.int64(96)) == (96, 96)
    assert as_height_width([96, 128]) == (96, 128)


def test_resizing_leaves_images_that_fit_alone_and_averages_larger_ones():
    inputs, resized = raw_pixels((24, 32))
    resize = keras.Model(inputs, resized)
    fitting = random_pixels(2, 24, 32, 3)
    np.testing.assert_array_equal(np.asarray(resize(fitting)), fitting)
    # White lines in every tenth column, shrunk tenfold, make a tenth of
    # white. Without antialiasing none of them would be seen at all.
    lines = np.zeros((1, 240, 320, 3))
    lines[:, :, ::10] = 255
    shrunk = np.asarray(resize(lines))
    np.testing.assert_allclose(shrunk[:, :, 1:-1], 25.5, rtol=1e-4)


def test_a_saved_convnet_needs_nothing_but_keras(tmp_path):
    model = build_convnet(2, 64)
    pixels = random_pixels(2, 40, 90, 3)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "pixels.npy", pixels)
    program = (
        "import sys, keras, numpy as np\n"
        "model = keras.models.load_model('model.keras', safe_mode=True)\n"
        "rows = model.predict(np.load('pixels.npy'), verbose=0)\n"
        "np.save('rows.npy', rows)\n"
        "assert 'tlkit' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(
        np.load(tmp_path / "rows.npy"), model.predict(pixels, verbose=0)
    )


def test_precision_there_and_back_changes_no_bit():
    model = build_convnet(2, 64, l2=1e-4)
    pixels = random_pixels(4, 70, 60, 3)
    mixed = with_precision(model, "mixed_bfloat16")
    assert mixed.get_layer("conv1").compute_dtype == "bfloat16"
    assert mixed.get_layer("rescale").compute_dtype == "float32"
    assert np.asarray(mixed(pixels)).dtype == np.float32
    back = with_precision(mixed, "float32")
    np.testing.assert_array_equal(
        np.asarray(back(pixels)), np.asarray(model(pixels))
    )
    assert [x.name for x in back.layers] == [x.name for x in model.layers]


def test_an_unknown_precision_is_refused():
    with pytest.raises(UsageError, match="mixed_bfloat16"):
        with_precision(build_convnet(2, 46), "bf16")
