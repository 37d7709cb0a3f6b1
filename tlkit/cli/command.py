"""The command itself: verbs, and how their errors are told."""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from tlkit.base.errors import Note, TlkitError

INTERRUPTED = 130
app = typer.Typer(
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
    help="Look at data, fetch public data sets, draw the sample.",
    no_args_is_help=True,
)
app.add_typer(data_app, name="data")
store_app = typer.Typer(
    help="What the conv bases have computed: list, check, make smaller.",
    no_args_is_help=True,
)
app.add_typer(store_app, name="store")


@contextlib.contextmanager
def notes_in_words() -> Iterator[None]:
    """Prints notes as a line each on standard error; no other warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", Note)
        warnings.showwarning = lambda message, *_, **__: typer.echo(
            f"note: {message}", err=True
        )
        yield


@contextlib.contextmanager
def errors_in_words() -> Iterator[None]:
    """Turns errors into a message on standard error and an exit code."""
    try:
        yield
    except TlkitError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from None


def verb(parent: typer.Typer) -> Callable[[Callable], Callable]:
    """Makes a function a command of `parent` with its errors in words."""

    def register(command: Callable) -> Callable:
        @functools.wraps(command)
        def call(**flags: Any) -> None:
            with errors_in_words():
                command(**flags)

        parent.command()(call)
        return command

    return register


def main() -> None:
    """Runs the command."""
    print_any_name()
    app()


def print_any_name() -> None:
    """Lets file names that are not UTF-8 be printed, escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
