"""Augmentation against Keras's own ImageDataGenerator and Pillow."""

import cv2
import numpy as np
import pytest
from keras.src.legacy.preprocessing.image import apply_affine_transform
from PIL import Image, ImageEnhance

from tlkit.data.augment import Augmentation, affine_matrix
from tlkit.errors import UsageError

STILL = {
    "rotation_range": 0,
    "width_shift_range": 0,
    "height_shift_range": 0,
    "shear_range": 0,
    "zoom_range": 0,
    "horizontal_flip": False,
}


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
    borders = {
        "nearest": cv2.BORDER_REPLICATE,
        "reflect": cv2.BORDER_REFLECT,
    }
    warped = cv2.warpAffine(
        smooth,
        affine_matrix(80, 80, **ours)[:2],
        (80, 80),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=borders[fill_mode],
    )
    expected = apply_affine_transform(
        smooth.astype("float32"),
        row_axis=0,
        col_axis=1,
        channel_axis=2,
        fill_mode=fill_mode,
        **theirs,
    )
    assert np.abs(warped - expected).max() <= 1


def test_flips_are_flips(smooth):
    both = {**STILL, "horizontal_flip": True, "vertical_flip": True}
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
        **{**STILL, "width_shift_range": 0.2, "height_shift_range": 10}
    )
    shifts = np.array(
        [
            augmentation.draw_warp(np.random.default_rng(i), 80, 100)[:2, 2]
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
        ("brightness_range", ImageEnhance.Brightness),
        ("contrast_range", ImageEnhance.Contrast),
        ("saturation_range", ImageEnhance.Color),
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
    augmentation = Augmentation(**STILL, channel_shift_range=30)
    shifts = np.array(
        [
            augmentation(gray, seed=0, image_id=0, view=view)[0, 0] - 128.0
            for view in range(300)
        ]
    )
    assert np.abs(shifts).max() <= 30
    assert np.abs(shifts).max() > 27
    assert np.abs(np.corrcoef(shifts.T)[0, 1]) < 0.3


@pytest.mark.parametrize(
    "mistake",
    [
        {"fill_mode": "blue"},
        {"rotation_range": -1},
        {"zoom_range": 1.0},
        {"zoom_range": (1.2, 0.8)},
        {"brightness_range": (-0.5, 1)},
        {"channel_shift_range": -3},
    ],
    ids=str,
)
def test_impossible_ranges_are_refused(mistake):
    with pytest.raises(UsageError):
        Augmentation(**mistake)
