"""Makes a `DatasetIndex` of any source of images."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from tlkit.base.choices import did_you_mean
from tlkit.base.disk import disk_errors
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.wording import name_some
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
from tlkit.data.likeness import notes_on_likeness
from tlkit.data.names import (
    SAMPLE,
    SAMPLE_SIZES,
    TEST_FRACTION,
    VALIDATION_FRACTION,
    dataset_names,
)
from tlkit.data.public import download
from tlkit.data.reading import Reading
from tlkit.data.sizes import absent_classes, notes_on_sizes
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
    reading: Reading | None = None,
) -> DatasetIndex:
    """Finds the images of a data set, checks them and fixes the splits.

    `source` may be

    - a folder with `train/`, `validation/` and `test/`, each holding one
      folder per class; other usual names of splits, such as `Training` or
      `valid`, and another folder around it are understood, too;
    - a folder that holds one folder per class, which may hold those of the
      splits;
    - a folder of files whose labels `reading` tells;
    - a `.npz` file in Keras's form: uint8 `x_train`, `x_test` of shape
      `(count, height, width[, channels])`, integer `y_train`, `y_test`, and
      optionally `class_names`;
    - `cartoon`, the drawn cats and dogs that come with tlkit;
    - the name of a public data set that `tlkit data fetch` has got;
    - from Python also arrays: `(images, labels)`, or such a pair for each of
      `"train"`, `"validation"` and `"test"` in a mapping.

    Splits that the source does not have are made: validation images are
    taken from the training images, and test images too if there is neither
    a validation nor a test split. Equal images share a split, and so do the
    images of a group. The split of an image depends on its content (or its
    group's name) and the seed, so renaming or moving files moves no image.
    Classes of fewer than 1,000 different images are divided exactly, and an
    image that is added to one moves at most one other from train to
    validation and one from validation to test, or back; in larger classes
    added images move no other, and one that grows past 1,000 is divided anew
    once. See `tlkit.data.splitting`.

    Files that cannot be used are left out and listed in `left_out` with
    their reason; nothing is deleted or changed. So is a picture that lies
    under two labels. Names of classes that differ in capitals, spaces or
    Unicode forms only are one class.

    Args:
        source: The source, in one of the forms above.
        validation_fraction: Share of all images that become validation
            images where the source has none, above 0 and below 1.
        test_fraction: Share of all images that become test images where the
            source has neither split, 0 to below 1.
        seed: Seed of the division; another seed divides differently.
        reading: Where in a folder labels and groups stand; None means class
            folders and no groups.

    Returns:
        The index. The images of a split are in the order of their classes,
        and in each of their paths.

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
    found = read_source(source, reading)
    _check_every_class(found)
    check_enough(found, fractions)
    splits = complete_splits(found.splits, fractions, seed)
    index = replace(found, splits=splits)
    _check_every_class(index)
    how = _how(source, fractions, seed, reading or Reading())
    return replace(index, notes=found.notes + _notes(index), read_as=how)


def _how(
    source: Source, fractions: Mapping[str, float], seed: int, reading: Reading
) -> dict[str, Any]:
    """Describes how a source is read, so that it can be read again."""
    if not isinstance(source, str | os.PathLike):
        return {}
    reads = asdict(reading)
    # Read again, it may be from another working folder.
    return {
        "source": _absolute(os.fspath(source)),
        **{f"{name}_fraction": share for name, share in fractions.items()},
        "seed": seed,
        **reads,
        "labels": reads["labels"] and _absolute(reads["labels"]),
    }


def _absolute(name: str) -> str:
    """Returns the absolute path of what exists; other names stay."""
    return os.path.abspath(name) if os.path.exists(name) else name


def load_again(
    read_as: Mapping[str, Any], source: Source | None = None
) -> DatasetIndex:
    """Reads a data set as it was read before.

    Args:
        read_as: The `read_as` of the index that was made then.
        source: Where the data lie now; None takes the place from then.

    Raises:
        UsageError: There is no such source, or `read_as` does not name one.
        TlkitError: See `load_dataset`.
    """
    how = dict(read_as)
    before = how.pop("source", None)
    if source is None and before is None:
        raise UsageError(
            "It is not known where the data lie: they were arrays in memory, "
            "or an earlier version of tlkit has read them.",
            expected="the data, beside the run",
        )
    reading = Reading.of(how)
    for own in fields(Reading):
        how.pop(own.name, None)
    return load_dataset(
        before if source is None else source, **how, reading=reading
    )


def what_is_unusual(read_as: Mapping[str, Any]) -> str:
    """Returns what `load_dataset` was told when data were read, in words.

    Args:
        read_as: The `read_as` of an index.

    Returns:
        Options with their values; empty if all have their defaults.
    """
    fractions = {
        VALIDATION: VALIDATION_FRACTION,
        TEST: TEST_FRACTION,
    }
    usual = _how(str(read_as.get("source")), fractions, 0, Reading())
    return ", ".join(
        f"{name} {value}"
        for name, value in read_as.items()
        if name != "source" and value != usual[name]
    )


def load_labelled(
    source: Source, reading: Reading | None = None
) -> DatasetIndex:
    """Finds the images of a data set to judge a model on; divides nothing.

    Args:
        source: The source, see `load_dataset`. One class is enough, and so is
            a test split alone.
        reading: Where in a folder labels stand; None means class folders.

    Returns:
        The index, with the splits that the source has itself. Where it has
        none, all of its images are in one split, `"all"`.

    Raises:
        UsageError: There is no such source.
        TlkitError: The source cannot be read or has no usable images.
    """
    found = read_source(source, reading, least=1)
    if set(found.splits) == {TRAIN}:
        return replace(found, splits={ALL: found.splits[TRAIN]})
    return found


def read_source(
    source: Source, reading: Reading | None = None, least: int = 2
) -> DatasetIndex:
    """Reads a data set with the splits that it has itself, and no others.

    Args:
        source: The source, see `load_dataset`.
        reading: Where in a folder labels stand; None means class folders.
        least: Number of classes that a folder must have; see `read_folder`.

    Raises:
        UsageError: There is no such source, or it is no folder and needs no
            `reading`.
        TlkitError: The source cannot be read.
    """
    reading = reading or Reading()
    if not isinstance(source, str | os.PathLike):
        _check_usual(reading, "arrays in memory")
        return index_of_arrays(source, least)
    with disk_errors("Cannot read the data"):
        return _find(os.fspath(source), reading, least)


def _check_usual(reading: Reading, source: str) -> None:
    if reading != Reading():
        raise UsageError(
            "Only a folder can be told where its labels and groups stand.",
            where=source,
            expected="a folder of images",
            remedy="Leave out --labels, --label-from and --group-by.",
        )


def _check_fractions(fractions: Mapping[str, float]) -> None:
    validation, test = fractions[VALIDATION], fractions[TEST]
    if not (validation > 0 and test >= 0 and validation + test < 1):
        raise UsageError(
            "The fractions leave no images for training or validation.",
            expected="validation above 0, test 0 or more, together below 1",
            received=f"validation {validation}, test {test}",
        )


def _find(source: str, reading: Reading, least: int) -> DatasetIndex:
    """Finds out which kind of source this is, and reads it."""
    # A path wins over a name, so that a folder called like a public data set
    # can still be used.
    path = Path(source)
    if path.is_dir():
        return read_folder(path, reading, least)
    if source in download.PUBLIC and not path.exists():
        return _find_public(source, reading, least)
    _check_usual(reading, source)
    if path.is_file():
        return read_npz(path, least)
    if source == SAMPLE:
        return _draw_sample()
    raise UsageError(
        "No such data.",
        where=path.absolute(),
        expected="a folder of images, a .npz file, or one of "
        + ", ".join(dataset_names()),
        received=source,
        remedy=did_you_mean(source, dataset_names()),
    )


def _find_public(source: str, reading: Reading, least: int) -> DatasetIndex:
    path = download.local_path(source)
    if path.exists():
        return replace(_find(str(path), reading, least), name=source)
    raise TlkitError(
        f"The data set {source} has not been fetched yet.",
        where=path.absolute(),
        remedy=f"Run: tlkit data fetch {source}",
    )


def _draw_sample() -> DatasetIndex:
    splits: dict[str, Split] = {}
    # Another seed for each split, or the splits would share their images.
    for seed, (split, count) in enumerate(SAMPLE_SIZES.items()):
        images, labels, _ = sample.draw_pets(count, seed=seed)
        splits[split] = array_split(images, labels)
    return DatasetIndex(SAMPLE, SAMPLE, sample.CLASS_NAMES, splits)


def _check_every_class(index: DatasetIndex) -> None:
    absent = absent_classes(index.splits[TRAIN].labels, index.class_names)
    if absent:
        raise TlkitError(
            f"There are no training images of {name_some(absent)}.",
            where=index.source,
            expected="training images of every class, of which the first has "
            "the number 0",
            remedy="Add images, or remove the class.",
        )


def _notes(index: DatasetIndex) -> tuple[str, ...]:
    """Notes what is in two splits, and what splits lack."""
    notes = []
    splits = index.splits
    groups = {name for split in splits.values() for name in split.groups}
    if groups - {""}:
        notes.append(f"The images belong to {len(groups - {''})} groups.")
    for first, second in itertools.combinations(splits, 2):
        images = set(splits[first].digests) & set(splits[second].digests)
        groups = set(splits[first].groups) & set(splits[second].groups)
        groups.discard("")  # which stands for no group
        for name, shared in (("Images", images), ("Groups", groups)):
            if shared:
                notes.append(
                    f"{name} of {second} that are also in {first}: "
                    f"{len(shared)}. The accuracy on {second} is higher than "
                    "it would be on new images."
                )
    notes += notes_on_likeness(splits, index.prints)
    absent = absent_classes(splits[VALIDATION].labels, index.class_names)
    if absent and TEST in splits:
        notes.append(
            f"There are no validation images of {name_some(absent)}: the best "
            "epoch is chosen by the other classes."
        )
    if TEST not in splits:
        notes.append(
            "There is no test split: accuracy is measured on the validation "
            "images that also chose the best epoch, so it is higher than it "
            "would be on new images."
        )
    return (*notes, *notes_on_sizes(index.class_names, splits))
