"""Scripts with the flags of a verb."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import Enum
from types import SimpleNamespace
from typing import Any

import typer

from tlkit.cli.command import app, errors_in_words, print_any_name
from tlkit.cli.flags import (
    check_through,
    head_grid_of,
    network_of,
    networks_of,
    training_of,
    views_of,
)


def run_script(verb: str, script: Callable[[SimpleNamespace], None]) -> None:
    """Runs a script with the flags, help and errors of a verb.

    Args:
        verb: name of the command, such as `"scratch"`.
        script: gets the flags as attributes; where the verb trains,
            `flags.training` and, where it has a conv base, `flags.network`
            (or `flags.networks` and `flags.grid`) are made from them.
    """
    command = next(
        info.callback
        for info in app.registered_commands
        if info.callback is not None and info.callback.__name__ == verb
    )

    @functools.wraps(command)
    def call(**flags: Any) -> None:
        with errors_in_words():
            if "epochs" in flags:
                flags["training"] = training_of(flags)
            if "head_grid" in flags:
                flags["networks"] = networks_of(flags)
                flags["grid"] = head_grid_of(flags)
            elif "base" in flags:
                flags["network"] = network_of(flags)
            if "through" in flags:
                check_through(flags["through"], flags["beside"])
            if "views" in flags:
                flags["views"] = views_of(flags)
            for name, value in flags.items():
                if isinstance(value, Enum):
                    flags[name] = value.value
            script(SimpleNamespace(**flags))

    own = typer.Typer(add_completion=False, rich_markup_mode=None)
    own.command()(call)
    print_any_name()
    own()
