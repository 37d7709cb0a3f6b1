"""The drawn sample: repeatable, balanced, and honest about what tells."""

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlkit.base.errors import UsageError
from tlkit.drawn import sample
from tlkit.drawn.sample import (
    CLASS_NAMES,
    MANY_CLASS_NAMES,
    draw_many,
    draw_pets,
)

# 400 pictures: guessing scores 50 % with a standard error of 2.5 points.
COUNT = 400
NEAR_CHANCE = 0.62


@pytest.fixture(scope="module")
def pets():
    return draw_pets(COUNT, size=64, seed=11)


def accuracy_of_a_linear_model(features, labels):
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
    )
    return cross_val_score(model, features, labels, cv=5).mean()


def shrunk(images, size=16):
    small = [
        cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        for image in images
    ]
    return np.reshape(small, (len(images), -1)) / 255


def grown(mask, pixels):
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


# --- pets: what is returned ---


def test_shapes_dtypes_and_ranges(pets):
    images, labels, masks = pets
    assert images.shape == (COUNT, 64, 64, 3)
    assert images.dtype == np.uint8
    assert labels.shape == (COUNT,)
    assert labels.dtype == np.int64
    assert masks.shape == (COUNT, 64, 64)
    assert masks.dtype == bool
    assert images.min() < 5
    assert images.max() > 250


