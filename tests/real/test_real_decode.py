"""The decoder on real photographs, beside Pillow and Keras."""

from pathlib import Path

import keras
import numpy as np
import pytest
from given import DATA, NEED_DATA
from PIL import Image

from tlkit.data.decode import read_image, resize_image, why_unreadable
from tlkit.data.jpeg import find_reduction

pytestmark = NEED_DATA


@pytest.fixture(scope="module")
def photographs():
    folder = Path(DATA) / "cats_vs_dogs" / "validation"
    return sorted(folder.glob("*/*.jpg"))[::10]


def test_pixels_are_pillows_to_the_bit(photographs):
    assert len(photographs) == 50
    for path in photographs:
        assert why_unreadable(path) is None
        np.testing.assert_array_equal(
            read_image(path), np.asarray(Image.open(path).convert("RGB"))
        )


def test_the_resize_is_the_models_up_to_rounding(photographs):
    # 251 pixels: no photograph is twice as large, none is decoded at a half.
    resize = keras.layers.Resizing(251, 251, antialias=True)
    for path in photographs:
        whole = read_image(path)
        assert find_reduction(whole.shape[:2], (251, 251)) == 1
        inside = np.asarray(resize(whole[None].astype("float32")))
        difference = np.abs(read_image(path, 251) - inside[0])
        # Pillow rounds after each of the two directions.
        assert difference.max() < 1.6
        assert difference.mean() < 0.4


@pytest.mark.parametrize(
    ("size", "reduction", "mean", "worst"), [(150, 2, 2.0, 5), (64, 4, 2.5, 4)]
)
def test_a_fraction_is_near_the_whole_photograph(
    photographs, size, reduction, mean, worst
):
    """The figures that `read_image` promises, and a bound for single pixels."""
    differences = []
    for path in photographs:
        whole = read_image(path)
        if find_reduction(whole.shape[:2], (size, size)) == reduction:
            pixels = read_image(path, size).astype(int)
            differences.append(np.abs(pixels - resize_image(whole, size)))
    assert len(differences) >= 9
    means = [difference.mean() for difference in differences]
    assert np.mean(means) < mean
    assert np.max(means) < worst
    assert np.max(differences) < 90
    assert np.quantile(differences, 0.99) < 20
