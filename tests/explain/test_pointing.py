"""The pointing game on masks whose answer can be counted by hand."""

import itertools
import runpy
from pathlib import Path

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.drawn.sample import draw_pets
from tlkit.explain.methods.gradcam import grad_cam
from tlkit.explain.trials.pointing import (
    centre_maps,
    overlap,
    pointing_game,
    random_maps,
)

SCRIPT = Path(__file__).parents[2] / "scripts" / "judge_explanations.py"
MASK = np.array([[[1, 1, 0], [0, 0, 0]]], bool)


def test_the_hottest_pixel_counts_and_no_other():
    inside = [[[0.2, 0.9, 0.8], [0.8, 0.8, 0.8]]]
    outside = [[[0.9, 0.9, 0.0], [0.0, 0.0, 1.0]]]
    maps = np.concatenate([inside, outside])
    found = pointing_game(maps, np.repeat(MASK, 2, axis=0))
    assert found.tolist() == [True, False]


@pytest.mark.parametrize(
    ("row", "hit"),
    [
        ([1, 1, 0], True),  # two of two
        ([1, 0, 1], False),  # one of two
        ([1, 1, 1], True),  # two of three
        ([0, 0, 0], False),  # all alike: it points at nothing
    ],
)
def test_several_hottest_pixels_are_put_to_the_vote(row, hit):
    maps = np.array([[row, [0, 0, 0]]])
    assert pointing_game(maps, MASK).tolist() == [hit]


def test_overlap_takes_as_many_pixels_as_the_mask_has():
    maps = np.array(
        [
            [[0.9, 0.8, 0.7], [0.1, 0.1, 0.1]],  # both
            [[0.9, 0.1, 0.8], [0.1, 0.1, 0.1]],  # one of them: 1 of 3
            [[0.1, 0.1, 0.9], [0.8, 0.1, 0.1]],  # none
        ]
    )
    found = overlap(maps, np.repeat(MASK, 3, axis=0))
    np.testing.assert_allclose(found, [1, 1 / 3, 0])


def test_equal_pixels_at_the_limit_count_as_lots_would_on_average():
    """The mean of what is common, over all ways to choose among equals."""
    mask = np.array([[[1, 1, 1, 0, 0, 0]]], bool)
    maps = np.array([[[0.5, 0.5, 1, 0.5, 0.5, 0]]])
    chosen = itertools.combinations([0, 1, 3, 4], 2)
    common = np.mean([len({0, 1, 2} & {2, *two}) for two in chosen])
    np.testing.assert_allclose(overlap(maps, mask), common / (6 - common))


def test_the_hottest_pixels_do_not_depend_on_scale():
    rng = np.random.default_rng(0)
    maps, masks = rng.random((5, 8, 8)), rng.random((5, 8, 8)) > 0.7
    np.testing.assert_array_equal(
        overlap(maps, masks), overlap(maps**3 - 7, masks)
    )


def test_random_pixels_hit_as_often_as_the_mask_is_large():
    masks = np.zeros((4000, 4, 5), bool)
    masks[:, 1:3, 1:4] = True  # 6 of 20
    maps = random_maps(masks.shape, (4, 5))
    assert pointing_game(maps, masks).mean() == pytest.approx(0.3, abs=0.03)
    # 6 of 20 without putting back: on average 6 x 6 / 20 are common.
    assert overlap(maps, masks).mean() == pytest.approx(0.19, abs=0.02)
    other = random_maps(masks.shape, (4, 5), seed=1)
    assert np.abs(maps - other).max() > 0.5


def test_random_cells_are_as_coarse_as_asked_for():
    maps = random_maps((1, 12, 12), (1, 1))
    assert np.ptp(maps) == 0
    assert np.ptp(random_maps((1, 12, 12), (2, 2))[0], axis=1)[0] > 0


def test_the_centre_is_the_middle_pixel():
    (odd,) = centre_maps((1, 5, 7))
    assert np.unravel_index(odd.argmax(), odd.shape) == (2, 3)
    (even,) = centre_maps((1, 4, 6))
    assert np.argwhere(even == even.max()).tolist() == [
        [1, 2],
        [1, 3],
        [2, 2],
        [2, 3],
    ]
    assert even[0, 0] == even[-1, -1] == 0


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="a mask of its size"):
        overlap(np.zeros((1, 2, 2)), MASK)
    masks = np.concatenate([MASK, ~MASK & MASK])
    with pytest.raises(UsageError, match=r"masks\[1\]"):
        pointing_game(np.zeros(masks.shape), masks)


@pytest.mark.slow
def test_a_trained_network_looks_at_ears_and_muzzle(tmp_path, monkeypatch):
    """Better than who points at the middle of every picture."""
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))
    script = runpy.run_path(str(SCRIPT))
    run = script["train_on_drawn_pets"](tmp_path)
    model = keras.models.load_model(run.model_path)
    images, labels, masks = draw_pets(200, 96, seed=900)
    maps = grad_cam(model, images, labels, layer="block4_conv2")
    found = pointing_game(maps, masks).mean()
    centre = centre_maps(masks.shape)
    assert found > pointing_game(centre, masks).mean() + 0.1
    assert overlap(maps, masks).mean() > overlap(centre, masks).mean() + 0.02