def test_classes_alternate(pets):
    assert CLASS_NAMES == ("cats", "dogs")
    np.testing.assert_array_equal(pets[1], [0, 1] * (COUNT // 2))


def test_same_seed_same_bits_and_another_seed_other_pictures():
    first, second = draw_pets(6, 48, seed=3), draw_pets(6, 48, seed=3)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    another = draw_pets(6, 48, seed=4)[0]
    for one, other in zip(first[0], another, strict=True):
        assert np.abs(one.astype(int) - other).mean() > 5


def test_a_larger_count_only_adds_pictures():
    few, many = draw_pets(10, 48), draw_pets(20, 48)
    for one, other in zip(few, many, strict=True):
        np.testing.assert_array_equal(one, other[:10])


def test_pictures_of_one_seed_differ(pets):
    assert len({image.tobytes() for image in pets[0]}) == COUNT


@pytest.mark.parametrize("size", [16, 32, 77, 256])
def test_any_size_is_the_same_scene(size):
    images, _, masks = draw_pets(4, size, seed=2)
    assert images.shape == (4, size, size, 3)
    assert masks.any(axis=(1, 2)).all()
    reference = shrunk(draw_pets(4, 128, seed=2)[0], 8)
    apart = np.abs(shrunk(images, 8)[:, None] - reference).mean(axis=-1)
    np.testing.assert_array_equal(apart.argmin(axis=1), range(4))
    assert np.diag(apart).max() < 0.08


# --- pets: the mask is the truth about what tells the classes apart ---


def test_masks_are_neither_empty_nor_large(pets):
    share = pets[2].mean(axis=(1, 2))
    assert share.min() > 0
    assert share.max() < 0.45


def test_a_cat_redrawn_as_a_dog_changes_inside_the_masks_only():
    """The proof that nothing but ears and muzzle knows the class."""
    for i in range(40):
        (cat, cat_mask), (dog, dog_mask) = (
            sample._draw_pet((5, i), label, 64) for label in (0, 1)
        )
        change = np.abs(cat.astype(int) - dog).max(axis=-1)
        # Blur carries a little of the difference over the masks' borders.
        elsewhere = ~grown(cat_mask | dog_mask, 3)
        assert change[elsewhere].max(initial=0) < 25
        assert (change[elsewhere] > 4).mean() < 0.001
        assert change[cat_mask | dog_mask].mean() > 5


def test_masks_do_not_cover_what_is_the_same_for_both():
    """Most of what a mask marks changes with the class."""
    changed = []
    for i in range(40):
        (cat, cat_mask), (dog, dog_mask) = (
            sample._draw_pet((6, i), label, 64) for label in (0, 1)
        )
        change = np.abs(cat.astype(int) - dog).max(axis=-1) > 4
        changed.append(change[cat_mask | dog_mask].mean())
    assert np.mean(changed) > 0.75


def test_colours_do_not_give_the_class_away(pets):
    images, labels, _ = pets
    pixels = images.reshape(COUNT, -1, 3)
    histograms = [
        np.histogramdd(one, (4, 4, 4), [(0, 256)] * 3)[0].ravel()
        for one in pixels
    ]
    features = np.concatenate([pixels.mean(axis=1), histograms], axis=1)
    assert accuracy_of_a_linear_model(features, labels) < NEAR_CHANCE


def test_what_the_masks_leave_does_not_give_the_class_away(pets):
    images, labels, masks = pets
    painted = images.copy()
    for image, mask in zip(painted, masks, strict=True):
        hidden = grown(mask, 2)
        image[hidden] = image[grown(hidden, 3) & ~hidden].mean()
    assert accuracy_of_a_linear_model(shrunk(painted), labels) < NEAR_CHANCE


def test_what_the_masks_mark_gives_the_class_away(pets):
    """Where the telling parts lie around their centre is enough."""
    _, labels, masks = pets
    crops = []
    for mask in masks:
        y, x = np.nonzero(mask)
        crop = mask[y.min() : y.max() + 1, x.min() : x.max() + 1]
        crops.append(crop.astype(np.uint8) * 255)
    assert accuracy_of_a_linear_model(shrunk(crops), labels) > 0.8


# --- many classes ---


def test_many_classes_are_many_and_unrelated_to_pets():
    assert len(MANY_CLASS_NAMES) >= 40
    assert len(set(MANY_CLASS_NAMES)) == len(MANY_CLASS_NAMES)
    related = ("cat", "dog", "kitten", "puppy", "fox", "wolf", "lion", "tiger")
    words = {word for name in MANY_CLASS_NAMES for word in name.split()}
    assert words.isdisjoint(related)


def test_many_shapes_dtypes_and_every_class():
    count = 2 * len(MANY_CLASS_NAMES)
    images, labels = draw_many(count, size=32)
    assert images.shape == (count, 32, 32, 3)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(
        np.bincount(labels), [2] * len(MANY_CLASS_NAMES)
    )


def test_many_is_repeatable_and_a_larger_count_only_adds():
    few, many = draw_many(30, 32, seed=7), draw_many(60, 32, seed=7)
    np.testing.assert_array_equal(few[0], many[0][:30])
    assert not np.array_equal(few[0], draw_many(30, 32, seed=8)[0])


@pytest.mark.parametrize("size", [16, 77, 256])
def test_many_any_size(size):
    images, _ = draw_many(len(MANY_CLASS_NAMES), size)
    assert images.shape[1:] == (size, size, 3)


def test_many_classes_can_be_told_apart_but_not_easily():
    classes = len(MANY_CLASS_NAMES)
    images, labels = draw_many(30 * classes, size=32, seed=1)
    grey = images.mean(axis=-1, dtype=np.float32)
    # The spectrum knows what is drawn, whatever its place and colour.
    spectrum = np.abs(np.fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True)))
    features = np.log1p(spectrum[:, :17]).reshape(len(images), -1)
    train, test = slice(None, 20 * classes), slice(20 * classes, None)
    model = NearestCentroid().fit(features[train], labels[train])
    score = model.score(features[test], labels[test])
    assert 4 / classes < score < 0.9


# --- what cannot be drawn ---


@pytest.mark.parametrize("draw", [draw_pets, draw_many])
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"count": 0}, "count"),
        ({"count": 2.5}, "count"),
        ({"count": 1, "size": 15}, "size"),
        ({"count": 1, "seed": -1}, "seed"),
    ],
)
def test_impossible_arguments_are_named(draw, arguments, name):
    with pytest.raises(UsageError) as caught:
        draw(**arguments)
    message = str(caught.value)
    assert f"this {name}" in message
    assert "at least" in message
    assert str(arguments[name]) in message
