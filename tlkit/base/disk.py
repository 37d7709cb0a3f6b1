"""Says in words what a disk refuses.

Whatever is asked of a disk can be refused: it is full, may only be read, is
broken or far away, or another process has just removed the file. Each such
call of tlkit is made inside `disk_errors`, or where a failure is expected and
something else is done; a test of the architecture looks for others.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tlkit.base.errors import TlkitError, UsageError


@contextlib.contextmanager
def disk_errors(
    problem: str, where: object = None, remedy: str | None = None
) -> Iterator[None]:
    """Turns errors of the file system inside the block into words.

    Args:
        problem: What cannot be done, as the begin of a sentence, which the
            reason ends.
        where: The file or folder; None for what the error names.
        remedy: What the reader can do about it.

    Raises:
        TlkitError: The file system has refused something.

    Example:
        >>> with disk_errors("Cannot read this"):
        ...     raise FileNotFoundError(2, "No such file", "a.txt")
        Traceback (most recent call last):
            ...
        tlkit.base.errors.TlkitError: Cannot read this: No such file.
          where:     a.txt
    """
    try:
        yield
    except OSError as error:
        raise TlkitError(
            f"{problem}: {reason(error)}.",
            where=error.filename if where is None else where,
            remedy=remedy,
        ) from error


def reason(error: OSError) -> str:
    """Returns in words why the file system has refused something."""
    # What is no answer of the system has a text alone, such as NumPy's.
    return error.strerror or str(error) or type(error).__name__


def is_taken(path: str | os.PathLike[str]) -> bool:
    """Returns whether there is something at a path, be it a link to nowhere.

    Args:
        path: The path of something that is to be made.

    Raises:
        UsageError: Nothing can be there: the path is too long, a file lies
            where a folder should, or a folder may not be entered.
    """
    try:
        # Unlike `os.path.exists` it sees a link to nowhere.
        os.lstat(path)
    except FileNotFoundError:
        return False
    # A ValueError is that of a zero byte.
    except (OSError, ValueError) as error:
        raise UsageError(
            "Nothing can be kept there.",
            where=path,
            received=reason(error) if isinstance(error, OSError) else error,
            remedy="Choose another name; nothing was changed.",
        ) from error
    return True


def names_in(folder: Path) -> list[str]:
    """Lists the names in a folder, sorted.

    Args:
        folder: The folder.

    Returns:
        The names; none if there is no such folder, or no longer, as another
        process may be removing it.

    Raises:
        TlkitError: The folder cannot be read.
    """
    with disk_errors("Cannot read the folder", folder):
        try:
            return sorted(os.listdir(folder))
        except FileNotFoundError:
            return []
