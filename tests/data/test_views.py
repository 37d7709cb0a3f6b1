"""Augmentation against Keras's own ImageDataGenerator and Pillow."""

from unittest import mock

import cv2
import numpy as np
import pytest
import scipy.stats
from keras.src.legacy.preprocessing.image import apply_affine_transform
from PIL import Image, ImageEnhance

from tlkit.base.errors import UsageError
from tlkit.data.augment import AUGMENTATIONS, Augmentation, make_augmentation
from tlkit.data.warp import affine_matrix, draw_warp

STILL = {
    "rotation": 0,
    "width_shift": 0,
    "height_shift": 0,
    "shear": 0,
    "zoom": 0,
    "flip": False,
}


def warped(image, warp, fill_mode="nearest"):
    """The image as an augmentation shows it under this very warp."""

    def given(augmentation, random, height, width):
        return affine_matrix(height, width, **warp)

    with mock.patch("tlkit.data.warp.draw_warp", given):
        view = Augmentation(fill_mode=fill_mode)
        return view(image, seed=0, image_id=0, view=0)


def by_keras(image, fill_mode="nearest", **options):
    """The oracle: what `ImageDataGenerator` makes of an image."""
    return apply_affine_transform(
        image.astype("float32"),
        row_axis=0,
        col_axis=1,
        channel_axis=2,
        fill_mode=fill_mode,
        **options,
    )


@pytest.fixture(scope="module")
def smooth():
    """A square image without sharp edges, on which resamplers agree."""
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3))
    blurred = cv2.GaussianBlur(noise.astype(np.uint8), (0, 0), 4)
    return cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"rotation": 30}, {"theta": 30}),
        ({"shift": (7.3, 0)}, {"tx": 7.3}),
        ({"shift": (0, -5.2)}, {"ty": -5.2}),
        ({"shear": 20}, {"shear": 20}),
        ({"zoom": (0.8, 1.2)}, {"zx": 0.8, "zy": 1.2}),
        (
            {"rotation": -25, "shift": (5, -8), "shear": 9, "zoom": (0.8, 1)},
            {"theta": -25, "tx": 5, "ty": -8, "shear": 9, "zx": 0.8, "zy": 1},
        ),
    ],
    ids=lambda value: "-".join(value),
)  # fmt: skip
def test_a_warp_is_image_data_generators(smooth, ours, theirs, fill_mode):
    view = warped(smooth, ours, fill_mode)
    expected = by_keras(smooth, fill_mode, **theirs)
    assert view.dtype == np.uint8
    assert np.abs(view - expected).max() <= 1


TURN = {"rotation": 35, "shift": (12, -6), "zoom": (1.3, 1.3)}
KERAS_TURN = {"theta": 35, "tx": 12, "ty": -6, "zx": 1.3, "zy": 1.3}


def test_constant_is_black_outside_and_the_picture_inside(smooth):
    light = np.maximum(smooth, 60)
    view = warped(light, TURN, "constant")
    share = by_keras(np.ones((80, 80, 1)), "constant", **KERAS_TURN)[..., 0]
    inside = cv2.erode(share, np.ones((3, 3))) > 0.999
    outside = cv2.dilate(share, np.ones((5, 5))) == 0
    expected = by_keras(light, "constant", **KERAS_TURN)
    assert inside.sum() > 1000
    assert np.abs(view - expected)[inside].max() <= 1
    assert outside.sum() > 1000
    assert view[outside].max() == 0


def test_wrap_goes_on_at_the_other_side():
    y, x = np.mgrid[:80, :80] * (2 * np.pi / 80)
    waves = [np.sin(x + 2 * y), np.cos(2 * x - y), np.sin(3 * x)]
    periodic = (128 + 100 * np.stack(waves, -1)).astype(np.uint8)
    view = warped(periodic, TURN, "wrap")
    # Nine pictures side by side, turned about the middle of the middle one.
    carpet = np.tile(periodic, (3, 3, 1))
    expected = by_keras(carpet, "nearest", **KERAS_TURN)[80:160, 80:160]
    assert np.abs(view - expected).max() <= 2


def test_turning_and_zooming_resamples_once():
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    turn, zoom = {"rotation": 20}, {"zoom": (0.8, 0.8)}
    once = by_keras(noise, theta=20, zx=0.8, zy=0.8)
    both = warped(noise, {**turn, **zoom})
    one_by_one = warped(warped(noise, turn), zoom)
    assert np.std(both - once) < 3
    assert np.std(one_by_one - once) > 10  # blurred twice


def test_a_picture_that_is_not_square_turns_about_its_centre(smooth):
    wide = np.ascontiguousarray(smooth[:50])
    for turn, expected in (
        ({"rotation": 180}, wide[::-1, ::-1]),
        ({"flip": (True, False)}, wide[:, ::-1]),
        ({"flip": (False, True)}, wide[::-1]),
    ):
        view = warped(wide, turn)
        assert np.abs(view.astype(int) - expected).max() <= 1
    shifted = warped(wide, {"shift": (9, -4)}, "constant")
    np.testing.assert_array_equal(shifted[4:, :-9], wide[:-4, 9:])


