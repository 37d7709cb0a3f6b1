"""Labels that stand in the names of files, or in a table beside them."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.wording import name_some
from tlkit.data.formats import named_like_picture
from tlkit.data.labelled import Labelled
from tlkit.data.names import TRAIN, class_key, split_of
from tlkit.data.scan import Remarks, image_files

NAME = "name"
"""The word for labels at the beginning of the files' names."""

NO_LABEL = "no label in"
"""How the reason begins for which a file without a label is left out."""

#: Headings under which people write what a table's columns hold; the first is
#: the one that messages name.
_HEADINGS = {
    "file": (
        "file,filename,filepath,path,image,imagename,imagepath,imageid,img,"
        "id,name,photo,picture"
    ),
    "label": (
        "label,labels,class,classname,category,target,breed,species,diagnosis"
    ),
    "split": "split,set,subset,partition",
    "group": "group,groupid,patient,patientid,subject,subjectid",
}


class Row(NamedTuple):
    """A line of a table of labels; what it does not say is empty."""

    file: str
    label: str
    split: str
    group: str


def label_in_name(path: Path) -> str:
    """Returns the beginning of a file's name, before a number.

    Example:
        >>> label_in_name(Path("cat.0.jpg")), label_in_name(Path("a_b_12.png"))
        ('cat', 'a_b')
    """
    return re.sub(r"[\W\d_]+$", "", path.stem)


def how_to_label(files: Sequence[Path]) -> str:
    """Returns what to do about images that lie in no class folders."""
    for path in files:
        if path.suffix.lower() in (".csv", ".tsv") and _is_table(path):
            return f"If {path} holds their labels, add --labels {path}."
    pictures = [path for path in files if named_like_picture(path)]
    labels = Counter(map(label_in_name, pictures))
    # A class hardly begins with a number, and a date does.
    words = all(label[:1].isalpha() for label in labels)
    if 2 <= len(labels) <= len(pictures) / 2 and words:
        return (
            f"The names of the files begin with {name_some(sorted(labels))}: "
            f"if these are the classes, add --label-from {NAME} (in Python "
            f"reading=tlkit.Reading(label_from='{NAME}'))."
        )
    return (
        "Put the images of each class into a folder of its own, name a table "
        "of labels by --labels, or tell by --label-from where in the files' "
        "names the classes stand."
    )


def _is_table(path: Path) -> bool:
    try:
        return bool(read_table(path))
    except TlkitError:
        return False


def label_by_name(
    files: Sequence[tuple[Path, str]], root: Path, how: str, remarks: Remarks
) -> list[Labelled]:
    """Labels files by their names.

    Args:
        files: Pairs of a file and its split.
        root: The folder that the files lie in.
        how: `"name"` for the beginning of the name, see `label_in_name`; or a
            regular expression, searched in the path below `root`, whose first
            group is the class.
        remarks: Files without a label are added.

    Raises:
        UsageError: `how` is no regular expression with a group.
        TlkitError: The names give a class to nearly every file.
    """
    pattern = None if how == NAME else read_pattern(how, "--label-from")
    labelled: list[Labelled] = []
    for path, split in files:
        label = (
            label_in_name(path)
            if pattern is None
            else found_in(pattern, path, root)
        )
        if label:
            labelled.append(Labelled(path, label, split))
        else:
            remarks.leave_out(path, f"{NO_LABEL} its name")
    _check_labels(labelled, root, how)
    names = sorted({one.class_name for one in labelled})
    remarks.notes.append(
        f"Classes by the names of the files: {name_some(names)}."
    )
    return labelled


def _check_labels(labelled: Sequence[Labelled], root: Path, how: str) -> None:
    names = sorted({class_key(one.class_name) for one in labelled})
    if len(names) > max(2, len(labelled) / 2):
        raise TlkitError(
            "The names of the files do not tell their classes.",
            where=root,
            expected="several files of each class, such as cat.0.jpg, "
            "cat.1.jpg, dog.0.jpg",
            received=f"{len(names)} classes by '{how}' of {len(labelled)} "
            f"files: {name_some(names)}",
            remedy="Give a regular expression whose first group is the class, "
            r"such as --label-from '_([a-z]+)\.'.",
        )


