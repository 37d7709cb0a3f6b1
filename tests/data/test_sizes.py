"""Notes on the sizes of classes: what is said, and when nothing is."""

import numpy as np

from tlkit.data.index import Split
from tlkit.data.sizes import notes_on_sizes

NAMES = ("roses", "daisies", "tulips")


def split_of(*counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    count = len(labels)
    images = np.zeros((count, 1, 1, 3), np.uint8)
    return Split(images, labels, tuple(map(str, range(count))))


def notes(train, names=NAMES, **judged):
    splits = {name: split_of(*counts) for name, counts in judged.items()}
    return notes_on_sizes(names, {"train": split_of(*train), **splits})


def test_of_classes_of_good_size_nothing_is_said():
    assert notes((10, 29, 29), validation=(1, 1, 1), test=(10, 10, 10)) == ()


def test_three_times_as_many_images_are_named():
    (note,) = notes((120, 40, 41), test=(10, 10, 10))
    assert "120 training images of roses, 40 of daisies" in note
    assert "balanced accuracy" in note
    assert "--balance" in note
    assert notes((119, 40, 41), test=(10, 10, 10)) == ()


def test_few_and_no_images_are_named():
    assert notes((20, 20, 9), validation=(9, 9, 9), test=(9, 10, 0)) == (
        "There are no test images of tulips: not judged.",
        "Few test images (9 of roses): their accuracy is hardly known.",
        "Few training images (9 of tulips): little can be learnt of them.",
    )


def test_without_a_test_split_validation_is_judged():
    (note,) = notes((20, 20, 20), validation=(20, 20, 0))
    assert note == "There are no validation images of tulips: not judged."


def test_a_long_list_is_shortened_the_smallest_first():
    names = [f"class {number}" for number in range(17)]
    counts = [9] * 16 + [2]
    (note,) = notes([20] * 17, names, test=counts)
    assert note.startswith("Few test images (2 of class 16, 9 of class 0, ")
    assert "9 of class 3 and 12 more)" in note


def test_a_test_split_alone_has_its_notes():
    splits = {"test": split_of(20, 20, 0)}
    assert notes_on_sizes(NAMES, splits) == (
        "There are no test images of tulips: not judged.",
    )
    assert notes_on_sizes(NAMES, {"all": split_of(20, 2, 0)}) == ()
