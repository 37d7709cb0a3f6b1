"""Data sets show themselves in short, and in a notebook class by class."""

from pathlib import Path

import numpy as np
import pytest

from tlkit.data.index import DatasetIndex, LeftOut, Split


def make(name="pets", classes=("<b>", "dogs"), count=700):
    digests = tuple(f"{number:032x}" for number in range(count))
    labels = np.arange(count) % len(classes)
    files = Split(
        tuple(Path(f"{number}.jpg") for number in range(count)), labels, digests
    )
    arrays = Split(
        np.zeros((3, 8, 9, 3), np.uint8), np.array([0, 0, 1]), digests[:3]
    )
    return DatasetIndex(
        name,
        "somewhere",
        tuple(classes),
        {"train": files, "test": arrays},
        (LeftOut("a.txt", "no picture"),),
        ("Beware.",),
    )


def test_they_are_told_in_short():
    data = make()
    assert repr(data) == (
        "DatasetIndex('pets': 2 classes, 700 train, 3 test images)"
    )
    assert repr(data.split("train")) == "Split(700 files)"
    assert repr(data.split("test")) == "Split(3 images of 8 x 9 pixels)"
    many = make("x" * 999, [f"class {number}" for number in range(500)])
    assert len(repr(many)) < 200


def test_the_table_counts_the_images():
    table = make().table()
    assert table.to_records() == [
        {"class": "<b>", "train": 350, "test": 2},
        {"class": "dogs", "train": 350, "test": 1},
    ]
    page = make()._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "Beware." in page
    assert "Files and folders left out: 1." in page


@pytest.mark.parametrize("count", [0, 1, 25])
def test_the_summary_names_what_was_left_out(count):
    left = tuple(LeftOut(f"{n}.txt", "no picture") for n in range(count))
    data = make()
    object.__setattr__(data, "left_out", left)
    lines = data.summary(most=20).splitlines()
    assert lines[0] == "pets: 2 classes, 700 train, 3 test images"
    assert lines[-1] == "note: Beware."
    named = [line for line in lines if line.endswith(": no picture")]
    assert len(named) == min(count, 20)
    assert ("  and 5 more" in lines) is (count == 25)
