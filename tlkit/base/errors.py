"""Errors that are written for the person at the keyboard.

The command prints them without a traceback and ends with their exit code;
in Python they are ordinary exceptions.
"""

from __future__ import annotations


class TlkitError(Exception):
    """A failure with a message that says what, where and what to do.

    Args:
        problem: one sentence that says what went wrong.
        where: the file, folder, layer or option it went wrong at.
        expected: what would have been right.
        received: what was found instead.
        remedy: what the reader can do about it.

    Example:
        >>> print(TlkitError("No images.", where="pets/", remedy="Add some."))
        No images.
          where:     pets/
          fix:       Add some.
    """

    exit_code = 1

    def __init__(
        self,
        problem: str,
        *,
        where: object = None,
        expected: object = None,
        received: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        parts = {
            "where": where,
            "expected": expected,
            "received": received,
            "fix": remedy,
        }
        lines = [
            f"  {name + ':':<10} {value}"
            for name, value in parts.items()
            if value is not None
        ]
        super().__init__("\n".join([problem, *lines]))


class UsageError(TlkitError, ValueError):
    """An argument or option that cannot be right, whatever the data are.

    Example:
        >>> error = UsageError("No such data.")
        >>> isinstance(error, ValueError), error.exit_code
        (True, 2)
    """

    exit_code = 2


class Note(UserWarning):
    """Something a user should know that is no error."""
