"""Folds for cross-validation, so that choosing settings costs no split."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.index import DatasetIndex
from tlkit.data.units import find_units


def check_folds(folds: int) -> None:
    """Checks a number of folds.

    Args:
        folds: The number to check.

    Raises:
        UsageError: It is not a whole number, or it is below 2.
    """
    if not isinstance(folds, int) or folds < 2:
        raise UsageError(
            "Cross-validation needs two folds or more: it holds one out and "
            "trains on the others.",
            where="folds",
            expected="a whole number, 2 or more",
            received=repr(folds),
        )


def make_folds(
    data: DatasetIndex, split: str, folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Divides a split into folds, with the classes spread as evenly as can be.

    Equal images stay in one fold, and so do the images of one group: what a
    model was trained on must not be used to judge it.

    Args:
        data: The data set.
        split: Name of the split to divide, such as `"train"`.
        folds: Number of folds, 2 or more.
        seed: Seed of the division; another seed divides differently.

    Returns:
        Array of shape `(count,)`, int64: the fold of each image, from 0.

    Raises:
        UsageError: There are fewer than two folds, or no such split.
        TlkitError: A class has fewer different images, or fewer groups, than
            there are folds.
    """
    check_folds(folds)
    whole = data.split(split)
    units = find_units(whole)
    what = "groups" if whole.groups else "different images"
    counts = np.bincount(
        units.holding(whole.labels)[1], minlength=len(data.class_names)
    )
    for class_name, count in zip(data.class_names, counts, strict=True):
        if count < folds:
            raise TlkitError(
                f"A class has too few {what} to be divided into folds.",
                where=f"{class_name} in the {split} split",
                expected=f"{folds} {what} or more",
                received=count,
                remedy="Add images of this class, ask for fewer folds, or do "
                "without cross-validation.",
            )
    divide = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    numbers = np.empty(len(whole), np.int64)
    parts = divide.split(units.numbers, whole.labels, units.numbers)
    for fold, (_, held_out) in enumerate(parts):
        numbers[held_out] = fold
    return numbers
