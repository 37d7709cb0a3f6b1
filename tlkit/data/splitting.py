"""Decides by its content which split an image belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tlkit.data.index import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    Split,
    digest,
)


def complete_splits(
    splits: Mapping[str, Split], fractions: Mapping[str, float], seed: int
) -> dict[str, Split]:
    """Makes the splits that a data set does not have itself.

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
    if VALIDATION in splits:
        return dict(splits)
    if TEST in splits:
        fractions = {VALIDATION: fractions[VALIDATION]}
    return {**_divide(splits[TRAIN], fractions, seed), **_only_test(splits)}


def _only_test(splits: Mapping[str, Split]) -> dict[str, Split]:
    return {TEST: splits[TEST]} if TEST in splits else {}


def _divide(
    whole: Split, fractions: Mapping[str, float], seed: int
) -> dict[str, Split]:
    """Divides one split into train, validation and test by content hash.

    An image must not change its split when others are added, so the rule
    looks at nothing but the image itself. Hence the shares of the classes
    are right on average but not exactly. The one exception is made for a
    class that would be missing from a split.
    """
    positions = np.array(
        [_position(content, seed) for content in whole.digests]
    )
    # Room for "validation": NumPy would cut longer names without a word.
    names = np.full(len(whole), TRAIN, dtype="<U10")
    start = 0.0
    for name, fraction in fractions.items():
        inside = (positions >= start) & (positions < start + fraction)
        names[inside] = name
        start += fraction
    wanted = [TRAIN, *(name for name in fractions if fractions[name] > 0)]
    for label in np.unique(whole.labels):
        _fill_empty(names, positions, whole, label, wanted)
    return {
        name: whole.select(np.flatnonzero(names == name))
        for name in SPLITS
        if name in wanted
    }


def _fill_empty(
    names: np.ndarray,
    positions: np.ndarray,
    whole: Split,
    label: int,
    wanted: Sequence[str],
) -> None:
    """Gives each split an image of the class, if there are enough of them."""
    rows = np.flatnonzero(whole.labels == label)
    rows = rows[np.argsort(positions[rows], kind="stable")]
    digests = np.array(whole.digests)
    for name in wanted:
        if name in names[rows]:
            continue
        # Equal images move together, so they count as one.
        distinct = {
            split: len(set(digests[rows[names[rows] == split]]))
            for split in wanted
        }
        donor = max(distinct, key=lambda split: distinct[split])
        if distinct[donor] >= 2:
            moved = digests[rows[names[rows] == donor][0]]
            names[digests == moved] = name


def _position(content: str, seed: int) -> float:
    """Returns a number in [0, 1), evenly spread over contents and seeds."""
    # 13 hexadecimal digits are 52 bits, which a float holds exactly.
    return int(digest(f"{seed} {content}".encode())[:13], 16) / 16**13