def test_an_image_that_may_not_be_written_to_can_be_seen(smooth):
    # As gray arrays come: one plane shown three times, and read-only.
    plane = smooth[..., :1]
    three = np.broadcast_to(plane, (80, 80, 3))
    options = {"seed": 0, "image_id": 0, "view": 0}
    view = Augmentation(saturation=(0.5, 1))(three, **options)
    copy = Augmentation(saturation=(0.5, 1))(three.copy(), **options)
    np.testing.assert_array_equal(view, copy)
    np.testing.assert_array_equal(plane, smooth[..., :1])


def test_flips_are_flips(smooth):
    both = {**STILL, "flip": True, "vertical_flip": True}
    augmentation = Augmentation(**both)
    views = [
        augmentation(smooth, seed=0, image_id=1, view=view)
        for view in range(200)
    ]
    forms = [
        smooth,
        smooth[:, ::-1],
        smooth[::-1],
        smooth[::-1, ::-1],
    ]
    counts = [
        sum(np.array_equal(view, form) for view in views) for form in forms
    ]
    assert sum(counts) == 200
    # Each form has probability 1/4; 25 lies 4 standard deviations below 50.
    assert min(counts) > 25


def test_without_ranges_nothing_happens(smooth):
    view = Augmentation(**STILL)(smooth, seed=0, image_id=0, view=0)
    np.testing.assert_array_equal(view, smooth)


def test_a_view_depends_on_seed_image_and_number_alone(smooth):
    augmentation = Augmentation()
    views = {
        key: augmentation(
            smooth, seed=key[0], image_id=key[1], view=key[2]
        ).tobytes()
        for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    }
    assert len(set(views.values())) == 4
    again = augmentation(smooth, seed=0, image_id=0, view=0).tobytes()
    assert again == views[0, 0, 0]


def test_draws_fill_their_ranges():
    augmentation = Augmentation(
        **{**STILL, "width_shift": 0.2, "height_shift": 10}
    )
    shifts = np.array(
        [
            draw_warp(augmentation, np.random.default_rng(i), 80, 100)[:2, 2]
            for i in range(2000)
        ]
    )
    low, high = shifts.min(axis=0), shifts.max(axis=0)
    assert np.all(np.abs(low + np.array([20, 10])) < 0.5)
    assert np.all(np.abs(high - [20, 10]) < 0.5)
    # A uniform variable on (-a, a) has standard deviation a / sqrt(3).
    np.testing.assert_allclose(
        shifts.std(axis=0), np.array([20, 10]) / np.sqrt(3), rtol=0.05
    )


