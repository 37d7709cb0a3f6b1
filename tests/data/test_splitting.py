"""Division: exact in small classes, stable, and never through a unit."""

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from tlkit.base.errors import TlkitError
from tlkit.data.index import DatasetIndex, Split
from tlkit.data.splitting import SMALL, check_enough, complete_splits
from tlkit.data.units import find_units

FRACTIONS = {"test": 0.2, "validation": 0.2}


def images(labels, groups=(), digests=None):
    """A split of files that exist only by name and digest."""
    names = digests or [f"image {row}" for row in range(len(labels))]
    digests = tuple(hashlib.md5(name.encode()).hexdigest() for name in names)
    return Split(
        tuple(map(Path, names)),
        np.asarray(labels, np.int64),
        digests,
        tuple(groups),
    )


def divide(split, fractions=FRACTIONS, seed=0):
    return complete_splits({"train": split}, fractions, seed)


def per_class(splits, classes):
    return {
        name: np.bincount(split.labels, minlength=classes).tolist()
        for name, split in splits.items()
    }


def homes(splits):
    return {d: name for name, split in splits.items() for d in split.digests}


@pytest.mark.parametrize("seed", range(20))
def test_twenty_images_of_a_class_are_four_four_and_twelve(seed):
    """By chance alone, 1 to 9 of 20 images were for validation."""
    splits = divide(images([0, 1] * 20), seed=seed)
    assert per_class(splits, 2) == {
        "train": [12, 12],
        "validation": [4, 4],
        "test": [4, 4],
    }


def test_two_rare_dogs_are_not_left_out_of_the_test_split():
    splits = divide(images([0] * 198 + [1] * 3))
    assert per_class(splits, 2) == {
        "train": [119, 1],
        "validation": [39, 1],
        "test": [40, 1],
    }


def test_five_classes_of_flowers_have_their_shares():
    counts = [633, 898, 641, 699, 799]
    splits = divide(images(np.repeat(range(5), counts)))
    for name, share in FRACTIONS.items():
        # Both cuts are rounded, so a share is right to one image.
        off = per_class(splits, 5)[name] - share * np.array(counts)
        assert np.abs(off).max() <= 1


@pytest.mark.parametrize("count", range(3, 30))
@pytest.mark.parametrize(
    ("test", "validation"), [(0.2, 0.2), (0.5, 0.4), (0.05, 0.9), (0.01, 0.01)]
)
def test_no_division_comes_nearer_to_the_shares(count, test, validation):
    """Among all divisions with one image in each split, by brute force."""
    splits = divide(
        images([0] * count), {"test": test, "validation": validation}
    )
    first, second = len(splits["test"]), len(splits["validation"])
    assert min(map(len, splits.values())) >= 1

    def off(cuts):
        wanted = np.array([test, test + validation]) * count
        return np.abs(np.array(cuts) - wanted).max()

    best = min(map(off, itertools.combinations(range(1, count), 2)))
    assert off((first, first + second)) == pytest.approx(best)


@pytest.mark.parametrize("count", [3, 4, 7, 19, 20, 100])
def test_an_image_more_moves_one_other_at_each_cut(count):
    """And none of the other class, whose images stay where they are."""
    others = [f"other {row}" for row in range(50)]
    for trial in range(30):
        names = [f"{trial} {row}" for row in range(count + 1)]
        few = images([0] * count + [1] * 50, digests=[*names[:count], *others])
        more = images([0] * (count + 1) + [1] * 50, digests=names + others)
        before, after = homes(divide(few)), homes(divide(more))
        moved = {d for d in before if before[d] != after[d]}
        assert moved <= set(few.digests[:count])
        crossed = [(before[d], after[d]) for d in moved]
        order = ["test", "validation", "train"]
        for cut in (1, 2):
            below = set(order[:cut])
            over = [(a in below) != (b in below) for a, b in crossed]
            assert sum(over) <= 1


def test_an_image_more_in_a_large_class_moves_none():
    many = images([0] * (2 * SMALL))
    few = many.select(np.arange(SMALL))
    before, after = homes(divide(few)), homes(divide(many))
    assert {digest: after[digest] for digest in before} == before


def test_groups_stay_in_one_split_whatever_their_sizes():
    random = np.random.default_rng(0)
    groups = [f"patient {n}" for n in random.integers(0, 60, 900)]
    split = images(random.integers(0, 3, 900), groups)
    splits = divide(split)
    for one, other in itertools.combinations(splits.values(), 2):
        assert not set(one.groups) & set(other.groups)
    assert sum(map(len, splits.values())) == 900
    for name, share in FRACTIONS.items():
        # To about half of the largest group in each class.
        assert abs(len(splits[name]) - share * 900) < 40


