"""Arrays are a data set like any other."""

import numpy as np
import pytest

import tlkit
from tlkit.base.errors import TlkitError, UsageError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (40, 8, 8, 3), np.uint8)
LABELS = np.arange(40) % 2


def test_a_pair_is_divided_like_a_folder():
    data = tlkit.load_dataset((IMAGES, LABELS))
    assert data.class_names == ("0", "1")
    sizes = [len(split) for split in data.splits.values()]
    assert sum(sizes) == 40
    assert set(data.splits) == {"train", "validation", "test"}
    row = data.splits["train"].digests[0]
    assert row in {
        digest
        for split in tlkit.load_dataset(
            (IMAGES[::-1], LABELS[::-1])
        ).splits.values()
        for digest in split.digests
    }


def test_given_splits_are_kept_and_gray_becomes_rgb():
    gray = IMAGES[..., 0]
    data = tlkit.load_dataset(
        {
            "train": (gray[:20], LABELS[:20]),
            "validation": (gray[20:30], LABELS[20:30]),
            "test": (gray[30:], LABELS[30:]),
            "class_names": ["cat", "dog"],
        }
    )
    assert data.class_names == ("cat", "dog")
    assert [len(split) for split in data.splits.values()] == [20, 10, 10]
    image = data.split("test").read(0)
    np.testing.assert_array_equal(image, gray[30, ..., None].repeat(3, axis=2))


@pytest.mark.parametrize(
    "source",
    [
        42,
        (IMAGES,),
        (IMAGES, LABELS, LABELS),
        {"test": (IMAGES, LABELS)},
        {"train": IMAGES},
        {"train": (IMAGES, LABELS), "exam": (IMAGES, LABELS)},
    ],
    ids=["number", "one", "three", "no train", "no pair", "unknown split"],
)
def test_other_things_are_refused(source):
    with pytest.raises(UsageError, match="no arrays"):
        tlkit.load_dataset(source)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (IMAGES.astype("float32"), LABELS),
        (IMAGES, LABELS[:30]),
        (IMAGES, LABELS + 0.5),
        (IMAGES[0], LABELS),
    ],
    ids=["floats", "too few labels", "labels between", "one image"],
)
def test_arrays_of_other_shapes_are_named(images, labels):
    with pytest.raises(TlkitError, match="in memory"):
        tlkit.load_dataset((images, labels))
