"""The decoder on real photographs, beside Pillow and Keras."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tlkit.data.decode import read_image, why_unreadable

DATA = os.environ.get("TLKIT_REAL_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="TLKIT_REAL_DATA is not set")


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
    resize = keras.layers.Resizing(150, 150, antialias=True)
    for path in photographs:
        inside = np.asarray(resize(read_image(path)[None].astype("float32")))
        difference = np.abs(read_image(path, 150) - inside[0])
        # Pillow rounds after each of the two directions.
        assert difference.max() < 1.6
        assert difference.mean() < 0.4
