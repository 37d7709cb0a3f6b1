"""Options of the command, made of the fields of dataclasses.

Name, type, default, range and explanation of an option are those of its
field; nothing is typed again here.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from tlkit.base.fields import About, about_fields, field_types, range_text

FIRST = "Most used"
HEADINGS = ("Data", "Network", "Augmentation", "Training", "Machine")
"""Headings of the help, in their order; `FIRST` stands before them."""


@dataclass(frozen=True)
class Flag:
    """An option of the command, and the field that it sets.

    Args:
        name: The option's name in Python, with underscores.
        part: Name of the part of a plan that has the field; empty for the
            plan's own, and for dataclasses that are no part of one.
        field: Name of the field.
        hint: Type of the field.
        about: What is known of the field.
        default: What stands in the help as its default; None for nothing.
        two_forms: Whether a truth value has a `--no-` form.
    """

    name: str
    part: str
    field: str
    hint: Any
    about: About
    default: str | None = None
    two_forms: bool = False


def flags_of(kind: type, part: str = "") -> list[Flag]:
    """Makes an option of each field of a dataclass.

    Args:
        kind: A dataclass whose fields are made by `tlkit.base.fields.field`.
        part: Name of the part of a plan that it is.
    """
    defaults = {own.name: own.default for own in fields(kind)}
    return [
        Flag(
            (about.flag or name).replace("-", "_"),
            part,
            name,
            field_types(kind)[name],
            about,
            _text(defaults[name]),
            defaults[name] is True,
        )
        for name, about in about_fields(kind).items()
    ]


def _text(default: Any) -> str | None:
    if default is None or default is MISSING or isinstance(default, bool):
        return None
    return f"{default:g}" if isinstance(default, float) else str(default)


def values_of(kind: Any, given: Mapping[str, Any]) -> Any:
    """Makes the dataclass of what was given for its options.

    Args:
        kind: The dataclass.
        given: Values by the name of the option, None where nothing was.
    """
    told = {
        flag.field: given[flag.name]
        for flag in flags_of(kind)
        if given.get(flag.name) is not None
    }
    return kind(**told)


def option_of(kind: type, name: str) -> Any:
    """Makes typer's option of one field of a dataclass.

    Args:
        kind: The dataclass.
        name: Of the field.
    """
    (flag,) = (one for one in flags_of(kind) if one.field == name)
    return _option(flag)


def parameter(flag: Flag) -> inspect.Parameter:
    """Makes the parameter that typer reads an option from."""
    return inspect.Parameter(
        flag.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_kind(flag) | None, _option(flag)],
    )


def _option(flag: Flag) -> Any:
    names = [f"--{flag.name.replace('_', '-')}"]
    kind = _kind(flag)
    if kind is bool and flag.two_forms:
        names[0] += f"/--no-{names[0][2:]}"
    return typer.Option(
        *names,
        help=_help(flag),
        metavar=flag.about.metavar or _metavar(flag, kind),
        parser=flag.about.parse,
        rich_help_panel=FIRST
        if flag.about.first
        else flag.about.group.capitalize(),
        show_default=False,
    )


def _kind(flag: Flag) -> Any:
    """The one type that stands on the command line."""
    if flag.about.parse is not None or flag.hint is Any:
        return str
    kinds = [k for k in typing.get_args(flag.hint) if k is not type(None)]
    return kinds[0] if kinds else flag.hint


def _metavar(flag: Flag, kind: Any) -> str | None:
    if flag.about.choices is not None:
        return "NAME"
    return {int: "N", float: "NUMBER"}.get(kind)


def _help(flag: Flag) -> str:
    parts = [flag.about.help]
    if flag.about.choices is not None and flag.about.metavar is None:
        parts.append(f"One of {', '.join(flag.about.choices())}.")
    if _kind(flag) in (int, float):
        limits = range_text(flag.about)
        if limits != range_text(About("")):
            parts.append(f"({limits})")
    if flag.default is not None:
        parts.append(f"[default: {flag.default}]")
    return " ".join(parts)


def command(
    run: Callable[[Mapping[str, Any]], None],
    parameters: Iterable[inspect.Parameter],
    help: str,
) -> Callable[..., None]:
    """Makes a function that typer takes for one with these parameters.

    Args:
        run: Gets what was given, by name.
        parameters: Of the command, each annotated for typer.
        help: What the command does.
    """

    def call(**given: Any) -> None:
        run(given)

    told = list(parameters)
    call.__doc__ = help
    call.__signature__ = inspect.Signature(told)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in told}
    return call


class GroupedCommand(TyperCommand):
    """A command whose help has a heading for each group of options."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes arguments, then the options of each group."""
        groups: dict[str, list[tuple[str, str]]] = {
            name: [] for name in ("Arguments", FIRST, *HEADINGS, "Other")
        }
        for one in self.get_params(ctx):
            record = one.get_help_record(ctx)
            if record is not None:
                groups[_heading(one, groups)].append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records, col_max=24)


def _heading(parameter: Any, groups: Mapping[str, Sequence]) -> str:
    if parameter.param_type_name == "argument":
        return "Arguments"
    panel = str(getattr(parameter, "rich_help_panel", None))
    return panel if panel in groups else "Other"
