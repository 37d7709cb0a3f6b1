"""Tables of plain values, for the command, notebooks and programs.

A `Table` holds numbers and names, not formatted text, so that programs can
compute with its values. The kind of a column formats them when they are
shown, so that a figure looks the same everywhere.
"""

from __future__ import annotations

import html
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeVar

Thing = TypeVar("Thing")

#: A notebook with thousands of rows in one cell is slow to open.
_MOST_HTML_ROWS = 100
#: A file's name may hold control characters, which could change the colours
#: of a terminal or erase its lines, and bytes that are not UTF-8, which Python
#: keeps as surrogates that no stream takes.
_UNREADABLE = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))},
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)},
}


@dataclass(frozen=True)
class Kind:
    """The format of the values of a column.

    Args:
        name: One word for what the values are; `Table.to_dict` returns it
            beside the column's name.
        write: Function that turns a value into text. It is never given None.
        right: Whether the texts are aligned to the right, as numbers are.
        missing: Text that stands for None.
    """

    name: str
    write: Callable[[Any], str]
    right: bool = True
    missing: str = ""

    def text(self, value: Any) -> str:
        """Returns a value as the text that is shown; see `readable`."""
        return self.missing if value is None else readable(self.write(value))


def number_as(pattern: str, name: str = "number", missing: str = "") -> Kind:
    """Returns a kind for numbers.

    Args:
        pattern: Python's format of one number, such as `".3f"`.
        name: Name of the kind.
        missing: Text that stands for None.
    """
    return Kind(name, lambda value: format(value, pattern), missing=missing)


def interval_as(pattern: str) -> Kind:
    """Returns a kind for pairs `(low, high)`.

    Args:
        pattern: Python's format of each end, such as `".1%"`.

    Example:
        >>> interval_as(".1%").text((0.921, 0.965))
        '92.1% to 96.5%'
    """
    return Kind(
        "interval",
        lambda ends: " to ".join(format(end, pattern) for end in ends),
    )


def readable(value: object) -> str:
    r"""Returns a text with codes for what a terminal must not be sent.

    Args:
        value: The text, or an object whose `str` is meant.

    Example:
        >>> readable("a\x1b[2Jb")
        'a\\x1b[2Jb'
    """
    return str(value).translate(_UNREADABLE)


def _sides(value: Iterable[int]) -> str:
    return "x".join(map(str, value))


TEXT = Kind("text", str, right=False)
"""Names and sentences."""
COUNT = number_as(",", "count")
"""Whole numbers, with commas between the thousands."""
NUMBER = number_as("g")
"""Numbers with as many digits as they need, up to six."""
SHARE = number_as(".1%", "share")
"""Parts of a whole, 0 to 1, written as percentages."""
INTERVAL = interval_as(".1%")
"""Pairs `(low, high)` of shares."""
SECONDS = number_as(",.0f", "seconds")
"""Durations in seconds."""
SHAPE = Kind("shape", _sides, right=False)
"""Sides of an array, such as `(28, 28, 6)`."""


@dataclass(frozen=True)
class Column:
    """The heading of a column and the format of its values.

    Args:
        name: The heading, which is also the key in `Table.to_records`.
        kind: The format of the values.
        long: Whether a value, such as a path, is the first to take several
            lines where there is no room.
        spare: Whether the column is left out where there is no room.
    """

    name: str
    kind: Kind = TEXT
    long: bool = False
    spare: bool = False


Field = tuple[Column, Callable[[Thing], Any]]
"""A column, and the function from the object of a row to its value."""


