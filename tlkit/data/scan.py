"""Walks through folders: which files and folders count at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tlkit.base.outputs import is_output

#: Files and folders that systems and network drives leave behind, in lower
#: case.
_LITTER = {
    "$recycle.bin",
    "#recycle",
    "#snapshot",
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "@tmp",
    "__macosx",
    "__pycache__",
    "desktop.ini",
    "ehthumbs.db",
    "found.000",
    "icon\r",
    "lost+found",
    "recycler",
    "system volume information",
    "thumbs.db",
    "~snapshot",
}


class LeftOut(NamedTuple):
    """A file or folder that is not used, and the reason."""

    path: str
    reason: str


@dataclass
class Remarks:
    """What a reader of a folder should be told, gathered on the way.

    Attributes:
        left_out: Files and folders that are not used, with the reasons.
        notes: What is understood otherwise than one might mean, and what one
            should know before trusting a figure.
    """

    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, path: Path, reason: str) -> None:
        """Notes that a file or folder is not used."""
        self.left_out.append(LeftOut(str(path), reason))


def subfolders(folder: Path) -> list[Path]:
    """Returns the folders in a folder that may hold images, sorted by name."""
    with os.scandir(folder) as entries:
        found = [folder / one.name for one in entries if _is_folder(one)]
    return [one for one in sorted(found) if why_skipped(one) is None]


def direct_files(folder: Path) -> list[Path]:
    """Returns the files in a folder itself that may be images, sorted."""
    with os.scandir(folder) as entries:
        found = [folder / one.name for one in entries if not _is_folder(one)]
    return [one for one in sorted(found) if why_skipped(one) is None]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # The entry knows it without asking the file system again, which takes
    # long for many files; only a link has to be followed.
    try:
        return entry.is_dir()
    except OSError:
        return False


def image_files(
    folder: Path, left_out: list[LeftOut], root: Path | None = None
) -> list[Path]:
    """Returns the files below a folder, sorted; they may be no images.

    Args:
        folder: The folder.
        left_out: A list to which what is not looked at is appended.
        root: A folder above it; a link back to this one, or to one above it,
            is not followed. None means `folder` itself.
    """
    # A link to one of the folders above would list its files a second time,
    # and those of other classes under the wrong class.
    # The real folder's parent, since that of "." is itself.
    top = Path(os.path.realpath(folder)).parent
    if root is not None:
        top = Path(os.path.realpath(root))
    above = {str(one) for one in (top, *top.parents)}
    return list(_files(folder, left_out, above))


def _files(
    folder: Path, left_out: list[LeftOut], seen: set[str]
) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        left_out.append(LeftOut(str(folder), "a link back to its own folder"))
        return
    seen = seen | {real}
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        left_out.append(LeftOut(str(folder), str(error.strerror).lower()))
        return
    for child in children:
        if reason := why_skipped(child):
            left_out.append(LeftOut(str(child), reason))
        elif os.path.isdir(child):
            yield from _files(child, left_out, seen)
        else:
            yield child


def why_skipped(path: Path) -> str | None:
    """Returns why a file or folder is not even looked at, or None."""
    if path.name.startswith("."):
        return "hidden file"
    if path.name.lower() in _LITTER:
        return "left by the operating system"
    if os.path.isdir(path) and is_output(path):
        return "written by tlkit"
    return None
