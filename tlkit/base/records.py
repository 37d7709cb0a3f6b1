"""Tables of plain values, whoever shows them: command, notebook or page.

A `Table` holds numbers and names. The kind of a column says how its values
are written, so that a figure looks the same wherever it is shown, and whoever
computes with a table need not take texts apart.
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
#: A file's name may hold whatever a terminal takes for an order.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


@dataclass(frozen=True)
class Kind:
    """How the values of a column are written.

    Args:
        name: Says in a word what the values are; `Table.to_dict` passes it
            on.
        write: Turns a value into text; it is never given None.
        right: Whether the texts are set flush right, as numbers are.
        missing: Stands where a value is None.
    """

    name: str
    write: Callable[[Any], str]
    right: bool = True
    missing: str = ""

    def text(self, value: Any) -> str:
        """Returns a value as it is shown."""
        return self.missing if value is None else self.write(value)


def number_as(pattern: str, name: str = "number", missing: str = "") -> Kind:
    """Returns a kind of numbers.

    Args:
        pattern: Python's format of one number, such as `".3f"`.
        name: The kind's name.
        missing: Stands where a value is None.
    """
    return Kind(name, lambda value: format(value, pattern), missing=missing)


def interval_as(pattern: str) -> Kind:
    """Returns a kind of pairs `(low, high)`.

    Args:
        pattern: Python's format of either end.

    Example:
        >>> interval_as(".1%").text((0.921, 0.965))
        '92.1% to 96.5%'
    """
    return Kind(
        "interval",
        lambda ends: " to ".join(format(end, pattern) for end in ends),
    )


def _readable(value: Any) -> str:
    return str(value).translate(_CONTROL)


def _sides(value: Iterable[int]) -> str:
    return "x".join(map(str, value))


TEXT = Kind("text", _readable, right=False)
"""Names and sentences; control characters are written out as `\\x1b`."""
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
    """What stands in a column.

    Args:
        name: The heading, and the key in `Table.to_records`.
        kind: How the values are written.
        long: Whether values, such as paths, may take several lines rather
            than be cut off where there is no room.
    """

    name: str
    kind: Kind = TEXT
    long: bool = False


Field = tuple[Column, Callable[[Thing], Any]]
"""A column, and how its value is got from what a row is about."""


@dataclass(frozen=True, repr=False)
class Table:
    """Rows of plain values under named columns.

    Args:
        title: What the table is about; may be empty.
        columns: The columns, from left to right.
        rows: For each row as many values as there are columns.
        notes: What a reader must know besides, a sentence or a line each.
        best: The number, from 0, of the row to be stressed; None for none.
        totals: How many rows at the top are sums of the others.

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
        """Returns the texts of every row."""
        return [
            [
                column.kind.text(value)
                for column, value in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]

    def to_records(self) -> list[dict[str, Any]]:
        """Returns a dictionary for each row, by the names of the columns.

        The values are what JSON can hold: pairs become lists, paths become
        texts, and what is no finite number becomes None.
        """
        names = [column.name for column in self.columns]
        return [
            dict(zip(names, map(plain, row), strict=True)) for row in self.rows
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns title, columns, rows and notes, as JSON can hold them."""
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
        """Returns the table as HTML, for notebooks; of many rows the first."""
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
    """Makes a table with a row for each of several things.

    Args:
        title: See `Table`.
        fields: The columns, each with a function that gets its value.
        things: What the rows are about.
        notes: See `Table`.
        best: See `Table`.
    """
    return Table(
        title,
        tuple(column for column, _ in fields),
        tuple(tuple(get(thing) for _, get in fields) for thing in things),
        tuple(notes),
        best,
    )


class Shown(ABC):
    """What has a table shows it in notebooks and gives it to programs."""

    @abstractmethod
    def table(self) -> Table:
        """Returns what there is to show, as plain values."""

    def to_dict(self) -> dict[str, Any]:
        """Returns what there is to show, as JSON can hold it."""
        return self.table().to_dict()

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def plain(value: Any) -> Any:
    """Returns a value as JSON can hold it.

    Args:
        value: Text, a truth value, a number, a mapping, a list or tuple, all
            of these in NumPy's form too, or anything else, which becomes its
            text.

    Example:
        >>> plain({"interval": (0.5, float("nan"))})
        {'interval': [0.5, None]}
    """
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return plain(value.tolist())
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
    """Returns the end of a text, which of a path says the most.

    Args:
        text: The text, or what has one.
        most: How many characters may remain.

    Example:
        >>> shorten("runs/20260131-094500-scratch-pets", 13)
        '…scratch-pets'
    """
    whole = str(text)
    return whole if len(whole) <= most else f"…{whole[1 - most :]}"


def escape(text: str) -> str:
    """Returns a text as HTML that shows it and nothing else."""
    # A file's name may be no UTF-8, which a page has to be.
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return html.escape(whole)


def _html_cell(tag: str, text: str, column: Column) -> str:
    side = "right" if column.kind.right else "left"
    return f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'
