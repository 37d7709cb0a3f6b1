"""Options of the command, made of the fields of dataclasses.

Name, type, default, range and explanation of an option are those of its
field; nothing is typed again here.
"""

from __future__ import annotations

import inspect
import keyword
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from tlkit.base.fields import Option, field_types, options_of, range_text

Options = TypeVar("Options")

FIRST = "Most used"
HEADINGS = ("Data", "Network", "Augmentation", "Training", "Machine")
"""Headings of the help, in their order; `FIRST` stands before them."""

#: So many options are seen at a glance: they need no headings.
_FEW = 5


@dataclass(frozen=True)
class Flag:
    """An option of the command, and the field that it sets.

    Args:
        name: The option's name in Python, with underscores.
        part: Name of the part of a plan that has the field; empty for the
            plan's own, and for dataclasses that are no part of one.
        field: Name of the field.
        hint: Type of the field.
        option: What is known of the field.
        default: What stands in the help as its default; None for nothing.
        two_forms: Whether a truth value has a `--no-` form.
    """

    name: str
    part: str
    field: str
    hint: Any
    option: Option
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
            _python_name(option.flag or name),
            part,
            name,
            field_types(kind)[name],
            option,
            default_text(defaults[name]) or option.open,
            defaults[name] is True,
        )
        for name, option in options_of(kind).items()
    ]


def _python_name(flag: str) -> str:
    """The name of a parameter; `class` is a word of Python's own."""
    name = flag.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def default_text(default: Any) -> str | None:
    """Writes a default as one would type it; None where there is none.

    Example:
        >>> default_text((150, 200)), default_text(("gradcam",))
        ('150x200', 'gradcam')
    """
    if isinstance(default, tuple):
        mark = "x" if all(isinstance(one, int) for one in default) else ","
        return mark.join(map(str, default)) or None
    if default is None or default is MISSING or isinstance(default, bool):
        return None
    return f"{default:g}" if isinstance(default, float) else str(default)


def values_of(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Makes the dataclass of what was given for its options.

    Args:
        kind: The dataclass.
        given: Values by the name of the option, None where nothing was.
    """
    values = {
        flag.field: given[flag.name]
        for flag in flags_of(kind)
        if given.get(flag.name) is not None
    }
    return kind(**values)


def help_of(kind: type, name: str) -> str:
    """Returns what the help says of one field of a dataclass.

    Args:
        kind: The dataclass.
        name: Name of the field.
    """
    (flag,) = (one for one in flags_of(kind) if one.field == name)
    return _help(flag)


def parameter(flag: Flag) -> inspect.Parameter:
    """Makes the parameter that typer reads an option from."""
    return inspect.Parameter(
        flag.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_kind(flag) | None, _option(flag)],
    )


def _option(flag: Flag) -> Any:
    names = [
        f"--{name.strip('_').replace('_', '-')}"
        for name in (flag.name, *flag.option.also)
    ]
    kind = _kind(flag)
    if kind is bool and flag.two_forms:
        names[0] += f"/--no-{names[0][2:]}"
    return typer.Option(
        *names,
        help=_help(flag),
        metavar=flag.option.metavar or _metavar(flag, kind),
        parser=flag.option.parse,
        rich_help_panel=FIRST
        if flag.option.first
        else flag.option.group.capitalize(),
        show_default=False,
    )


def _kind(flag: Flag) -> Any:
    """The one type that stands on the command line."""
    if flag.option.parse is not None or flag.hint is Any:
        return str
    if typing.get_origin(flag.hint) is tuple:
        # An option that may be given several times.
        return list[typing.get_args(flag.hint)[0]]  # type: ignore[misc]
    kinds = [k for k in typing.get_args(flag.hint) if k is not type(None)]
    return kinds[0] if kinds else flag.hint


def _metavar(flag: Flag, kind: Any) -> str | None:
    if flag.option.choices is not None:
        return "NAME"
    return _METAVARS.get(kind)


_METAVARS = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}


def _help(flag: Flag) -> str:
    parts = [flag.option.help]
    if flag.option.choices is not None and flag.option.metavar is None:
        parts.append(f"One of {', '.join(flag.option.choices())}.")
    if _kind(flag) in (int, float):
        limits = range_text(flag.option)
        if limits != range_text(Option("")):
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

    values = list(parameters)
    call.__doc__ = help
    call.__signature__ = inspect.Signature(values)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in values}
    return call


class GroupedCommand(TyperCommand):
    """A command whose help has a heading for each group of options."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Names the arguments as the help does; what may be left out in []."""
        arguments = [one for one in self.get_params(ctx) if _is_argument(one)]
        return [
            "[OPTIONS]",
            *(
                _argument_name(one)
                if one.required
                else f"[{_argument_name(one)}]"
                for one in arguments
            ),
        ]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes arguments, then the options of each group."""
        records = [
            (one, _record(one, ctx))
            for one in self.get_params(ctx)
            if not getattr(one, "hidden", False)
        ]
        options = [one for one, _ in records if not _is_argument(one)]
        names: tuple[str, ...] = (FIRST, *HEADINGS, "Other")
        # One of them is --help.
        if len(options) <= _FEW + 1:
            names = ("Options",)
        groups: dict[str, list[tuple[str, str]]] = {
            name: [] for name in ("Arguments", *names)
        }
        for one, record in records:
            groups[_heading(one, names)].append(record)
        for name, rows in groups.items():
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows, col_max=24)


def _is_argument(parameter: Any) -> bool:
    return parameter.param_type_name == "argument"


def _argument_name(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return f"{name}..." if parameter.nargs == -1 else name


def _record(parameter: Any, ctx: Any) -> tuple[str, str]:
    """What stands left and right in the help."""
    name, text = parameter.get_help_record(ctx)
    if _is_argument(parameter):
        name, text = _argument_name(parameter), text.replace("[required]", "")
    return name, text.replace("  [", " [").strip()


def _heading(parameter: Any, names: Sequence[str]) -> str:
    if _is_argument(parameter):
        return "Arguments"
    panel = str(getattr(parameter, "rich_help_panel", None))
    return panel if panel in names else names[-1]