@dataclass(frozen=True, repr=False)
class Table:
    """Rows of plain values under named columns.

    Args:
        title: Title of the table, which may be empty.
        columns: The columns, from left to right.
        rows: The rows, each with one value for each column.
        notes: Sentences or lines that a reader should know besides.
        best: Number of the row to be emphasised, from 0; None for none.
        totals: Number of rows at the top that sum up the others.

    Example:
        >>> table = Table("pets", (Column("class"), Column("images", COUNT)),
        ...               (("cats", 2000),))
        >>> table.to_records()
        [{'class': 'cats', 'images': 2000}]
        >>> table.cells()
        [['cats', '2,000']]
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()
    best: int | None = None
    totals: int = 0

    def __repr__(self) -> str:
        return (
            f"Table({shorten(self.title)!r}: {len(self.columns)} columns, "
            f"{len(self.rows)} rows)"
        )

    def cells(self) -> list[list[str]]:
        """Returns the values of every row as texts."""
        return [
            [
                column.kind.text(value)
                for column, value in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]

    def to_records(self) -> list[dict[str, Any]]:
        """Returns a dictionary for each row, by the names of the columns.

        JSON can hold the values: pairs become lists, paths become texts, and
        NaN and infinite numbers become None.
        """
        names = [column.name for column in self.columns]
        return [
            dict(zip(names, map(plain, row), strict=True)) for row in self.rows
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns title, columns, rows and notes in a form for JSON."""
        return {
            "title": self.title,
            "columns": [
                {"name": column.name, "kind": column.kind.name}
                for column in self.columns
            ],
            "rows": self.to_records(),
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        """Returns the table as HTML for notebooks, at most its first rows."""
        head = "".join(_html_cell("th", c.name, c) for c in self.columns)
        body = "".join(map(self._html_row, range(len(self.rows))))
        left_out = len(self.rows) - _MOST_HTML_ROWS
        notes = [*self.notes]
        if left_out > 0:
            notes.append(f"{left_out:,} more rows are not shown.")
        return (
            f"<table><caption>{escape(self.title)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            + "".join(f"<p>{escape(note)}</p>" for note in notes)
        )

    def _html_row(self, number: int) -> str:
        if number >= _MOST_HTML_ROWS:
            return ""
        stress = ' style="font-weight: bold"' if number == self.best else ""
        cells = "".join(
            _html_cell("td", column.kind.text(value), column)
            for column, value in zip(
                self.columns, self.rows[number], strict=True
            )
        )
        return f"<tr{stress}>{cells}</tr>"


def tabulate(
    title: str,
    fields: Sequence[Field[Thing]],
    things: Iterable[Thing],
    notes: Iterable[str] = (),
    best: int | None = None,
) -> Table:
    """Makes a table with a row for each of several objects.

    Args:
        title: Title of the table, which may be empty.
        fields: The columns, each with the function from an object to its
            value.
        things: The objects, one for each row.
        notes: Sentences or lines that a reader should know besides.
        best: Number of the row to be emphasised, from 0; None for none.
    """
    return Table(
        title,
        tuple(column for column, _ in fields),
        tuple(tuple(get(thing) for _, get in fields) for thing in things),
        tuple(notes),
        best,
    )


class Shown(ABC):
    """A base class of results that have a table.

    Notebooks show the table, and programs get its values by `to_dict`.
    """

    @abstractmethod
    def table(self) -> Table:
        """Returns the result as a table of plain values."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as a dictionary that JSON can hold."""
        return self.table().to_dict()

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def plain(value: Any) -> Any:
    """Returns a value in a form that JSON can hold.

    Args:
        value: Text, a truth value, a number, a mapping, a list or a tuple, or
            any of these as NumPy's. Anything else becomes its text, and a
            number that is not finite becomes None.

    Example:
        >>> plain({"interval": (0.5, float("nan"))})
        {'interval': [0.5, None]}
    """
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return plain(value.tolist())
    # To Python truth values are whole numbers, and whole numbers are real
    # ones, so the order of these questions matters.
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return str(value)


def shorten(text: object, most: int = 60) -> str:
    """Returns a text without its beginning, if it is too long.

    The end of a path tells more than its beginning.

    Args:
        text: The text, or an object whose `str` is shortened.
        most: Number of characters that remain at most.

    Example:
        >>> shorten("runs/20260131-094500-scratch-pets", 13)
        '…scratch-pets'
    """
    whole = str(text)
    return whole if len(whole) <= most else f"…{whole[1 - most :]}"


def escape(text: str) -> str:
    """Returns a text as HTML that shows the text itself."""
    # A page is UTF-8, and a file's name may hold bytes that are not.
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return html.escape(whole)


def _html_cell(tag: str, text: str, column: Column) -> str:
    side = "right" if column.kind.right else "left"
    return f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'
