"""Fields of dataclasses with an explanation and a range of values.

A dataclass whose fields are made by `field` describes each of them in one
place: the sentence that explains it, its default, and its possible values.
The check when an object is made, the flags of the command, its help and its
errors are all read from there, so they cannot contradict each other.
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
class Option:
    """The description of a field besides its name, type and default.

    Args:
        help: One or two sentences that explain the field to a newcomer.
        at_least: Smallest possible value; None for no such limit.
        above: Limit that the value must exceed; None for no such limit.
        below: Limit that the value must stay under; None for no such limit.
        choices: Function that returns the possible names. It is called only
            when they are needed, since some tables are made later.
        parse: Function that turns text from the command line into a value,
            for types that the command line does not know.
        flag: Name on the command line without the dashes; None takes the
            field's own name.
        also: Further names on the command line, likewise without dashes.
        metavar: Word that stands for the value in the help.
        group: Heading in the help under which the field stands.
        first: Whether the help shows the field before the others, as a
            newcomer needs it.
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


def field(default: Any, option: Option) -> Any:
    """Makes a field of a dataclass together with its description.

    Args:
        default: Default of the field. For a nested dataclass it is the class,
            which is called without arguments for each new object.
        option: The description of the field.
    """
    metadata = {_KEY: option}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def options_of(kind: type) -> dict[str, Option]:
    """Returns the description of each field of a dataclass, in their order.

    A class may declare a field of its parent again, with a narrower type,
    without repeating the description: the parent's then holds.

    Args:
        kind: The dataclass.
    """
    found = {}
    for own in dataclasses.fields(kind):
        for parent in kind.__mro__:
            declared = getattr(parent, "__dataclass_fields__", {}).get(own.name)
            if declared is not None and _KEY in declared.metadata:
                found[own.name] = declared.metadata[_KEY]
                break
    return found


def option_names(kind: type) -> dict[str, str]:
    """Returns by field the name of its option, with underscores.

    It is the field's own name, unless that says too little beside others.

    Args:
        kind: The dataclass.
    """
    return {
        name: (option.flag or name).replace("-", "_")
        for name, option in options_of(kind).items()
    }


def field_types(kind: type) -> Mapping[str, Any]:
    """Returns the types of a dataclass's fields by name."""
    if kind not in _TYPES:
        _TYPES[kind] = typing.get_type_hints(kind)
    return _TYPES[kind]


#: Reading annotations takes longer than making the object.
_TYPES: dict[type, Mapping[str, Any]] = {}


def without_none(value: Any) -> Any:
    """Returns a value in the form in which a file gives it back.

    None, which TOML does not have, is left out, and tuples become lists.

    Args:
        value: Mappings, lists and tuples of plain values.

    Example:
        >>> without_none({"zoom": (0.8, 1.2), "contrast": None})
        {'zoom': [0.8, 1.2]}
    """
    if isinstance(value, Mapping):
        return {k: without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [without_none(item) for item in value]
    return value


class Checked:
    """A base class of dataclasses that check their fields when made.

    Whole numbers become floats, lists become tuples, and texts become paths,
    where the type of the field asks for it: JSON and TOML have no tuples and
    no paths, and a user may write 1 for 1.0.
    """

    def __post_init__(self) -> None:
        for name, option in options_of(type(self)).items():
            value = _convert(getattr(self, name), field_types(type(self))[name])
            # The dataclasses are frozen, which ordinary assignment obeys.
            object.__setattr__(self, name, value)
            check_field(type(self), name, value, option)


def check_field(kind: type, name: str, value: Any, option: Option) -> None:
    """Raises UsageError unless a field may have this value.

    Args:
        kind: The dataclass.
        name: Name of the field.
        value: The value to check.
        option: The description of the field.
    """
    hint = field_types(kind)[name]
    if not any(_is(value, one) for one in _alternatives(hint)):
        raise UsageError(
            f"{name} has the wrong kind of value.",
            where=name,
            expected=_kinds(hint),
            received=repr(value),
        )
    parts = value if isinstance(value, tuple) else (value,)
    if option.choices is not None:
        for part in parts:
            if isinstance(part, str):
                check_known(name, part, option.choices())
    for number in parts:
        if _is(number, float) and not _within(number, option):
            raise UsageError(
                f"{name} is out of its range.",
                where=name,
                expected=range_text(option),
                received=value,
            )


def range_text(option: Option) -> str:
    """Returns the range of a field's numbers in words.

    Args:
        option: The description of the field.

    Example:
        >>> range_text(Option("", at_least=0, below=1))
        '0 or more, below 1'
    """
    parts = []
    if option.at_least is not None:
        parts.append(f"{option.at_least:g} or more")
    if option.above is not None:
        parts.append(f"above {option.above:g}")
    if option.below is not None:
        parts.append(f"below {option.below:g}")
    return ", ".join(parts) or "a finite number"


def _within(number: float, option: Option) -> bool:
    if not math.isfinite(number):
        return False
    return (
        (option.at_least is None or number >= option.at_least)
        and (option.above is None or number > option.above)
        and (option.below is None or number < option.below)
    )


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """Returns the alternatives of a union, or the type alone."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _is(value: Any, hint: Any) -> bool:
    """Returns whether a value has a type, one of the few that fields have."""
    if hint is Any:
        return True
    # True and False are integers to Python, but no sensible number here.
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
    possible = _alternatives(hint)
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(value, str) and Path in possible and str not in possible:
        return Path(value)
    if isinstance(value, tuple):
        for one in possible:
            if typing.get_origin(one) is tuple:
                kinds = _kinds_of_parts(one, len(value))
                if len(kinds) == len(value):
                    return tuple(map(_convert, value, kinds))
    # Only where a whole number is not possible itself.
    if int not in possible and float in possible and _is(value, int):
        return float(value)
    # NumPy's numbers become Python's, which JSON can hold.
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
    for one in _alternatives(hint):
        if typing.get_origin(one) is tuple:
            kinds = [_WORDS.get(kind, "") for kind in typing.get_args(one)]
            words.append(f"({', '.join(kinds)})")
        elif one is not type(None):
            words.append(_WORDS.get(one, getattr(one, "__name__", "")))
    return " or ".join(words)
