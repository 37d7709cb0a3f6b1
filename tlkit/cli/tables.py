"""Tables on a terminal: one way to print every record."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from tlkit.base.records import Table

#: A pipe or a log file has no width of its own.
_PLAIN_WIDTH = 160


def print_table(table: Table) -> None:
    """Prints a table to standard output, as wide as the terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    console.print(render(table))


def render(table: Table) -> RichTable:
    """Returns a table as rich draws it: title, columns, rows, notes below.

    Args:
        table: The plain values. Names in square brackets or between colons
            are printed as they are, since every text is a `Text`.
    """
    shown = RichTable(
        title=Text(table.title, "table.title") if table.title else None,
        caption=Text("\n".join(table.notes), "table.caption")
        if table.notes
        else None,
        caption_justify="left",
    )
    for column in table.columns:
        shown.add_column(
            Text(column.name),
            justify="right" if column.kind.right else "left",
            overflow="fold" if column.long else "ellipsis",
        )
    for number, cells in enumerate(table.cells()):
        shown.add_row(
            *map(Text, cells),
            style="bold" if number == table.best else None,
            end_section=number + 1 == table.totals,
        )
    return shown
