"""How a folder of images is read: where its labels and groups stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.fields import Checked, Option, field
from tlkit.data.formats import named_like_picture
from tlkit.data.labelled import Labelled
from tlkit.data.labels import (
    NAME,
    NO_LABEL,
    files_with_splits,
    found_in,
    label_by_name,
    label_by_table,
    read_pattern,
)
from tlkit.data.layout import (
    label_by_folder,
    look_through,
    note_on_splits,
    say_unlabelled,
    split_folders,
)
from tlkit.data.scan import Remarks


@dataclass(frozen=True)
class Reading(Checked):
    """Where the labels and the groups of the images in a folder stand.

    Args:
        labels: Path of a CSV file whose first line names its columns: the
            file and its label, and optionally its split and its group.
        label_from: `"name"` for labels at the beginning of the files' names,
            such as `cat.0.jpg`; or a regular expression, searched in the path
            of a file below the folder, whose first group is the class. None
            means class folders.
        group_by: Regular expression, searched in the path of a file below the
            folder, whose first group names what the image shows, such as a
            patient. None means the table's column, where there is one.

    Raises:
        UsageError: Two places of labels are named, or an expression has no
            group.

    Example:
        by_name = tlkit.Reading(label_from="name")  # cat.0.jpg, dog.0.jpg
        data = tlkit.load_dataset("dogs-vs-cats/", reading=by_name)
    """

    labels: str | None = field(
        None,
        Option(
            "CSV file of labels; its first line names the columns file and "
            "label, and optionally split and group.",
            open="the class folders",
            metavar="FILE",
            group="data",
        ),
    )
    label_from: str | None = field(
        None,
        Option(
            f"{NAME}, for labels at the beginning of the files' names "
            "(cat.0.jpg); or a regular expression, searched in a file's path "
            "inside DATA, whose part in parentheses is the class.",
            open="the class folders",
            metavar=f"{NAME}|PATTERN",
            group="data",
        ),
    )
    group_by: str | None = field(
        None,
        Option(
            "Regular expression, searched in a file's path inside DATA, that "
            "tells what the image shows by its part in parentheses, such as "
            r"'(patient\d+)'. Images of one patient stay in one split.",
            metavar="PATTERN",
            group="data",
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.labels and self.label_from:
            raise UsageError(
                "Labels can stand in one place only.",
                where="--labels and --label-from",
                expected="one of the two",
                received="both",
            )
        if self.label_from not in (None, NAME):
            read_pattern(self.label_from, "--label-from")
        if self.group_by:
            read_pattern(self.group_by, "--group-by")

    @classmethod
    def of(cls, read_as: Mapping[str, Any]) -> Reading:
        """Returns the reading by which a data set was read.

        Args:
            read_as: The `read_as` of its index.
        """
        return cls(**{own.name: read_as.get(own.name) for own in fields(cls)})


def label_files(
    root: Path, reading: Reading, remarks: Remarks
) -> list[Labelled]:
    """Finds the files below a folder with their classes, splits and groups.

    Args:
        root: The folder.
        reading: Where the labels and the groups stand.
        remarks: What is left out, or understood in a particular way, is
            added.

    Raises:
        UsageError: There is no such table of labels.
        TlkitError: The folder or the table cannot be understood.
    """
    if reading.labels or reading.label_from:
        labelled = _label_elsewhere(root, reading, remarks)
    else:
        labelled = label_by_folder(root, remarks)
    if reading.group_by is None:
        return labelled
    return _grouped(labelled, root, reading.group_by, remarks)


def _label_elsewhere(
    root: Path, reading: Reading, remarks: Remarks
) -> list[Labelled]:
    root = look_through(root, remarks)
    splits = split_folders(root)
    files = files_with_splits(root, splits, remarks)
    if reading.labels:
        labelled = _label_by_table(root, Path(reading.labels), files, remarks)
    else:
        how = reading.label_from or NAME
        labelled = label_by_name(files, root, how, remarks)
    _leave_out_unlabelled(splits, labelled, remarks)
    if dict(files).items() >= {(one.path, one.split) for one in labelled}:
        used = {one.split for one in labelled}
        note_on_splits({n: splits[n] for n in splits if n in used}, remarks)
    return labelled


def _label_by_table(
    root: Path,
    table: Path,
    files: list[tuple[Path, str]],
    remarks: Remarks,
) -> list[Labelled]:
    # It may be named from where the user is, or from the folder.
    inside = root / table
    if not table.is_file() and inside.is_file():
        table = inside
    return label_by_table(table, files, remarks)


def _leave_out_unlabelled(
    splits: Mapping[str, Path], labelled: list[Labelled], remarks: Remarks
) -> None:
    """Names a split in which no file has a label, in place of all its files."""
    paths = {parent for one in labelled for parent in one.path.parents}
    for folder in splits.values():
        if folder not in paths:
            remarks.left_out[:] = [
                one
                for one in remarks.left_out
                if folder not in Path(one.path).parents
            ]
            say_unlabelled(folder, remarks)
    without = sum(
        one.reason.startswith(NO_LABEL) and named_like_picture(Path(one.path))
        for one in remarks.left_out
    )
    if without:
        remarks.notes.append(
            f"Pictures without a label: {without}. They are not used."
        )


def _grouped(
    labelled: list[Labelled], root: Path, pattern: str, remarks: Remarks
) -> list[Labelled]:
    where = read_pattern(pattern, "--group-by")
    named = [
        one._replace(group=found_in(where, one.path, root)) for one in labelled
    ]
    without = sum(not one.group for one in named)
    if named and without == len(named):
        raise TlkitError(
            "No file has a group.",
            where=root,
            expected=f"paths in which '{pattern}' is found",
            received=f"paths such as {named[0].path.relative_to(root)}",
        )
    if without:
        remarks.notes.append(
            f"{without} of {len(named)} files have no group by "
            f"'{pattern}': each of them is a group of its own."
        )
    return named
