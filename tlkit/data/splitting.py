"""Which image belongs to which split, decided by its content."""

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
    """Divides what the source itself has not divided.

    Args:
        splits: `"train"`, perhaps `"validation"` and `"test"`.
        fractions: share of `"validation"` and of `"test"`, 0 to 1.
        seed: another seed divides otherwise.

    Returns:
        `"train"` and `"validation"`; `"test"` unless the source has a
        validation split of its own and no test split.
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
    """Divides one split by content hash into train, validation, test.

    A rule that never moves an image when others are added can look at
    nothing but the image itself, so class shares are right on average and
    not exactly; the one exception is a class that a split would lack.
    """
    positions = np.array(
        [_position(content, seed) for content in whole.digests]
    )
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
    """Gives each split at least one image of the class, if it has enough."""
    rows = np.flatnonzero(whole.labels == label)
    rows = rows[np.argsort(positions[rows], kind="stable")]
    digests = np.array(whole.digests)
    for name in wanted:
        if name in names[rows]:
            continue
        distinct = {
            split: len(set(digests[rows[names[rows] == split]]))
            for split in wanted
        }
        donor = max(distinct, key=lambda split: distinct[split])
        if distinct[donor] >= 2:
            moved = digests[rows[names[rows] == donor][0]]
            names[digests == moved] = name


def _position(content: str, seed: int) -> float:
    """A number in [0, 1), uniform over contents and seeds."""
    return int(digest(f"{seed} {content}".encode())[:13], 16) / 16**13
