"""A heat map lies where the network saw what it shows."""

import numpy as np
import pytest

from tlkit.base.image_size import Frame
from tlkit.data.decode import resize_image
from tlkit.explain.placing import place_heat


@pytest.mark.parametrize("size", [(40, 100), (100, 40), (64, 64)])
@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("spot", [(20, 20), (19, 22)])
def test_a_bright_spot_is_found_where_it_is(size, fit, spot):
    # A network that finds bright pixels perfectly: its heat map is the
    # picture as it was fitted into the frame.
    picture = np.zeros((*size, 3), np.uint8)
    row, column = (
        side * part // 40 for side, part in zip(size, spot, strict=True)
    )
    picture[row - 2 : row + 3, column - 2 : column + 3] = 255
    frame = Frame(80, 80, fit)
    heat = resize_image(picture, frame)[..., 0].astype(np.float32)
    placed = place_heat(heat, size, frame)
    assert placed.shape == size
    assert placed.dtype == np.float32
    y, x = (np.average(places, weights=placed) for places in np.indices(size))
    assert (y, x) == pytest.approx((row, column), abs=0.6)


def test_what_was_cropped_off_has_no_heat():
    placed = place_heat(np.ones((8, 8)), (20, 60), Frame(8, 8, "crop"))
    assert placed[:, 20:40].min() == 1
    assert placed[:, :20].max() == placed[:, 40:].max() == 0


def test_the_heat_of_borders_is_left_out():
    heat = np.zeros((60, 60))
    heat[:20] = heat[40:] = 5  # only in the borders
    placed = place_heat(heat, (20, 60), Frame(60, 60, "pad"))
    assert placed.shape == (20, 60)
    assert placed.max() == 0