def read_pattern(text: str, flag: str) -> re.Pattern[str]:
    """Reads a regular expression with a group.

    Raises:
        UsageError: It is something else.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        received = f"{text!r}: {error}"
    else:
        if pattern.groups:
            return pattern
        received = f"{text!r}, which has no group in parentheses"
    raise UsageError(
        "This does not tell where in a file's path the name stands.",
        where=flag,
        expected="a regular expression with a group in parentheses"
        + (f", or {NAME!r}" if flag == "--label-from" else ""),
        received=received,
    )


def found_in(pattern: re.Pattern[str], path: Path, root: Path) -> str:
    """Returns the first group of a pattern in a path; empty for none."""
    below = path.relative_to(root).as_posix()
    match = pattern.search(below)
    return (match.group(1) or "") if match else ""


def label_by_table(
    table: Path, files: Sequence[tuple[Path, str]], remarks: Remarks
) -> list[Labelled]:
    """Labels files by a table.

    Args:
        table: A CSV file, with commas, semicolons or tabs, whose first line
            names its columns: the file, its label, and, if they are known,
            its split and its group.
        files: Pairs of a file and the split of the folder it lies in. A row
            names a file by its path below any of the folders above it, by
            its name, or by its name without the suffix.
        remarks: Files without a row, and rows without a file, are added.

    Raises:
        UsageError: There is no such table.
        TlkitError: It cannot be read, lacks a column, or contradicts itself.
    """
    rows = read_table(table)
    # It often lies among the files.
    own = os.path.realpath(table)
    files = [one for one in files if os.path.realpath(one[0]) != own]
    found = _Files([path for path, _ in files], table)
    splits = dict(files)
    labelled: dict[Path, Labelled] = {}
    for row in rows:
        path, reason = found.find(row.file)
        if path is None:
            remarks.leave_out(Path(row.file), f"in {table.name}, but {reason}")
            continue
        one = Labelled(path, row.label, row.split or splits[path], row.group)
        if labelled.setdefault(path, one) != one:
            raise _contradiction(table, labelled[path], one)
    without = [path for path, _ in files if path not in labelled]
    without += [path for path, one in labelled.items() if not one.class_name]
    if rows and not labelled:
        first = rows[0].file
        raise _names_no_file(table, f"{first}: {found.find(first)[1]}", files)
    for path in without:
        remarks.leave_out(path, f"{NO_LABEL} {table.name}")
    _note_other_splits(table, labelled, splits, remarks)
    return sorted(one for one in labelled.values() if one.class_name)


def _contradiction(table: Path, first: Labelled, other: Labelled) -> TlkitError:
    def told(one: Labelled) -> str:
        # The first is the path, and what is equal is no contradiction.
        both = zip(one[1:], first[1:], other[1:], strict=True)
        return ", ".join(own or "nothing" for own, a, b in both if a != b)

    return TlkitError(
        "The table says two things of one file.",
        where=f"{table}: {first.path.name}",
        expected="one line for each file",
        received=f"{told(first)}; and {told(other)}",
    )


def _note_other_splits(
    table: Path,
    labelled: Mapping[Path, Labelled],
    folders: Mapping[Path, str],
    remarks: Remarks,
) -> None:
    # Without folders of splits all files are for training at first.
    if set(folders.values()) == {TRAIN}:
        return
    others = [
        one for one in labelled.values() if one.split != folders[one.path]
    ]
    if others:
        remarks.notes.append(
            f"Files that {table.name} puts into another split than the folder "
            f"they lie in: {len(others)}. The table is followed."
        )


def _names_no_file(
    table: Path, received: str, files: Sequence[tuple[Path, str]]
) -> TlkitError:
    return TlkitError(
        "The table names none of the files.",
        where=table,
        expected=f"names such as {files[0][0].name}"
        if files
        else "files in the folder",
        received=received,
    )


class _Files:
    """Finds files by what a table calls them."""

    def __init__(self, paths: Sequence[Path], table: Path) -> None:
        self._folder = Path(os.path.abspath(table)).parent
        self._paths = {Path(os.path.abspath(one)): one for one in paths}
        self._by_end: dict[str, list[Path]] = {}
        for path in paths:
            for end in self._ends(path):
                self._by_end.setdefault(end, []).append(path)

    @staticmethod
    def _ends(path: Path) -> Iterable[str]:
        # However the folder was named, a row may name it, too.
        parts = Path(os.path.abspath(path)).parts
        for start in range(1, min(len(parts), 6)):
            end = "/".join(parts[-start:])
            yield end
            if path.suffix:
                yield end[: -len(path.suffix)]

    def find(self, name: str) -> tuple[Path | None, str]:
        """Returns the file of a name, or the reason why there is none."""
        for written in (name, name.replace("\\", "/")):
            beside = Path(os.path.normpath(self._folder / written))
            if beside in self._paths:
                return self._paths[beside], ""
        parts = PurePosixPath(written).parts
        # The whole path on another machine begins with folders of its own. A
        # path that begins in the data must fit as it stands.
        whole = bool(parts) and (parts[0] == "/" or parts[0].endswith(":"))
        ends = range(1, len(parts)) if whole else range(1)
        for start in ends:
            end = "/".join(parts[start:])
            if end in self._by_end:
                return self._the_one(self._by_end[end])
        return None, "not there"

    @staticmethod
    def _the_one(paths: Sequence[Path]) -> tuple[Path | None, str]:
        # A note or a mask beside a picture often has its name.
        pictures = [path for path in paths if named_like_picture(path)]
        for found in (paths, pictures):
            if len(found) == 1:
                return found[0], ""
        return None, "several files are called so"


def read_table(path: Path) -> list[Row]:
    """Reads a table of labels.

    Raises:
        UsageError: There is no such file.
        TlkitError: It cannot be read, lacks a column, or has odd splits.
    """
    if not path.is_file():
        raise UsageError(
            "There is no such table of labels.",
            where=path,
            expected="a CSV file with the columns file and label",
        )
    try:
        # Excel writes a mark of byte order, which would end up in the name of
        # the first column.
        text = path.read_text(encoding="utf-8-sig")
        lines = [*csv.reader(io.StringIO(text), delimiter=_delimiter(text))]
    except (OSError, ValueError, csv.Error) as error:
        raise TlkitError(
            "Cannot read this table of labels.",
            where=path,
            expected="CSV in UTF-8",
            received=error,
            remedy="Save it as UTF-8; Excel calls this CSV UTF-8."
            if isinstance(error, UnicodeDecodeError)
            else None,
        ) from error
    places = _columns(path, lines[0] if lines else [])
    rows = [_row(line, places) for line in lines[1:] if any(line)]
    _check_splits(path, rows)
    return [row._replace(split=split_of(row.split) or "") for row in rows]


def _delimiter(text: str) -> str:
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _columns(path: Path, head: Sequence[str]) -> Mapping[str, int]:
    """Returns the number of each known column."""
    words = [re.sub(r"[\W_]+", "", name).casefold() for name in head]
    places = {
        column: next(words.index(name) for name in known if name in words)
        for column, known in (
            (column, names.split(",")) for column, names in _HEADINGS.items()
        )
        if set(known) & set(words)
    }
    if not {"file", "label"} <= set(places):
        raise TlkitError(
            "The table does not name a file and its label.",
            where=path,
            expected="a first line with the columns file and label, and, if "
            "they are known, split and group",
            received=", ".join(head) or "an empty file",
            remedy="Rename the columns in the first line of the table.",
        )
    return places


def _row(line: Sequence[str], places: Mapping[str, int]) -> Row:
    def cell(column: str) -> str:
        place = places.get(column, len(line))
        return line[place].strip() if place < len(line) else ""

    return Row(*map(cell, Row._fields))


def _check_splits(path: Path, rows: Sequence[Row]) -> None:
    odd = {row.split for row in rows if row.split and not split_of(row.split)}
    if odd:
        raise TlkitError(
            "The table names splits that are not known.",
            where=path,
            expected="train, validation or test",
            received=name_some(sorted(odd)),
        )
    without = sum(not row.split for row in rows)
    if 0 < without < len(rows):
        raise TlkitError(
            "The table names a split for some files only.",
            where=path,
            expected="a split in every line, or in none",
            received=f"{without} of {len(rows)} lines without one",
        )


def files_with_splits(
    root: Path, folders: Mapping[str, Path], remarks: Remarks
) -> list[tuple[Path, str]]:
    """Returns all files below a folder with the split that they lie in.

    Args:
        root: The folder.
        folders: The folders of splits by split. Where there are some, files
            outside of them are left out; where there are none, all files
            belong to `"train"`.
        remarks: What is left out is added.
    """
    if not folders:
        return [(path, TRAIN) for path in image_files(root, remarks.left_out)]
    return [
        (path, split)
        for split, folder in folders.items()
        for path in image_files(folder, remarks.left_out, root)
    ]
