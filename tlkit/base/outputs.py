"""Folders that tlkit writes, which are known by a mark and not by a name.

A user may call them as he likes, and may let them be made among his images.
By the mark they are not taken for a class when the images are read again.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tlkit.base.atomic import AGAIN, write_text
from tlkit.base.disk import disk_errors

MARK = ".tlkit-output"
"""Name of the file that marks a folder which tlkit has made."""


def make_output_folder(folder: Path) -> None:
    """Makes a folder for what tlkit writes, and marks what it has made.

    A folder that was there before is not marked: the user's own files may
    lie in it.

    Args:
        folder: The folder; those above it are made, too, if they are missing.

    Raises:
        TlkitError: The disk is full or the folder cannot be made.
    """
    above = [folder, *folder.absolute().parents]
    missing = [one for one in above if not os.path.exists(one)]
    # What is inside a marked folder, or in a run, needs no mark of its own.
    inside = any(is_output(one) for one in above[len(missing) :])
    with disk_errors("Cannot make the folder", folder, AGAIN):
        if missing and not inside:
            missing[-1].mkdir(exist_ok=True)
            text = "Written by tlkit; not images to learn from.\n"
            write_text(missing[-1] / MARK, text)
        folder.mkdir(parents=True, exist_ok=True)


def is_output(folder: Path) -> bool:
    """Returns whether tlkit has made a folder for what it writes."""
    # A folder that may not be entered cannot be asked.
    with contextlib.suppress(OSError):
        return (folder / MARK).is_file() or _is_unmarked_run(folder)
    return False


def _is_unmarked_run(folder: Path) -> bool:
    """Runs of the first versions of tlkit have no mark."""
    names = ("config.json", "environment.json", "images.csv")
    return all((folder / name).is_file() for name in names)
