"""The command itself: verbs, and how their errors are told."""

from __future__ import annotations

import contextlib
import errno
import inspect
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tlkit.base.console import be_silent, say
from tlkit.base.disk import reason
from tlkit.base.errors import Note, TlkitError
from tlkit.base.interruption import exit_code, listening
from tlkit.cli.generated import GroupedCommand

DATA, TRAIN, USE, LOOK, STUDY, KEPT = HEADINGS = (
    "Data",
    "Train a model",
    "Use a model",
    "See what a model looks at",
    "Study networks",
    "What is kept on disk",
)
"""Headings of the help of `tlkit`, in the order in which one needs them."""


class GroupedVerbs(TyperGroup):
    """A command of verbs whose help has a heading for each group of them."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the first paragraph of each verb's help in full."""
        groups: dict[str, list[tuple[str, str]]] = {
            name: [] for name in (*HEADINGS, "Commands")
        }
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            panel = str(getattr(command, "rich_help_panel", None))
            heading = panel if panel in groups else "Commands"
            groups[heading].append((name, _first_paragraph(command)))
        for heading, rows in groups.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _first_paragraph(command: Any) -> str:
    text = inspect.cleandoc(command.help or "").partition("\n\n")[0]
    return " ".join(text.split())


app = typer.Typer(
    cls=GroupedVerbs,
    help="From a folder of images to a classifier you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(asked: bool) -> None:
    """Prints the version, if asked, and ends."""
    if asked:
        import tlkit

        typer.echo(f"tlkit {tlkit.__version__}")
        raise typer.Exit


@app.callback()
def _whole_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_say_version,
            is_eager=True,
            help="Print the version and end.",
        ),
    ] = False,
) -> None:
    """The options of `tlkit` itself; its help is the application's."""


data_app = typer.Typer(
    cls=GroupedVerbs,
    help="Look at a data set, download a public one, or draw a sample.",
    no_args_is_help=True,
)
app.add_typer(data_app, name="data", rich_help_panel=DATA)
store_app = typer.Typer(
    cls=GroupedVerbs,
    help="List, check or shrink the store of computed features.",
    no_args_is_help=True,
)
app.add_typer(store_app, name="store", rich_help_panel=KEPT)


@contextlib.contextmanager
def notes_in_words() -> Iterator[None]:
    """Prints notes as a line each on standard error; no other warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", Note)
        warnings.showwarning = lambda message, *_, **__: say(f"note: {message}")
        yield


@contextlib.contextmanager
def errors_in_words() -> Iterator[None]:
    """Turns errors into a message on standard error and an exit code.

    Notes are printed there, too, see `notes_in_words`.
    """
    try:
        with notes_in_words(), listening():
            yield
    except TlkitError as error:
        be_silent(False)
        say(f"Error: {error}", {"event": "error", **error.parts})
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt as error:
        be_silent(False)
        say("Interrupted.")
        raise typer.Exit(exit_code(error)) from None
    except OSError as error:
        # The output has no name; see `_run`.
        if error.filename is None:
            raise
        # Most of what is asked of a disk says for itself what was to be done.
        told = _refused(error)
        be_silent(False)
        say(f"Error: {told}", {"event": "error", **told.parts})
        raise typer.Exit(1) from None


def _refused(error: OSError) -> TlkitError:
    return TlkitError(
        f"The system refuses this: {reason(error)}.", where=error.filename
    )


def main() -> None:
    """Runs the command."""
    _run(app)


def run_alone(command: Callable[..., None]) -> None:
    """Runs one verb as a command of its own, as scripts do.

    Args:
        command: Function that typer reads the verb's options from.
    """
    own = typer.Typer(add_completion=False, rich_markup_mode=None)
    own.command(cls=GroupedCommand)(command)
    _run(own)


def _run(command: typer.Typer) -> None:
    print_any_name()
    try:
        command()
    except OSError as error:
        # Files are written with an error of their own, so it is the output.
        _forget_output()
        full = error.errno == errno.ENOSPC
        why = "the disk is full" if full else reason(error)
        say(f"Error: Cannot print: {why}.")
        sys.exit(1)


def _forget_output() -> None:
    # What is left in the buffer would fail again when Python ends.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def print_any_name() -> None:
    """Lets file names that are not UTF-8 be printed, escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
