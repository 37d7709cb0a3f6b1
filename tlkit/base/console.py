"""Prints progress: bars on a terminal, and plain lines elsewhere.

It goes to standard error, so that a program can read the results alone from
standard output.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tlkit.base.records import readable


def _on_a_terminal() -> bool:
    """Returns whether a person watches the output.

    The process's own stream is asked, since notebooks replace `sys.stderr` by
    one that claims to be a terminal.
    """
    try:
        return os.isatty(sys.__stderr__.fileno())  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        return False


class _Progress(Console):
    """A console whose reader may leave: what it reports on goes on."""

    def on_broken_pipe(self) -> None:
        """Writes no more; rich would end the process, and a training with it.

        `tlkit features DATA 2>&1 | head -1` closes the pipe at its second
        line.
        """
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())


_console = _Progress(
    stderr=True,
    highlight=False,
    force_terminal=_on_a_terminal(),
    # In notebooks rich would make a block of HTML of each line.
    force_jupyter=False,
)


def steps_bar() -> Progress:
    """Makes a bar that is drawn on a terminal and silent elsewhere."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=_console,
        transient=True,
        disable=not _console.is_terminal,
    )


def be_silent() -> None:
    """Prints no progress any more, as another process prints the same."""
    _console.quiet = True


def say(text: str) -> None:
    """Prints a line for the person who waits, beside the results."""
    # As a `Text`, since rich would take `[...]` in a path for an order and
    # `:smile:` for a picture; and unwrapped, as a wrapped line would be two
    # lines in a log file.
    lines = map(readable, text.split("\n"))
    _console.print(Text("\n".join(lines)), soft_wrap=True)
