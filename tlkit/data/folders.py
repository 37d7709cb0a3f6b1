"""Data sets in folders: files become classes, splits and an index."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tlkit.base.console import counting
from tlkit.base.errors import TlkitError
from tlkit.data.copies import Usable, settle_copies
from tlkit.data.decode import look_at
from tlkit.data.formats import named_like_picture
from tlkit.data.index import SPLITS, TRAIN, DatasetIndex, Split, digest
from tlkit.data.labelled import Labelled
from tlkit.data.labels import how_to_label
from tlkit.data.likeness import fingerprint_of
from tlkit.data.names import as_unicode, class_key, class_title
from tlkit.data.reading import Reading, label_files
from tlkit.data.scan import Remarks, direct_files


def read_folder(
    root: Path, reading: Reading | None = None, least: int = 2
) -> DatasetIndex:
    """Reads a folder, with the splits that it already has.

    Args:
        root: A folder in one of the forms of `tlkit.load_dataset`.
        reading: Where labels and groups stand; None means class folders.
        least: Number of classes that there must be. With 2, as for training,
            there must be training images, too, and of each class some.

    Returns:
        The index, in which nothing is divided further. Images without a
        split belong to `"train"`.

    Raises:
        UsageError: There is no such table of labels.
        TlkitError: The folder cannot be understood, there are no usable
            images, fewer classes, or a class without training images.
    """
    remarks = Remarks()
    labelled = label_files(root, reading or Reading(), remarks)
    found, prints = _check(labelled, remarks)
    images = settle_copies(found, remarks)
    titles = _class_titles([one.file for one in images], remarks)
    if len(titles) < least:
        raise _too_few_classes(root, titles, remarks)
    if least > 1:
        _check_training_images(root, images, titles)
    return DatasetIndex(
        name=as_unicode(os.path.basename(os.path.realpath(root))),
        source=str(root),
        class_names=tuple(titles.values()),
        splits=_splits(images, [*titles]),
        left_out=tuple(remarks.left_out),
        notes=tuple(remarks.notes),
        prints=prints,
    )


class _Seen(NamedTuple):
    """What was seen of a file: its digest and print, or why it is left out."""

    digest: str = ""
    print: bytes = b""
    reason: str | None = None


def _check(
    labelled: Sequence[Labelled], remarks: Remarks
) -> tuple[list[Usable], dict[str, bytes]]:
    """Decodes all files on all cores; keeps those that are whole images.

    Returns:
        The images, and the print of each by its digest.
    """
    kept: list[Usable] = []
    prints: dict[str, bytes] = {}
    # Threads are enough: Pillow decodes without holding the interpreter lock.
    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        found = pool.map(_inspect, (one.path for one in labelled))
        with counting("checking the images", len(labelled)) as advance:
            for file, seen in zip(labelled, found, strict=True):
                advance(1)
                if seen.reason is None:
                    kept.append(Usable(file, seen.digest))
                    prints[seen.digest] = seen.print
                else:
                    remarks.leave_out(file.path, seen.reason)
    return kept, prints


def _inspect(path: Path) -> _Seen:
    seen: list[_Seen] = []
    reason = look_at(
        path,
        lambda content, image: seen.append(
            _Seen(digest(content), fingerprint_of(image))
        ),
    )
    return seen[0] if reason is None else _Seen(reason=reason)


def _class_titles(
    files: Sequence[Labelled], remarks: Remarks
) -> dict[str, str]:
    """Returns the name of each class by its key, sorted by name.

    Names that differ only in form are one class, which has the form that
    comes first in the alphabet.
    """
    forms: dict[str, set[str]] = {}
    for name in sorted({one.class_name for one in files}):
        forms.setdefault(class_key(name), set()).add(name)
    for names in forms.values():
        if len(names) > 1:
            remarks.notes.append(_one_class(sorted(names)))
        elif as_unicode(*names) not in names:
            remarks.notes.append(
                f"The name of the class {class_title(*names)} is not UTF-8: "
                "its bytes are written out."
            )
    titles = {key: class_title(min(names)) for key, names in forms.items()}
    return dict(sorted(titles.items(), key=lambda item: item[1]))


def _one_class(names: Sequence[str]) -> str:
    told = ", ".join(repr(as_unicode(name)) for name in names)
    # The forms of Unicode cannot be told apart by looking at them.
    if len({class_title(name) for name in names}) == 1:
        told = f"{told} (which differ in spaces or in Unicode's form)"
    return f"{told} are taken for one class, {class_title(names[0])}."


def _splits(images: Sequence[Usable], keys: list[str]) -> dict[str, Split]:
    numbers = {key: number for number, key in enumerate(keys)}
    found: dict[str, Split] = {}
    for name in SPLITS:
        # Class by class, and by path in each, whatever the layout.
        rows = sorted(
            (numbers[class_key(file.class_name)], file, content)
            for file, content in images
            if file.split == name
        )
        if rows:
            found[name] = _as_split(rows)
    return found


def _as_split(rows: Sequence[tuple[int, Labelled, str]]) -> Split:
    groups = tuple(file.group for _, file, _ in rows)
    return Split(
        images=tuple(file.path for _, file, _ in rows),
        labels=np.array([label for label, _, _ in rows], np.int64),
        digests=tuple(content for _, _, content in rows),
        groups=groups if any(groups) else (),
    )


def _too_few_classes(
    root: Path, titles: Mapping[str, str], remarks: Remarks
) -> TlkitError:
    reasons = [
        f"{Path(path).name}: {reason}" for path, reason in remarks.left_out
    ]
    shown = "; ".join(reasons[:5]) + ("; ..." if len(reasons) > 5 else "")
    flat = any(map(named_like_picture, direct_files(root)))
    return TlkitError(
        "Only one class has usable images."
        if titles
        else "The images lie in no class folders, so they have no labels."
        if flat
        else "No usable images found.",
        where=root,
        expected="a folder of images for each of at least two classes",
        received=(", ".join(titles.values()) or "none")
        + (f"; {len(reasons)} left out: {shown}" if reasons else ""),
        remedy=how_to_label(direct_files(root)),
    )


def _check_training_images(
    root: Path, images: Sequence[Usable], titles: Mapping[str, str]
) -> None:
    """Raises TlkitError if a class has images, but none to learn from."""
    counts: Counter[tuple[str, str]] = Counter(
        (file.split, class_key(file.class_name)) for file, _ in images
    )
    for split in SPLITS[1:]:
        odd = [
            title
            for key, title in titles.items()
            if counts[split, key] and not counts[TRAIN, key]
        ]
        if odd:
            raise TlkitError(
                f"There are no training images of {', '.join(odd)}, which "
                f"{'are classes' if len(odd) > 1 else 'is a class'} of the "
                f"{split} split.",
                where=root,
                expected=f"in train and {split} images of the same classes",
                received=_classes_in(counts, titles),
                remedy="Add training images of the class, or remove it "
                "everywhere.",
            )


def _classes_in(
    counts: Mapping[tuple[str, str], int], titles: Mapping[str, str]
) -> str:
    names = [title for key, title in titles.items() if counts[TRAIN, key]]
    return f"train: {', '.join(names) or 'no images'}"
