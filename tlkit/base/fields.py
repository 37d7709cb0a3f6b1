"""Fields that know what they mean and which values they take.

A dataclass whose fields are made by `field` says everything about each of
them in one place: the sentence that explains it, its default, and which
values are possible. The check when an object is made, the flags of the
command, the help and the errors are all read from there.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit.base.choices import check_known
from tlkit.base.errors import UsageError

_KEY = "tlkit"


@dataclass(frozen=True)
class About:
    """What is known of a field besides its name, type and default.

    Args:
        help: One or two sentences for a newcomer.
        at_least: The smallest value, if there is one.
        above: The value must be larger than this.
        below: The value must be smaller than this.
        choices: Returns the names to choose from; called when it is needed,
            since some registries are made later.
        parse: Turns what stands on the command line into a value; only for
            types that a command line has no word for.
        flag: Its name on the command line without the dashes; None for the
            field's own.
        also: Further names on the command line, likewise.
        metavar: What stands for the value in the help.
        group: The heading in the help under which it stands.
        first: Whether a newcomer should see it before all others.
        open: What the help says of a value that is open, in a few words.
    """

    help: str
    at_least: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Callable[[], Iterable[str]] | None = None
    parse: Callable[[str], Any] | None = None
    flag: str | None = None
    also: tuple[str, ...] = ()
    metavar: str | None = None
    group: str = ""
    first: bool = False
    open: str | None = None


def field(default: Any, about: About) -> Any:
    """Makes a field of a dataclass together with what is known of it.

    Args:
        default: The field's default. A nested dataclass is given as its
            class, which is then called without arguments.
        about: What is known of the field.
    """
    metadata = {_KEY: about}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def about_fields(kind: type) -> dict[str, About]:
    """Returns what is known of each field of a dataclass, in their order.

    A class that narrows a field of its parent need not say everything again:
    what the parent says holds.
    """
    found = {}
    for own in dataclasses.fields(kind):
        for parent in kind.__mro__:
            declared = getattr(parent, "__dataclass_fields__", {}).get(own.name)
            if declared is not None and _KEY in declared.metadata:
                found[own.name] = declared.metadata[_KEY]
                break
    return found


def field_types(kind: type) -> Mapping[str, Any]:
    """Returns the types of a dataclass's fields."""
    if kind not in _TYPES:
        _TYPES[kind] = typing.get_type_hints(kind)
    return _TYPES[kind]


#: Reading annotations takes longer than making the object.
_TYPES: dict[type, Mapping[str, Any]] = {}


def is_open(hint: Any) -> bool:
    """Says whether None is among the values of a type."""
    return type(None) in _options(hint)


class Checked:
    """A dataclass that checks its fields when it is made.

    Whole numbers become floats, lists become tuples and texts become paths
    where the field's type asks for it, as JSON and TOML cannot tell these
    apart.
    """

    def __post_init__(self) -> None:
        for name, about in about_fields(type(self)).items():
            value = _convert(getattr(self, name), field_types(type(self))[name])
            object.__setattr__(self, name, value)
            check_field(type(self), name, value, about)


def check_field(kind: type, name: str, value: Any, about: About) -> None:
    """Raises UsageError unless a field may have this value.

    Args:
        kind: The dataclass.
        name: Of the field.
        value: What it is given.
        about: What is known of the field.
    """
    hint = field_types(kind)[name]
    if not any(_is(value, option) for option in _options(hint)):
        raise UsageError(
            f"{name} has the wrong kind of value.",
            where=name,
            expected=_kinds(hint),
            received=repr(value),
        )
    parts = value if isinstance(value, tuple) else (value,)
    if about.choices is not None:
        for part in parts:
            if isinstance(part, str):
                check_known(name, part, about.choices())
    for number in parts:
        if _is(number, float) and not _within(number, about):
            raise UsageError(
                f"{name} is out of its range.",
                where=name,
                expected=range_text(about),
                received=value,
            )


def range_text(about: About) -> str:
    """Says which numbers a field takes.

    Example:
        >>> range_text(About("", at_least=0, below=1))
        '0 or more, below 1'
    """
    parts = []
    if about.at_least is not None:
        parts.append(f"{about.at_least:g} or more")
    if about.above is not None:
        parts.append(f"above {about.above:g}")
    if about.below is not None:
        parts.append(f"below {about.below:g}")
    return ", ".join(parts) or "a finite number"


def _within(number: float, about: About) -> bool:
    if not math.isfinite(number):
        return False
    return (
        (about.at_least is None or number >= about.at_least)
        and (about.above is None or number > about.above)
        and (about.below is None or number < about.below)
    )


def _options(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the type alone."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _is(value: Any, hint: Any) -> bool:
    """Whether a value is of one of the few kinds that fields have."""
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = _kinds_of_parts(hint, len(value))
        return len(value) == len(kinds) and all(map(_is, value, kinds))
    return isinstance(value, typing.get_origin(hint) or hint)


def _kinds_of_parts(hint: Any, count: int) -> tuple[Any, ...]:
    """The types of a tuple's parts; `tuple[str, ...]` has any number."""
    kinds = typing.get_args(hint)
    return kinds[:1] * count if kinds[-1] is Ellipsis else kinds


def _convert(value: Any, hint: Any) -> Any:
    options = _options(hint)
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(value, str) and Path in options and str not in options:
        return Path(value)
    if isinstance(value, tuple):
        for option in options:
            if typing.get_origin(option) is tuple:
                kinds = _kinds_of_parts(option, len(value))
                if len(kinds) == len(value):
                    return tuple(map(_convert, value, kinds))
    if int not in options and float in options and _is(value, int):
        return float(value)
    # NumPy's numbers know themselves as plain ones.
    plain = getattr(value, "item", None)
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        return plain() if plain else value
    return value


_WORDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    Path: "a path",
    type(None): "nothing",
    Ellipsis: "...",
}


def _kinds(hint: Any) -> str:
    words = []
    for option in _options(hint):
        if typing.get_origin(option) is tuple:
            kinds = [_WORDS.get(kind, "") for kind in typing.get_args(option)]
            words.append(f"({', '.join(kinds)})")
        elif option is not type(None):
            words.append(_WORDS.get(option, getattr(option, "__name__", "")))
    return " or ".join(words)
