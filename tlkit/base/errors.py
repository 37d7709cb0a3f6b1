"""Errors whose messages are written for the user.

The command prints them without a traceback and ends with their exit code. In
Python they are ordinary exceptions.
"""

from __future__ import annotations


class TlkitError(Exception):
    """A failure whose message says what went wrong, where, and what to do.

    Args:
        problem: One sentence that says what went wrong.
        where: The file, folder, layer or option where it went wrong.
        expected: What would have been right.
        received: What was found instead.
        remedy: What the reader can do about it.

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
        details = {
            "where": where,
            "expected": expected,
            "received": received,
            "fix": remedy,
        }
        given = {n: str(v) for n, v in details.items() if v is not None}
        #: The parts of the message by their names.
        self.parts = {"problem": problem, **given}
        lines = [f"  {name + ':':<10} {text}" for name, text in given.items()]
        super().__init__("\n".join([problem, *lines]))


class UsageError(TlkitError, ValueError):
    """An argument or option that is wrong, whatever the data are.

    It is a `ValueError` as well, which is what callers in Python expect.

    Example:
        >>> error = UsageError("No such data.")
        >>> isinstance(error, ValueError), error.exit_code
        (True, 2)
    """

    exit_code = 2  # as command-line programs end on wrong options


class Note(UserWarning):
    """A warning about something that a user should know but is no error."""