@pytest.mark.parametrize(
    ("option", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_colours_are_pillows(smooth, option, enhance, factor):
    augmentation = Augmentation(**STILL, **{option: (factor, factor)})
    view = augmentation(smooth, seed=0, image_id=0, view=0)
    expected = np.asarray(enhance(Image.fromarray(smooth)).enhance(factor))
    difference = np.abs(view.astype(int) - expected.astype(int))
    assert difference.max() <= 2
    assert not np.array_equal(view, smooth)


def test_channel_shift_stays_in_its_range():
    gray = np.full((4, 4, 3), 128, np.uint8)
    augmentation = Augmentation(**STILL, channel_shift=30)
    shifts = np.array(
        [
            augmentation(gray, seed=0, image_id=0, view=view)[0, 0] - 128.0
            for view in range(300)
        ]
    )
    assert -30 <= shifts.min() < -27
    assert 27 < shifts.max() <= 30
    assert np.abs(np.corrcoef(shifts.T)[0, 1]) < 0.3


@pytest.mark.parametrize(
    "mistake",
    [
        {"fill_mode": "blue"},
        {"rotation": -1},
        {"zoom": 1.0},
        {"zoom": (1.2, 0.8)},
        {"brightness": (-0.5, 1)},
        {"channel_shift": -3},
        {"rotation": float("nan")},
        {"shear": float("inf")},
        {"width_shift": -0.1},
        {"height_shift": -0.1},
        {"zoom": (0, 1)},
        {"zoom": (0.8, 1, 1.2)},
        {"contrast": (1.5, 0.5)},
        {"saturation": (float("nan"), 1)},
    ],
    ids=str,
)
def test_impossible_ranges_are_refused(mistake):
    with pytest.raises(UsageError):
        Augmentation(**mistake)


#: One range at a time, and how to read what was drawn off the matrix.
DRAWN = {
    "rotation": (
        {"rotation": 40},
        lambda m: np.rad2deg(np.arctan2(m[1, 0], m[0, 0])) / 40,
    ),
    "width": (
        {"width_shift": 0.2},
        lambda m: m[0, 2] / 20,
    ),
    "height": (
        {"height_shift": 0.2},
        lambda m: m[1, 2] / 12,
    ),
    "pixels": (
        {"height_shift": 7},
        lambda m: m[1, 2] / 7,
    ),
    "shear": (
        {"shear": 30},
        lambda m: np.rad2deg(np.arcsin(-m[0, 1])) / 30,
    ),
    "zoom x": ({"zoom": 0.3}, lambda m: (m[0, 0] - 1) / 0.3),
    "zoom y": ({"zoom": (0.5, 0.7)}, lambda m: (m[1, 1] - 0.6) / 0.1),
}


@pytest.mark.parametrize(("options", "measure"), DRAWN.values(), ids=DRAWN)
def test_what_is_drawn_is_uniform_in_its_range(options, measure):
    augmentation = Augmentation(**{**STILL, **options})
    random = np.random.default_rng(0)
    values = [
        measure(draw_warp(augmentation, random, 60, 100)) for _ in range(2000)
    ]
    assert np.abs(values).max() <= 1 + 1e-9
    uniform = scipy.stats.uniform(-1, 2)
    assert scipy.stats.kstest(values, uniform.cdf).pvalue > 0.001


def test_the_axes_are_drawn_apart():
    zooms = Augmentation(**{**STILL, "zoom": 0.3})
    shifts = Augmentation(**{**STILL, "width_shift": 0.2, "height_shift": 0.2})
    random = np.random.default_rng(0)
    for augmentation, one, other in (
        (zooms, (0, 0), (1, 1)),
        (shifts, (0, 2), (1, 2)),
    ):
        drawn = [draw_warp(augmentation, random, 60, 60) for _ in range(1000)]
        pairs = np.array([(warp[one], warp[other]) for warp in drawn])
        assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.1


@pytest.mark.parametrize("option", ["brightness", "contrast", "saturation"])
def test_colour_factors_fill_their_range(option):
    # Two colours of luma 100 together, so that each factor can be read off.
    image = np.array([[[60, 60, 60], [140, 140, 140]]], np.uint8)
    if option == "saturation":
        image = np.array([[[180, 100, 100]]], np.uint8)
    augmentation = Augmentation(**STILL, **{option: (0.5, 1.3)})
    views = np.array(
        [
            augmentation(image, seed=0, image_id=0, view=view)
            for view in range(800)
        ]
    ).astype(float)
    factors = {
        "brightness": lambda v: v[:, 0, 1, 0] / 140,
        "contrast": lambda v: (v[:, 0, 1, 0] - v[:, 0, 0, 0]) / 80,
        "saturation": lambda v: (v[:, 0, 0, 0] - v[:, 0, 0, 1]) / 80,
    }[option](views)
    spread = scipy.stats.uniform(0.5, 0.8)
    assert 0.49 <= factors.min() < 0.52
    assert 1.28 < factors.max() <= 1.31
    assert scipy.stats.kstest(factors, spread.cdf).pvalue > 0.001


def test_colour_changes_together_are_pillows_one_after_the_other(smooth):
    mild = (smooth // 2 + 50).astype(np.uint8)  # so that none is cut off
    augmentation = Augmentation(
        **STILL,
        saturation=(0.6, 0.6),
        contrast=(1.3, 1.3),
        brightness=(1.2, 1.2),
    )
    view = augmentation(mild, seed=0, image_id=0, view=0)
    expected = Image.fromarray(mild)
    for enhance, factor in (
        (ImageEnhance.Color, 0.6),
        (ImageEnhance.Contrast, 1.3),
        (ImageEnhance.Brightness, 1.2),
    ):
        expected = enhance(expected).enhance(factor)
    difference = np.abs(view.astype(int) - np.asarray(expected))
    assert difference.max() <= 4  # Pillow rounds three times


def test_values_are_cut_off_and_do_not_wrap(smooth):
    bright = Augmentation(**STILL, brightness=(3, 3))
    view = bright(smooth, seed=0, image_id=0, view=0)
    expected = np.minimum(smooth.astype(int) * 3, 255)
    np.testing.assert_array_equal(view, expected)


def test_presets_are_augmentations_by_name():
    assert make_augmentation("book") == Augmentation()
    assert make_augmentation("none").changes_nothing
    assert AUGMENTATIONS["none"] == Augmentation(**STILL)
    assert not make_augmentation("mild").flip


def test_fields_stand_on_a_preset():
    told = make_augmentation({"preset": "mild", "rotation": 5})
    assert told.rotation == 5
    assert told.width_shift == AUGMENTATIONS["mild"].width_shift
    assert make_augmentation({"flip": True}).rotation == 0
    assert make_augmentation({"flip": True}, "book").rotation == 40


def test_unknown_fields_and_presets_are_refused():
    with pytest.raises(UsageError, match="Did you mean rotation"):
        make_augmentation({"rotatoin": 5})
    with pytest.raises(UsageError, match="book, mild, none"):
        make_augmentation("strong")