@pytest.mark.parametrize("seed", range(10))
def test_a_group_with_no_room_elsewhere_is_for_training(seed):
    """Ten images are left for the other splits, which want 20 each."""
    groups = ["large"] * 90 + [f"small {number}" for number in range(10)]
    splits = divide(images([0] * 100, groups), seed=seed)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 90,
        "validation": 5,
        "test": 5,
    }
    assert set(splits["train"].groups) == {"large"}


def test_an_image_more_in_a_group_moves_no_group():
    """A group is known by its name and not by what it holds."""
    groups = [f"g{row // 5}" for row in range(100)]
    few, more = images([0] * 100, groups), images([0] * 101, [*groups, "g3"])
    one, other = (
        {g: n for n, s in divide(x).items() for g in s.groups}
        for x in (few, more)
    )
    assert sum(one[name] != other[name] for name in one) <= 1
    assert other["g3"] == one["g3"]


def test_units_are_joined_through_equal_images():
    # The groups a and b share an image, b and c another; d is alone, and so
    # is the image without a group.
    split = images(
        [0] * 8,
        ["a", "b", "b", "c", "d", "d", "", "c"],
        digests=["1", "1", "2", "2", "3", "4", "5", "6"],
    )
    units = find_units(split)
    numbers = units.numbers.tolist()
    assert len(units) == 3
    assert len({numbers[row] for row in (0, 1, 2, 3, 7)}) == 1
    assert numbers[4] == numbers[5]
    assert len(set(numbers)) == 3
    assert set(units.keys) == {("a", "b", "c"), ("d",), (split.digests[6],)}


def test_without_groups_equal_images_are_one_unit():
    units = find_units(images([0] * 4, digests=["x", "y", "x", "z"]))
    assert len(units) == 3
    assert units.numbers[0] == units.numbers[2]
    numbers, classes, counts = units.holding(np.array([0, 1, 1, 1]))
    held = sorted(zip(numbers, classes, counts, strict=True))
    whole = (units.numbers[0], 0, 1), (units.numbers[0], 1, 1)
    assert set(whole) <= set(held)
    assert len(held) == 4


@pytest.mark.parametrize("seed", range(20))
def test_a_class_that_only_mixed_groups_hold_is_in_every_split(seed):
    """Every patient has mostly healthy images, three have an ill one too."""
    groups = np.repeat([f"patient {row}" for row in range(40)], 5)
    labels = np.zeros(200, int)
    labels[[0, 50, 100]] = 1
    splits = divide(images(labels, groups), seed=seed)
    assert [held[1] for held in per_class(splits, 2).values()] == [1, 1, 1]


def index_of(split, names, **others):
    return DatasetIndex("some", "here/", names, {"train": split, **others})


def test_too_few_images_are_named_with_their_numbers():
    data = index_of(
        images([0] * 9 + [1] * 2 + [2], digests=[*"abcdefghi", *"xxy"]),
        ("cats", "dogs", "owls"),
    )
    with pytest.raises(TlkitError) as caught:
        check_enough(data, FRACTIONS)
    assert caught.value.exit_code == 1
    said = str(caught.value)
    assert "Too few images of dogs (1), owls (1) to be divided into" in said
    assert "train, test and validation" in said
    assert "3 different images" in said


def test_as_many_images_as_splits_are_enough():
    whole = images([0, 1] * 3)
    check_enough(index_of(whole, ("cats", "dogs")), FRACTIONS)
    two = index_of(images([0, 1] * 2), ("cats", "dogs"))
    check_enough(two, {"test": 0, "validation": 0.2})
    check_enough(
        index_of(images([0, 1] * 2), ("cats", "dogs"), test=whole),
        FRACTIONS,
    )
    one = index_of(images([0, 1]), ("cats", "dogs"), validation=whole)
    check_enough(one, FRACTIONS)  # nothing is divided
    with pytest.raises(TlkitError, match=r"Too few images of cats \(2\)"):
        check_enough(two, FRACTIONS)


def test_too_few_groups_are_named():
    labels, groups = [0] * 6 + [1] * 6, [*"abcdef", *"xyxyxy"]
    data = index_of(images(labels, groups), ("cats", "dogs"))
    with pytest.raises(TlkitError, match="one group stay") as caught:
        check_enough(data, FRACTIONS)
    assert "Too few groups of dogs (2)" in str(caught.value)
