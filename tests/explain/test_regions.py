"""Hot regions of maps drawn by hand."""

import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.explain.opened.heat import enlarge
from tlkit.explain.regions import Box, crop, erase, hot_box

HEAT = np.zeros((6, 8))
HEAT[1, 1] = 1.0  # one pixel, the hottest
HEAT[3:6, 4:7] = 0.6  # nine, connected
HEAT[3, 2] = 0.3
IMAGE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def test_the_largest_region_is_bounded_not_the_hottest():
    assert hot_box(HEAT) == Box(left=4, top=3, right=7, bottom=6)
    assert hot_box(HEAT, 0.7) == Box(1, 1, 2, 2)


def test_corners_do_not_connect():
    diagonal = np.eye(4)
    assert hot_box(diagonal) == Box(0, 0, 1, 1)


def test_a_coarse_map_that_is_warm_everywhere_has_a_box_where_it_is_hot():
    """Half of its maximum is exceeded nearly everywhere."""
    cells = np.full((3, 3), 0.5, np.float32)
    cells[0, 0] = 1
    # Linear between the centres of cells, 30 pixels apart: halfway between
    # 0.5 and 1 lies 15 pixels behind the first centre, which is pixel 14.5.
    heat = enlarge(cells[None], (90, 90))[0]
    assert (heat >= 0.5 * heat.max()).all()
    assert hot_box(heat) == Box(0, 0, 30, 30)


def test_a_box_around_nearly_all_is_none():
    ring = np.ones((20, 20))
    ring[5:15, 5:15] = 0.1
    assert hot_box(ring) is None
    assert hot_box(np.full((4, 4), 0.7)) is None
    ring[0] = ring[1] = ring[2] = 0.1  # 17 of 20 rows are left
    assert hot_box(ring) == Box(0, 3, 20, 20)


def test_nothing_hot_has_no_box():
    cold = np.zeros((4, 4))
    assert hot_box(cold) is None
    np.testing.assert_array_equal(crop(IMAGE[:4, :4], cold), IMAGE[:4, :4])
    np.testing.assert_array_equal(erase(IMAGE[:4, :4], cold), IMAGE[:4, :4])


def test_crop_is_the_box():
    np.testing.assert_array_equal(crop(IMAGE, HEAT), IMAGE[3:6, 4:7])


def test_erase_covers_all_hot_pixels_and_no_other():
    before = IMAGE.copy()
    erased = erase(IMAGE, HEAT, 0.5)
    hot = HEAT >= 0.5
    np.testing.assert_array_equal(erased[~hot], IMAGE[~hot])
    colour = IMAGE.reshape(-1, 3).astype(float).mean(axis=0).round()
    np.testing.assert_array_equal(erased[hot], np.tile(colour, (10, 1)))
    assert erased.dtype == np.uint8
    np.testing.assert_array_equal(IMAGE, before)


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="above 0, up to 1"):
        hot_box(HEAT, 0)
    with pytest.raises(UsageError, match="differ in size"):
        crop(IMAGE[:5], HEAT)
    with pytest.raises(UsageError, match="differ in size"):
        erase(IMAGE[:5], HEAT)
