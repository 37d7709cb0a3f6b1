"""Understands folders: which are splits, which are classes, which wrap both.

What is understood otherwise than one might mean becomes a note; what cannot
be understood is an error.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tlkit.base.errors import TlkitError
from tlkit.base.wording import name_some
from tlkit.data.formats import named_like_picture
from tlkit.data.labelled import Labelled
from tlkit.data.labels import how_to_label
from tlkit.data.names import SPLITS, TRAIN, class_key, split_of
from tlkit.data.scan import (
    Remarks,
    direct_files,
    image_files,
    subfolders,
    why_skipped,
)

#: File in which tlkit notes what a folder of `tlkit data fetch` was made from.
MARKER = ".tlkit.json"


def label_by_folder(root: Path, remarks: Remarks) -> list[Labelled]:
    """Labels every file by the class folder that it lies in.

    Args:
        root: A folder of class folders; or of folders of splits, which hold
            class folders; or of class folders, which hold folders of splits.
            One folder around all of that is looked through.
        remarks: What is left out or understood in a particular way is added.

    Raises:
        TlkitError: There are folders of splits whose images lie in no class
            folders, or two folders of one split.
    """
    root = look_through(root, remarks)
    folders = subfolders(root)
    if _has_class_folders_in_splits(folders):
        return _label_splits(root, split_folders(root), remarks)
    if _has_splits_in_class_folders(folders):
        return _label_classes_with_splits(root, remarks)
    twins = _twins(folders)
    parts = _splits_by_a_part_of_the_name(twins)
    if parts:
        return _label_splits(root, parts, remarks)
    named = [folder for folder in folders if split_of(folder.name)]
    if named and len(named) == len(folders):
        raise _splits_without_classes(root, folders)
    _check_not_split_and_class(root, folders)
    for folder in named:
        remarks.notes.append(
            f"{folder.name}/ is taken for a class and not for a split, since "
            "it lies beside other classes."
        )
    if twins:
        shown = name_some([f"{folder.name}/" for folder in twins])
        remarks.notes.append(
            f"{shown} hold the same folders. They are taken for classes; if "
            "they are splits, call them train/, validation/ and test/."
        )
    return _label_classes(root, TRAIN, remarks)


def _twins(folders: Sequence[Path]) -> list[Path]:
    """Returns folders that hold the same two folders or more as another."""
    inside = {
        folder: frozenset(
            class_key(one.name)
            for one in subfolders(look_through(folder, Remarks()))
        )
        for folder in folders
    }
    counts = Counter(inside.values())
    return [
        folder
        for folder, names in inside.items()
        if len(names) > 1 and counts[names] > 1
    ]


def _splits_by_a_part_of_the_name(twins: Sequence[Path]) -> dict[str, Path]:
    """Returns the splits that names such as `pets-train` and `seg_test` mean.

    Among folders of the same classes such a name leaves no doubt, as it would
    among classes; without one for training there are none.
    """
    found: dict[str, Path] = {}
    for folder in twins:
        words = re.split(r"[\W_]+", folder.name)
        split = split_of(words[-1]) or split_of(words[0])
        if split is None or split in found:
            return {}
        found[split] = folder
    ordered = {split: found[split] for split in SPLITS if split in found}
    return ordered if TRAIN in ordered else {}


def look_through(
    root: Path,
    remarks: Remarks,
    split: str | None = None,
    known: Collection[str] = (),
) -> Path:
    """Returns the folder that holds the classes or splits, and notes it.

    Archives often unpack to a folder in a folder. A folder is looked through
    if there is one other folder in it and, beside that, no picture.

    Args:
        root: The folder.
        remarks: A note is added if it is looked through.
        split: The split that the folder is; one of the same name inside it is
            looked through, too.
        known: Keys of class names, see `class_key`; a folder that is one of
            these classes is not looked through.
    """
    inner = root
    while True:
        folders = subfolders(inner)
        if len(folders) != 1 or any(
            map(named_like_picture, direct_files(inner))
        ):
            break
        name = folders[0].name
        if split_of(name) not in (None, split) or class_key(name) in known:
            break
        inner = folders[0]
    # A folder without folders is a class, and the only one.
    if inner == root or not subfolders(inner):
        return root
    remarks.notes.append(
        f"{root.name}/ holds no images but in {inner.relative_to(root)}/, "
        "whose folders are read."
    )
    return inner


def split_folders(root: Path) -> dict[str, Path]:
    """Returns the folders that are named like splits, by split.

    Raises:
        TlkitError: There are two folders of one split.
    """
    found: dict[str, Path] = {}
    for folder in subfolders(root):
        split = split_of(folder.name)
        if split in found:
            raise TlkitError(
                f"There are two folders for the {split} split.",
                where=root,
                expected="one folder",
                received=f"{found[split].name}/ and {folder.name}/, both",
                remedy="Rename or move one of them.",
            )
        if split is not None:
            found[split] = folder
    return {split: found[split] for split in SPLITS if split in found}


def note_on_splits(splits: Mapping[str, Path], remarks: Remarks) -> None:
    """Notes which folders are taken for splits, if their names are others."""
    odd = [
        f"{folder.name}/ is the {split} split"
        for split, folder in splits.items()
        if folder.name not in (*SPLITS, "val")
    ]
    if odd:
        remarks.notes.append(f"By their names, {', '.join(odd)}.")


def _has_class_folders_in_splits(folders: list[Path]) -> bool:
    """Whether there are splits; a class may be called "train", too."""
    named = [one for one in folders if split_of(one.name)]
    deep = [one for one in named if subfolders(one)]
    others = [one for one in folders if one not in named]
    # A single name of a split among classes is the vehicle, or a test tube,
    # unless the classes are in it.
    inside = {class_key(one.name) for some in deep for one in subfolders(some)}
    among_classes = len(named) == 1 and (
        sum(
            any(map(named_like_picture, direct_files(one)))
            and class_key(one.name) not in inside
            for one in others
        )
        >= 2
    )
    return bool(deep) and not among_classes


def _check_not_split_and_class(root: Path, folders: list[Path]) -> None:
    """Raises TlkitError for names such as train_cats and test_cats."""
    words = [re.split(r"[\W_]+", folder.name, maxsplit=1) for folder in folders]
    splits = {split_of(first) for first, *_ in words}
    if len(splits) > 1 and None not in splits:
        raise TlkitError(
            "The names of the folders are a split's and a class's in one.",
            where=root,
            expected="train/, validation/ and test/, each with a folder for "
            "each class",
            received=name_some([f"{folder.name}/" for folder in folders]),
            remedy="Put the class folders into folders called like the splits.",
        )


def _has_splits_in_class_folders(folders: list[Path]) -> bool:
    inside = [subfolders(folder) for folder in folders]
    found = {split_of(one.name) for some in inside for one in some}
    return all(inside) and len(found) >= 2 and None not in found


def _label_splits(
    root: Path, splits: Mapping[str, Path], remarks: Remarks
) -> list[Labelled]:
    note_on_splits(splits, remarks)
    _leave_out_others(root, [*splits.values()], remarks)
    labelled: list[Labelled] = []
    for split, folder in splits.items():
        known = {class_key(one.class_name) for one in labelled}
        inner = look_through(folder, remarks, split, known)
        if _is_unlabelled(inner, known):
            say_unlabelled(folder, remarks)
        else:
            labelled += _label_classes(inner, split, remarks)
    return labelled


def _leave_out_others(root: Path, used: list[Path], remarks: Remarks) -> None:
    for child in sorted(root.iterdir()):
        # The marker is tlkit's own, so it is not reported as left out.
        if child in used or child.name == MARKER:
            continue
        reason = _why_no_folder(child, "not one of train/, validation/, test/")
        remarks.leave_out(child, why_skipped(child) or reason)


def _why_no_folder(path: Path, usual: str) -> str:
    """Returns why something beside folders is not read like them."""
    # `Path.exists` would raise in a folder that may not be entered.
    return usual if os.path.exists(path) else "a link to nothing"


def _is_unlabelled(folder: Path, known: set[str]) -> bool:
    """Whether a split has no classes, such as the test images of a contest."""
    names = [class_key(one.name) for one in subfolders(folder)]
    alone = len(names) == 1 and names[0] not in known
    return not names or bool(known and alone)


def say_unlabelled(folder: Path, remarks: Remarks) -> None:
    """Leaves out a split whose images have no labels, and notes it."""
    count = len(image_files(folder, []))
    if not count:
        remarks.leave_out(folder, "empty folder")
        return
    remarks.leave_out(folder, "images without labels")
    remarks.notes.append(
        f"The files in {folder.name}/ have no labels and are not used "
        f"({count})."
    )


def _label_classes(root: Path, split: str, remarks: Remarks) -> list[Labelled]:
    labelled: list[Labelled] = []
    nested: Counter[str] = Counter()
    for child in sorted(root.iterdir()):
        if reason := why_skipped(child):
            if child.name != MARKER:
                remarks.leave_out(child, reason)
        elif not child.is_dir():
            reason = _why_no_folder(child, "not in a class folder")
            remarks.leave_out(child, reason)
        else:
            labelled += _class_files(child, root, split, remarks)
            nested[child.name] = _folders_inside(child)
    _note_nested(nested, remarks)
    return labelled


def _class_files(
    folder: Path, root: Path, split: str, remarks: Remarks
) -> list[Labelled]:
    files = image_files(folder, remarks.left_out, root)
    if not files:
        remarks.leave_out(folder, "empty class folder")
    return [Labelled(path, folder.name, split) for path in files]


def _folders_inside(folder: Path) -> int:
    inside = subfolders(folder)
    # A folder alone may be a split, or a data set of its own.
    return len(inside) if len(inside) != 1 else 1 + len(subfolders(inside[0]))


def _note_nested(nested: Mapping[str, int], remarks: Remarks) -> None:
    deep = [name for name, count in nested.items() if count > 1]
    if deep:
        remarks.notes.append(
            "Folders inside a class folder count for its class: in "
            f"{name_some(deep, most=3)}."
        )


def _label_classes_with_splits(root: Path, remarks: Remarks) -> list[Labelled]:
    remarks.notes.append("Each class folder is divided into splits itself.")
    labelled: list[Labelled] = []
    for folder in subfolders(root):
        for split, inner in split_folders(folder).items():
            files = image_files(inner, remarks.left_out, root)
            labelled += [Labelled(path, folder.name, split) for path in files]
        for child in direct_files(folder):
            remarks.leave_out(child, "not in the folder of a split")
    for child in direct_files(root):
        remarks.leave_out(child, "not in a class folder")
    return labelled


def _splits_without_classes(root: Path, folders: list[Path]) -> TlkitError:
    # The test images of a contest have no labels, in no place.
    named = {split_of(one.name): one for one in folders}
    files = image_files(named.get(TRAIN, folders[0]), [])
    # A table often lies beside the folders.
    files = [*direct_files(root), *files]
    return TlkitError(
        "The folders are named like splits, and no class folders are in them.",
        where=root,
        expected="train/, validation/ and test/, each with a folder for each "
        "class; or folders named like classes",
        received=", ".join(f"{one.name}/" for one in folders),
        remedy=how_to_label(files),
    )
