"""Folds of a split, to judge settings by without touching another split."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.index import DatasetIndex


def check_folds(folds: int) -> None:
    """Raises UsageError unless `folds` is a whole number, 2 or more."""
    if not isinstance(folds, int) or folds < 2:
        raise UsageError(
            "Cross-validation holds out one fold and trains on the others.",
            where="folds",
            expected="a whole number, 2 or more",
            received=repr(folds),
        )


def make_folds(
    data: DatasetIndex, split: str, folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Divides a split into folds with as equal shares of classes as possible.

    Equal images stay together: one that trains a model must not judge it.

    Args:
        data: the data set.
        split: which split.
        folds: how many, 2 or more.
        seed: another seed divides otherwise.

    Returns:
        int64 array of shape `(count,)`: the fold of each image, from 0.

    Raises:
        UsageError: fewer than two folds, or no such split.
        TlkitError: a class has fewer different images than there are folds.
    """
    check_folds(folds)
    whole = data.split(split)
    digests = np.array(whole.digests)
    for label, class_name in enumerate(data.class_names):
        different = len(np.unique(digests[whole.labels == label]))
        if different < folds:
            raise TlkitError(
                "A class has too few images to be divided into folds.",
                where=f"{class_name} in the {split} split",
                expected=f"{folds} different images or more",
                received=different,
                remedy="Add images of this class, or do without "
                "cross-validation.",
            )
    divide = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    numbers = np.empty(len(whole), np.int64)
    parts = divide.split(digests, whole.labels, digests)
    for fold, (_, held_out) in enumerate(parts):
        numbers[held_out] = fold
    return numbers
