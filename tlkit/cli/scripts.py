"""Scripts with the flags of a verb that does not train."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace

import typer

from tlkit.cli.command import app, errors_in_words, print_any_name


def run_script(verb: str, script: Callable[[SimpleNamespace], None]) -> None:
    """Runs a script with the flags, help and errors of a verb.

    Args:
        verb: Name of the command, such as `"explain"`.
        script: Gets the flags as attributes.
    """
    command = next(
        info.callback
        for info in app.registered_commands
        if info.callback is not None and info.callback.__name__ == verb
    )

    @functools.wraps(command)
    def call(**flags: object) -> None:
        with errors_in_words():
            script(SimpleNamespace(**flags))

    own = typer.Typer(add_completion=False, rich_markup_mode=None)
    own.command()(call)
    print_any_name()
    own()
