"""Folders that tlkit writes, which are known by a mark and not by a name.

A user may call them as he likes, and may let them be made among his images.
By the mark they are not taken for a class when the images are read again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from tlkit.base.atomic import write_text

_MARK = ".tlkit-output"


def make_output_folder(folder: Path) -> None:
    """Makes a folder for what tlkit writes, and marks what it has made.

    A folder that was there before is not marked: the user's own files may
    lie in it.

    Args:
        folder: The folder; those above it are made, too, if they are missing.

    Raises:
        TlkitError: The disk is full or the folder cannot be made.
    """
    missing = [
        one for one in (folder, *folder.absolute().parents) if not one.exists()
    ]
    for one in reversed(missing):
        write_text(one / _MARK, "Written by tlkit; not images to learn from.\n")


def is_output(folder: Path) -> bool:
    """Returns whether tlkit has made a folder for what it writes."""
    # A folder that may not be entered cannot be asked.
    with contextlib.suppress(OSError):
        return (folder / _MARK).is_file() or _is_unmarked_run(folder)
    return False


def _is_unmarked_run(folder: Path) -> bool:
    """Runs of the first versions of tlkit have no mark."""
    names = ("config.json", "environment.json", "images.csv")
    return all((folder / name).is_file() for name in names)
