"""Verbs made of functions: typed parameters and dataclasses become options."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer

from tlkit.cli.command import errors_in_words
from tlkit.cli.generated import (
    GroupedCommand,
    command,
    flags_of,
    parameter,
    values_of,
)

VERBS: dict[str, Callable[..., None]] = {}
"""The functions that `verb` has made commands of, by name."""


def verb(
    parent: typer.Typer, heading: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a function a command of `parent` with its errors in words.

    Args:
        parent: The command, or a part of it such as `tlkit store`.
        heading: Heading in the help of `tlkit` under which the verb stands.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        name = function.__name__
        VERBS[name] = function
        parent.command(name, cls=GroupedCommand, rich_help_panel=heading)(
            verb_command(function, function)
        )
        return function

    return register


def verb_command(
    declared: Callable[..., None], run: Callable[..., None]
) -> Callable[..., None]:
    """Makes a function that typer reads a verb's options from.

    Args:
        declared: Function whose parameters and docstring make the command.
            A parameter is annotated for typer, or is a dataclass with `Option`
            in its fields, each of which becomes an option.
        run: Function that is called with these parameters by name: the same
            one, or a script's.
    """
    # Annotations are texts until they are evaluated.
    kinds = inspect.signature(declared, eval_str=True).parameters

    def call(given: Mapping[str, Any]) -> None:
        # Keras's own warnings are about code that the user has not written.
        with errors_in_words():
            run(
                **{
                    name: values_of(one.annotation, given)
                    if _is_options(one.annotation)
                    else given[name]
                    for name, one in kinds.items()
                }
            )

    values = [one for own in kinds.values() for one in _parameters(own)]
    return command(call, values, inspect.getdoc(declared) or "")


def _is_options(annotation: Any) -> bool:
    return isinstance(annotation, type) and dataclasses.is_dataclass(annotation)


def _parameters(own: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if _is_options(own.annotation):
        yield from map(parameter, flags_of(own.annotation))
    else:
        yield own.replace(kind=inspect.Parameter.KEYWORD_ONLY)
