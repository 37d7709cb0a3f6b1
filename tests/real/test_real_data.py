"""Real data sets become an index, and real photographs the pixels they are."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from given import DATA, NEED_DATA

import tlkit
from tlkit.data.decode import read_image

pytestmark = NEED_DATA


def test_photographs_are_found_in_their_splits():
    data = tlkit.load_dataset(Path(DATA) / "cats_vs_dogs")
    assert data.class_names == ("cats", "dogs")
    assert data.counts() == {
        "train": {"cats": 1000, "dogs": 1000},
        "validation": {"cats": 250, "dogs": 250},
        "test": {"cats": 250, "dogs": 250},
    }
    assert data.left_out == ()
    assert data.notes == ()


def test_a_flat_folder_of_photographs_is_divided_by_content():
    folder = Path(DATA) / "cats_vs_dogs" / "validation"
    data = tlkit.load_dataset(folder)
    homes = {
        path: name
        for name, split in data.splits.items()
        for path in split.images
    }
    assert set(homes) == set(folder.glob("*/*.jpg"))
    for name in ("validation", "test"):
        # 500 images with probability 1/5: 4 standard deviations are 36.
        assert abs(len(data.split(name)) - 100) <= 36
    again = tlkit.load_dataset(folder)
    assert again.fingerprint() == data.fingerprint()


def test_pixels_are_those_of_tensorflows_exact_decoder():
    folder = Path(DATA) / "cats_vs_dogs" / "test"
    for path in sorted(folder.glob("*/*.jpg"))[::25]:
        expected = tf.io.decode_jpeg(
            path.read_bytes(), channels=3, dct_method="INTEGER_ACCURATE"
        )
        np.testing.assert_array_equal(read_image(path), expected)


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_arrays_become_ten_classes(name):
    data = tlkit.load_dataset(Path(DATA) / f"{name}.npz")
    assert data.class_names == tuple("0123456789")
    with np.load(Path(DATA) / f"{name}.npz") as stored:
        labels, images = stored["y_test"], stored["x_test"]
        trained = np.bincount(stored["y_train"])
    test = data.split("test")
    np.testing.assert_array_equal(test.labels, labels)
    for row in (0, 77, 9999):
        np.testing.assert_array_equal(
            test.read(row), np.repeat(images[row][..., None], 3, axis=-1)
        )
    counts = data.counts()
    for label, count in enumerate(trained):
        validated = counts["validation"][str(label)]
        assert counts["train"][str(label)] + validated == count
        deviation = np.sqrt(count * 0.2 * 0.8)
        assert abs(validated - 0.2 * count) <= 4 * deviation
