"""Images of another shape: cropped and padded as the saved model does it."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

from tlkit.base.errors import UsageError
from tlkit.base.image_size import (
    FITS,
    Frame,
    as_frame,
    as_height_width,
)
from tlkit.data.arrays import index_of_arrays
from tlkit.data.decode import read_image, resize_image
from tlkit.data.jpeg import find_reduction
from tlkit.models.inputs import raw_pixels

TARGETS = [(16, 24), (40, 100), (64, 20), (45, 61), (1, 7)]
SHAPES = [(45, 60), (97, 31), (5, 200), (200, 5), (1, 1), (90, 91), (3, 2)]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("target", TARGETS)
def test_the_decoder_does_what_the_layer_in_the_model_does(fit, target):
    frame = Frame(*target, fit)
    model = keras.Model(*raw_pixels(frame))
    for number, shape in enumerate(SHAPES):
        random = np.random.default_rng(number)
        noise = random.integers(0, 256, (*shape, 3), np.uint8)
        by_layer = np.asarray(model(noise[None].astype("float32")))[0]
        resized = resize_image(noise, frame)
        assert resized.dtype == np.uint8
        assert np.abs(resized - by_layer).max() <= 1.001


def test_crop_cuts_off_both_sides_equally(draw):
    picture = draw(1, 20, 60)
    np.testing.assert_array_equal(
        resize_image(picture, Frame(20, 40, "crop")), picture[:, 10:50]
    )
    np.testing.assert_array_equal(
        resize_image(picture.swapaxes(0, 1), Frame(20, 20, "crop")),
        picture.swapaxes(0, 1)[20:40],
    )


def test_pad_adds_equal_black_borders(draw):
    picture = draw(1, 20, 60)
    expected = np.zeros((60, 60, 3), np.uint8)
    expected[20:40] = picture
    np.testing.assert_array_equal(
        resize_image(picture, Frame(60, 60, "pad")), expected
    )


def test_a_size_alone_stretches(draw):
    picture = draw(1, 20, 60)
    pillow = Image.fromarray(picture).resize(
        (30, 30), Image.Resampling.BILINEAR
    )
    for size in (30, (30, 30), Frame(30, 30)):
        np.testing.assert_array_equal(resize_image(picture, size), pillow)
    assert as_frame([96, 128]) == Frame(96, 128, "stretch")


def test_a_frame_is_not_taken_for_a_size_without_its_fit():
    with pytest.raises(UsageError, match="not an image size"):
        as_height_width(Frame(30, 30, "crop"))
    with pytest.raises(UsageError, match="croop"):
        Frame(30, 30, "croop")


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("orientation", [1, 6, 8])
@pytest.mark.parametrize("reduction", [2, 4])
def test_a_jpeg_decoded_at_a_fraction_is_fitted_too(
    draw, tmp_path, fit, orientation, reduction
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = draw(14, 304, 432)
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=95, exif=exif)
    path = tmp_path / "picture.jpg"
    path.write_bytes(content.getvalue())
    frame = Frame(100, 90, fit) if reduction == 2 else Frame(40, 35, fit)
    whole = read_image(path)
    window = frame.window(*whole.shape[:2])
    assert find_reduction(window.size, frame.size) == reduction
    pixels = read_image(path, frame)
    assert pixels.shape == (*frame.size, 3)
    expected = resize_image(whole, frame)
    apart = np.abs(pixels.astype(int) - expected)
    # The window is rounded to pixels of the reduced image. Another window
    # would be off by more than 20.
    assert apart.mean() <= 1.3


def test_a_panorama_is_padded_without_its_borders_in_memory():
    # With them it would have 40,000 x 40,000 pixels: 4.8 GB.
    wide = np.full((10, 40_000, 3), 200, np.uint8)
    padded = resize_image(wide, Frame(100, 100, "pad"))
    assert padded.max() <= 200
    assert np.all(padded[:49] == 0)
    assert padded[49:51].max() > 0


@pytest.mark.parametrize("fit", FITS)
def test_gray_images_in_arrays_are_fitted_like_those_in_colour(draw, fit):
    planes = np.stack([draw(number, 20, 60)[..., 0] for number in range(2)])
    index = index_of_arrays((planes, np.array([0, 1])))
    frame = Frame(30, 24, fit)
    colour = np.repeat(planes[1][..., None], 3, axis=-1)
    np.testing.assert_array_equal(
        index.splits["train"].read(1, frame), resize_image(colour, frame)
    )
