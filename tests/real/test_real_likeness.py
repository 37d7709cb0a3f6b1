"""Copies among real photographs are found, and other photographs are not."""

import io
from pathlib import Path

import numpy as np
import pytest
from given import DATA, NEED_DATA
from PIL import Image

from tlkit.data.index import Split, digest
from tlkit.data.likeness import fingerprint_of, near_pairs

pytestmark = NEED_DATA


def print_of(content):
    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (64, 64))
        return fingerprint_of(image)


def copy_of(path, random):
    """The content of a copy: cut, reduced, and saved once more."""
    with Image.open(path) as image:
        whole = np.asarray(image.convert("RGB"))
    height, width = whole.shape[:2]
    top, left, bottom, right = random.uniform(0, 0.02, 4)
    cut = Image.fromarray(
        whole[
            int(top * height) : height - int(bottom * height),
            int(left * width) : width - int(right * width),
        ]
    )
    share, saved = random.uniform(0.5, 0.9), io.BytesIO()
    size = round(cut.width * share), round(cut.height * share)
    cut.resize(size).save(saved, "JPEG", quality=int(random.integers(60, 91)))
    return saved.getvalue()


@pytest.fixture(scope="module")
def contents():
    """The 3,000 photographs by path."""
    paths = sorted(Path(DATA, "cats_vs_dogs").glob("*/*/*.jpg"))
    return {path: path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def prints(contents):
    return {digest(x): print_of(x) for x in contents.values()}


def split_of(contents):
    count = len(contents)
    digests = tuple(map(digest, contents.values()))
    return Split(tuple(contents), np.zeros(count, np.int64), digests)


def test_nearly_all_photographs_have_a_print(prints):
    assert sum(not one for one in prints.values()) <= 10


def test_no_two_photographs_are_taken_for_copies_but_one_pair(contents, prints):
    found = []
    # Every two photographs are in different splits once.
    for bit in range(12):
        halves = {"train": {}, "test": {}}
        for number, (path, content) in enumerate(contents.items()):
            halves["test" if number >> bit & 1 else "train"][path] = content
        splits = {name: split_of(half) for name, half in halves.items()}
        for pair in near_pairs(splits, prints):
            names = splits["train"].images[pair.row].name
            found.append({names, splits["test"].images[pair.other_row].name})
    # One picture that was collected twice, as one sees by eye.
    assert found
    assert all(names == {"dog.74.jpg", "dog.180.jpg"} for names in found)


def test_copies_are_found(contents, prints):
    random = np.random.default_rng(0)
    rows = random.choice(len(contents), 80, replace=False)
    paths = [list(contents)[row] for row in rows]
    copied = {Path("copy", x.name): copy_of(x, random) for x in paths}
    own = {digest(x): print_of(x) for x in copied.values()}
    splits = {"train": split_of(contents), "test": split_of(copied)}
    found = near_pairs(splits, prints | own)
    assert len(found) >= 0.95 * 80
    assert all(
        splits["train"].images[pair.row].name
        == splits["test"].images[pair.other_row].name
        for pair in found
    )
