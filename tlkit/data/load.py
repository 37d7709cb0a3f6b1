"""Makes a `DatasetIndex` of any source of images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.arrays import array_split, index_of_arrays, read_npz
from tlkit.data.folders import read_folder
from tlkit.data.index import (
    ALL,
    TEST,
    TRAIN,
    VALIDATION,
    DatasetIndex,
    Split,
)
from tlkit.data.names import (
    SAMPLE,
    SAMPLE_SIZES,
    TEST_FRACTION,
    VALIDATION_FRACTION,
    dataset_names,
)
from tlkit.data.public import download
from tlkit.data.splitting import check_enough, complete_splits
from tlkit.drawn import sample

Source = str | os.PathLike[str] | tuple[Any, Any] | Mapping[str, Any]
"""What a data set is made of; see `load_dataset`."""


def load_dataset(
    source: Source,
    *,
    validation_fraction: float = VALIDATION_FRACTION,
    test_fraction: float = TEST_FRACTION,
    seed: int = 0,
) -> DatasetIndex:
    """Finds the images of a data set, checks them and fixes the splits.

    `source` may be

    - a folder with `train/`, `validation/` (or `val/`) and `test/`, each
      holding one folder per class;
    - a folder that holds one folder per class;
    - a `.npz` file in Keras's form: uint8 `x_train`, `x_test` of shape
      `(count, height, width[, channels])`, integer `y_train`, `y_test`, and
      optionally `class_names`;
    - `cartoon`, the drawn cats and dogs that come with tlkit;
    - the name of a public data set that `tlkit data fetch` has got;
    - from Python also arrays: `(images, labels)`, or such a pair for each of
      `"train"`, `"validation"` and `"test"` in a mapping.

    Splits that the source does not have are made: validation images are
    taken from the training images, and test images too if there is neither
    a validation nor a test split. The split of an image is decided by its
    content alone: adding, renaming or moving files never moves another
    image to a different split, and equal files share one. Hence the fraction
    of a class is nearly, not exactly, the one asked for; if a split would
    have no image of a class, the image closest to the limit goes there.

    Files that cannot be used are left out and listed in `left_out` with
    their reason; nothing is deleted or changed.

    Args:
        source: The source, in one of the forms above.
        validation_fraction: Share of all images that become validation
            images where the source has none, above 0 and below 1.
        test_fraction: Share of all images that become test images where the
            source has neither split, 0 to below 1.
        seed: Seed of the division; another seed divides differently.

    Returns:
        The index. The images of a split are in the order of their paths.

    Raises:
        UsageError: There is no such source, or a fraction is impossible.
        TlkitError: The source cannot be read, has no usable images or fewer
            than two classes, or a class is missing from a split.

    Example:
        >>> load_dataset("cartoon").class_names
        ('cats', 'dogs')
    """
    fractions = {TEST: test_fraction, VALIDATION: validation_fraction}
    _check_fractions(fractions)
    found = read_source(source)
    check_enough(found, fractions)
    splits = complete_splits(found.splits, fractions, seed)
    index = replace(found, splits=splits, notes=_notes(splits))
    _check_every_class(index)
    return index


def load_labelled(source: Source) -> DatasetIndex:
    """Finds the images of a data set to judge a model on; divides nothing.

    Args:
        source: The source, see `load_dataset`. One class is enough, and so is
            a test split alone.

    Returns:
        The index, with the splits that the source has itself. Where it has
        none, all of its images are in one split, `"all"`.

    Raises:
        UsageError: There is no such source.
        TlkitError: The source cannot be read or has no usable images.
    """
    found = read_source(source)
    if set(found.splits) == {TRAIN}:
        return replace(found, splits={ALL: found.splits[TRAIN]})
    return found


def read_source(source: Source) -> DatasetIndex:
    """Reads a data set with the splits that it has itself, and no others.

    Args:
        source: The source, see `load_dataset`.

    Raises:
        UsageError: There is no such source.
        TlkitError: The source cannot be read.
    """
    if not isinstance(source, str | os.PathLike):
        return index_of_arrays(source)
    try:
        return _find(str(source))
    except OSError as error:
        raise TlkitError(
            "Cannot read the data.",
            where=error.filename or source,
            received=error.strerror,
        ) from error


def _check_fractions(fractions: Mapping[str, float]) -> None:
    validation, test = fractions[VALIDATION], fractions[TEST]
    if not (validation > 0 and test >= 0 and validation + test < 1):
        raise UsageError(
            "The fractions leave no images for training or validation.",
            expected="validation above 0, test 0 or more, together below 1",
            received=f"validation {validation}, test {test}",
        )


def _find(source: str) -> DatasetIndex:
    """Finds out which kind of source this is, and reads it."""
    # A path wins over a name, so that a folder called like a public data set
    # can still be used.
    path = Path(source)
    if path.is_dir():
        return read_folder(path)
    if path.is_file():
        return read_npz(path)
    if source == SAMPLE:
        return _draw_sample()
    if source in download.PUBLIC:
        path = download.local_path(source)
        if path.exists():
            return replace(_find(str(path)), name=source)
        raise TlkitError(
            f"The data set {source} has not been fetched yet.",
            where=path.absolute(),
            remedy=f"Run: tlkit data fetch {source}",
        )
    raise UsageError(
        "No such data.",
        where=path.absolute(),
        expected="a folder of images, a .npz file, or one of "
        + ", ".join(dataset_names()),
        received=source,
        remedy=did_you_mean(source, dataset_names()),
    )


def _draw_sample() -> DatasetIndex:
    splits: dict[str, Split] = {}
    # Another seed for each split, or the splits would share their images.
    for seed, (split, count) in enumerate(SAMPLE_SIZES.items()):
        images, labels, _ = sample.draw_pets(count, seed=seed)
        splits[split] = array_split(images, labels)
    return DatasetIndex(SAMPLE, SAMPLE, sample.CLASS_NAMES, splits)


def _check_every_class(index: DatasetIndex) -> None:
    for split in (TRAIN, VALIDATION):
        labels = index.splits[split].labels
        absent = [
            name
            for label, name in enumerate(index.class_names)
            if not np.any(labels == label)
        ]
        if absent:
            raise TlkitError(
                f"Too few images of {', '.join(absent)} for a {split} split.",
                where=index.source,
                expected="a different image of every class for each split",
                remedy="Add images, or remove the class.",
            )


def _notes(splits: Mapping[str, Split]) -> tuple[str, ...]:
    """Notes images that are in two splits, and a missing test split."""
    notes = []
    names = list(splits)
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            shared = set(splits[first].digests) & set(splits[second].digests)
            if shared:
                notes.append(
                    f"{len(shared)} images of {second} are also in {first}: "
                    f"the accuracy on {second} is higher than it would be on "
                    "new images."
                )
    if TEST not in splits:
        notes.append(
            "There is no test split: accuracy is measured on the validation "
            "images that also chose the best epoch, so it is higher than it "
            "would be on new images."
        )
    return tuple(notes)
