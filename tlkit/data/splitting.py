"""Decides by its content which split an image belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tlkit.base.errors import TlkitError
from tlkit.base.wording import name_some
from tlkit.data.index import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    DatasetIndex,
    Split,
    digest,
)
from tlkit.data.units import Units, find_units

#: A class of fewer units is divided exactly, so that chance cannot give it
#: one image of validation where four were asked for. From here on chance
#: matters little: a share of a fifth is right to about 1.3 in 100.
SMALL = 1000


def complete_splits(
    splits: Mapping[str, Split], fractions: Mapping[str, float], seed: int
) -> dict[str, Split]:
    """Makes the splits that a data set does not have itself.

    What is divided are units: equal images, and the images of one group,
    stay together. A unit counts for the class of most of its images. In each
    class the units stand in an order that depends on nothing but themselves
    and the seed, and the order is cut into test, validation and train.

    A class of fewer than `SMALL` units is cut where the shares of its images
    are as exact as they can be, and each split gets at least one unit. An
    image that is added to such a class moves the cuts, so that at most one
    other image crosses each of them, and never one of another class. A class
    of `SMALL` units or more is cut at fixed places of the order: added images
    move no other, and the shares are right up to chance. A class that grows
    past `SMALL` is cut anew once. Renamed and moved files stay where they
    are. A group that is larger than test and validation are to be together
    is for training, unless its class has as many units as `SMALL`.

    Args:
        splits: The splits that the data set has: `"train"`, and optionally
            `"validation"` and `"test"`.
        fractions: Shares of `"validation"` and of `"test"`, 0 to 1, for the
            splits that are made here.
        seed: Seed of the division; another seed divides differently.

    Returns:
        The splits `"train"` and `"validation"`, and `"test"` unless the data
        set has a validation split of its own but no test split.
    """
    missing = _missing(splits, fractions)
    if not missing:
        return dict(splits)
    given = {TEST: splits[TEST]} if TEST in splits else {}
    return {**_divide(splits[TRAIN], missing, seed), **given}


def check_enough(data: DatasetIndex, fractions: Mapping[str, float]) -> None:
    """Checks that every class has enough images for the splits to be made.

    Args:
        data: The data set with the splits that it has itself.
        fractions: Shares as `complete_splits` takes them.

    Raises:
        TlkitError: A class has fewer different images, or fewer groups, than
            there are splits to divide them into.
    """
    wanted = (TRAIN, *_missing(data.splits, fractions))
    if len(wanted) == 1:
        return
    whole = data.splits[TRAIN]
    units = find_units(whole)
    counts = np.bincount(
        units.holding(whole.labels)[1], minlength=len(data.class_names)
    )
    few = [
        f"{name} ({count})"
        for name, count in zip(data.class_names, counts, strict=True)
        if count < len(wanted)
    ]
    if few:
        raise _too_few(
            few, wanted, "groups" if whole.groups else "images", data
        )


def _too_few(
    few: Sequence[str], wanted: Sequence[str], what: str, data: DatasetIndex
) -> TlkitError:
    together = (
        "Images of one group stay in one split. " if what == "groups" else ""
    )
    return TlkitError(
        f"Too few {what} of {name_some(few)} to be divided into "
        f"{', '.join(wanted[:-1])} and {wanted[-1]}.",
        where=data.source,
        expected=f"{len(wanted)} different {what} or more of each class",
        remedy=f"{together}Add images, leave these classes out, or give "
        "folders train, validation and test of your own.",
    )


def _missing(
    splits: Mapping[str, Split], fractions: Mapping[str, float]
) -> dict[str, float]:
    """Returns the shares of the splits that have to be made, test first."""
    if VALIDATION in splits:
        return {}
    names = (VALIDATION,) if TEST in splits else (TEST, VALIDATION)
    return {name: fractions[name] for name in names if fractions[name] > 0}


def _divide(
    whole: Split, fractions: Mapping[str, float], seed: int
) -> dict[str, Split]:
    """Divides one split into train, validation and test."""
    units = find_units(whole)
    ends = np.cumsum(list(fractions.values()))
    parts = _find_parts(units, whole.labels, ends, seed)
    names = np.array([*fractions, TRAIN])[parts[units.numbers]]
    return {
        name: whole.select(np.flatnonzero(names == name))
        for name in SPLITS
        if name == TRAIN or name in fractions
    }


def _find_parts(
    units: Units, labels: np.ndarray, ends: np.ndarray, seed: int
) -> np.ndarray:
    """Returns the part of each unit, from 0; the last part is train."""
    positions = np.array(
        [min(_position(key, seed) for key in keys) for keys in units.keys]
    )
    sizes = np.bincount(units.numbers)
    parts = np.empty(len(units), np.int64)
    owners = _owners(units, labels)
    for label in np.unique(owners):
        own = np.flatnonzero(owners == label)
        own = own[np.argsort(positions[own], kind="stable")]
        parts[own] = (
            _cut_exactly(sizes[own], ends)
            if len(own) < SMALL
            else np.searchsorted(ends, positions[own], side="right")
        )
    _fill_empty(parts, positions, units, labels, len(ends) + 1)
    return parts


def _owners(units: Units, labels: np.ndarray) -> np.ndarray:
    """Returns the class of most images of each unit, of equals the first."""
    numbers, classes, images = units.holding(labels)
    order = np.lexsort((classes, -images, numbers))
    firsts = np.unique(numbers[order], return_index=True)[1]
    return classes[order][firsts]


def _cut_exactly(sizes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Cuts a row of units at the shares of their images.

    A unit belongs to the part in which its middle lies. Of single images a
    part gets the rounded number. A unit of more images than all parts but the
    last are to have has no room in them: it comes last, and where the others
    are fewer than these parts are to have, each gets less.

    Args:
        sizes: Number of images of each unit, in their order.
        ends: Share of all images at which each part but the last ends.

    Returns:
        The part of each unit, from 0. None is empty if there are at
        least as many units as parts.
    """
    count, parts = len(sizes), len(ends) + 1
    large = sizes > ends[-1] * sizes.sum()
    order = np.argsort(large, kind="stable")
    middles = np.cumsum(sizes[order]) - sizes[order] / 2
    whole = min(sizes.sum(), sizes[~large].sum() / ends[-1])
    cuts = np.searchsorted(middles, ends * whole)
    if count >= parts:
        # Room for one unit of each part before and of each part after.
        for number in range(len(cuts)):
            lowest = cuts[number - 1] + 1 if number else 1
            cuts[number] = min(
                max(cuts[number], lowest), count - (parts - 1 - number)
            )
    found = np.empty(count, np.int64)
    found[order] = np.searchsorted(cuts, np.arange(count), side="right")
    return found


def _fill_empty(
    parts: np.ndarray,
    positions: np.ndarray,
    units: Units,
    labels: np.ndarray,
    wanted: int,
) -> None:
    """Gives each part a unit of each class, if there are enough of them.

    A small class has one already, unless its units count for other classes.
    """
    numbers, classes, _ = units.holding(labels)
    for label in np.unique(classes):
        own = numbers[classes == label]
        own = own[np.argsort(positions[own], kind="stable")]
        for part in range(wanted):
            counts = np.bincount(parts[own], minlength=wanted)
            donor = int(counts.argmax())
            if not counts[part] and counts[donor] >= 2:
                parts[own[parts[own] == donor][0]] = part


def _position(content: str, seed: int) -> float:
    """Returns a number in [0, 1), evenly spread over contents and seeds."""
    # 13 hexadecimal digits are 52 bits, which a float holds exactly.
    return int(digest(f"{seed} {content}".encode())[:13], 16) / 16**13
