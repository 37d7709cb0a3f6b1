"""Folds: everything once, classes in equal shares, equal images together."""

import numpy as np
import pytest

from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.folds import make_folds
from tlkit.data.index import DatasetIndex, Split


def index_of(labels, digests=None, groups=()):
    count = len(labels)
    digests = range(count) if digests is None else digests
    split = Split(
        np.zeros((count, 1, 1, 3), "uint8"),
        np.asarray(labels, np.int64),
        tuple(f"{number:032x}" for number in digests),
        tuple(groups),
    )
    return DatasetIndex("some", "memory", ("cats", "dogs"), {"train": split})


def test_each_fold_has_its_share_of_each_class():
    labels = np.random.default_rng(0).permutation([0] * 40 + [1] * 10)
    folds = make_folds(index_of(labels), "train", 5)
    for fold in range(5):
        assert np.bincount(labels[folds == fold]).tolist() == [8, 2]


def test_equal_images_stay_together():
    labels = np.array([0, 1] * 30)
    digests = np.arange(60)
    digests[20:26] = [0, 1, 0, 1, 0, 1]  # one cat and one dog, four times
    folds = make_folds(index_of(labels, digests), "train", 3)
    assert sorted(set(folds)) == [0, 1, 2]
    for digest in (0, 1):
        assert len(set(folds[digests == digest])) == 1
    for fold in range(3):
        cats, dogs = np.bincount(labels[folds == fold])
        assert abs(cats - 10) <= 2
        assert abs(dogs - 10) <= 2


def test_the_images_of_a_group_stay_together():
    groups = [f"pet {row // 4}" for row in range(60)]
    labels = np.arange(60) // 4 % 2
    folds = make_folds(index_of(labels, groups=groups), "train", 3)
    for name in set(groups):
        assert len({folds[row] for row in range(60) if groups[row] == name}) < 2
    assert np.bincount(folds).tolist() == [20, 20, 20]
    with pytest.raises(TlkitError, match="8 groups or more"):
        make_folds(index_of(labels, groups=groups), "train", 8)


def test_the_seed_decides():
    data = index_of([0, 1] * 30)
    once = make_folds(data, "train", 3, seed=1)
    np.testing.assert_array_equal(once, make_folds(data, "train", 3, seed=1))
    assert (once != make_folds(data, "train", 3, seed=2)).any()


def test_too_few_different_images_of_a_class_are_named():
    labels = [0] * 9 + [1] * 5
    digests = [*range(9), 20, 20, 20, 21, 22]
    with pytest.raises(TlkitError, match="dogs in the train") as caught:
        make_folds(index_of(labels, digests), "train", 4)
    assert "4 different images" in str(caught.value)
    assert "received:  3" in str(caught.value)
    make_folds(index_of(labels, digests), "train", 3)


@pytest.mark.parametrize("folds", [1, 0, 2.5, "3"])
def test_folds_are_two_or_more(folds):
    with pytest.raises(UsageError, match="2 or more"):
        make_folds(index_of([0, 1] * 9), "train", folds)
