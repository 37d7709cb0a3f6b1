"""Data sets in folders: with folders of splits, or of classes only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tlkit.base.errors import TlkitError
from tlkit.data.index import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    DatasetIndex,
    LeftOut,
    Split,
)
from tlkit.data.scan import scan_classes

#: File in which tlkit notes what a folder of `tlkit data fetch` was made from.
MARKER = ".tlkit.json"
#: `{class name: [(path, digest), ...]}`
Found = Mapping[str, list[tuple[Path, str]]]


def read_folder(root: Path) -> DatasetIndex:
    """Reads a folder, with the splits that it already has.

    Args:
        root: A folder that holds `train/` and optionally `validation/` or
            `val/` and `test/`; or a folder of class folders, whose images
            then all belong to `"train"`.

    Returns:
        The index, in which nothing is divided further.

    Raises:
        TlkitError: There are no usable images, fewer than two classes, or
            splits with different classes.
    """
    left_out: list[LeftOut] = []
    folders = _split_folders(root, left_out)
    found = {
        split: scan_classes(folder, left_out)
        for split, folder in folders.items()
    }
    _check_two_classes(root, found[TRAIN], left_out)
    # Labels are positions in one list of class names, so all splits must
    # have the same classes.
    for split in found:
        _check_same_classes(root, split, found)
    return DatasetIndex(
        name=root.resolve().name,
        source=str(root),
        class_names=tuple(found[TRAIN]),
        splits={name: _as_split(files) for name, files in found.items()},
        left_out=tuple(left_out),
    )


def _split_folders(root: Path, left_out: list[LeftOut]) -> dict[str, Path]:
    train = root / TRAIN
    # A class may also be called "train" (the vehicle). Then the folder holds
    # images and no folders.
    if not train.is_dir() or not any(map(Path.is_dir, train.iterdir())):
        return {TRAIN: root}
    names = {TRAIN: TRAIN, VALIDATION: VALIDATION, "val": VALIDATION}
    names[TEST] = TEST
    folders: dict[str, Path] = {}
    for child in sorted(root.iterdir()):
        split = names.get(child.name) if child.is_dir() else None
        # The marker is tlkit's own, so it is not reported as left out.
        if child.name == MARKER:
            continue
        if split is None:
            left_out.append(
                LeftOut(str(child), "not one of train/, validation/, test/")
            )
        elif split in folders:
            raise TlkitError(
                "There are two folders for the validation split.",
                where=root,
                expected="validation/ or val/",
                received="both",
                remedy="Rename or move one of them.",
            )
        else:
            folders[split] = child
    return {split: folders[split] for split in SPLITS if split in folders}


def _check_two_classes(
    root: Path, found: Found, left_out: list[LeftOut]
) -> None:
    if len(found) >= 2:
        return
    reasons = [f"{Path(path).name}: {reason}" for path, reason in left_out]
    shown = "; ".join(reasons[:5]) + ("; ..." if len(reasons) > 5 else "")
    raise TlkitError(
        "Only one class has usable images."
        if found
        else "No usable images found.",
        where=root,
        expected="a folder of images for each of at least two classes",
        received=(", ".join(found) or "none")
        + (f"; {len(reasons)} left out: {shown}" if reasons else ""),
        remedy="Put the images of each class into a folder of its own.",
    )


def _check_same_classes(
    root: Path, split: str, found: Mapping[str, Found]
) -> None:
    odd = sorted(set(found[TRAIN]) ^ set(found[split]))
    if odd:
        raise TlkitError(
            "The splits do not have the same classes: "
            f"{', '.join(odd)} is only in one of train and {split}.",
            where=root,
            expected=f"train: {', '.join(found[TRAIN])}",
            received=f"{split}: {', '.join(found[split]) or 'no images'}",
            remedy="Give every split a folder with images of each class, or "
            "remove the class everywhere.",
        )


def _as_split(found: Found) -> Split:
    rows = [
        (path, label, digest)
        for label, files in enumerate(found.values())
        for path, digest in files
    ]
    return Split(
        images=tuple(path for path, _, _ in rows),
        labels=np.array([label for _, label, _ in rows], np.int64),
        digests=tuple(digest for _, _, digest in rows),
    )
