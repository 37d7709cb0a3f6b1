"""Tables on a terminal: one way to print every record."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from tlkit.base.records import Table, readable

#: A pipe or a log file has no width of its own.
_PLAIN_WIDTH = 160
#: Letters of a long value that stand side by side at least, on a terminal and
#: in a file; and of any value beside the first column, which names the row.
_LONG, _LONG_IN_FILES, _LEAST = 16, 80, 5
#: Letters from one column to the next, with lines between them and without.
_LINED, _BARE = 3, 2


def print_table(table: Table) -> None:
    """Prints a table to standard output, as wide as the terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        # Whoever reads a file can scroll: no name is broken there.
        widths = _widths(table, _LONG_IN_FILES)
        width = max(_PLAIN_WIDTH, sum(widths) + _LINED * len(widths) + 1)
        console = Console(highlight=False, width=width)
    console.print(render(table, console.width))


def render(table: Table, width: int) -> RichTable:
    """Returns a table as rich draws it: title, columns, rows, notes below.

    Nothing is cut off. Where there is no room, long values take several lines,
    then the lines between the columns go, then the spare columns, from the
    right; then other values take several lines, those of the first column
    last.

    Args:
        table: The plain values. Names in square brackets or between colons
            are printed as they are, since every text is a `Text`.
        width: Number of letters in a line.
    """
    widths = _widths(table, _LONG)
    every = range(len(widths))
    lined = _LINED * len(widths) + 1 + sum(widths) <= width
    kept = every if lined else _with_room(table, widths, width)
    fits = lined or _bare_width(widths, kept) <= width
    first = widths[0] + sum(min(widths[n], _LEAST) + _BARE for n in kept[1:])
    shown = RichTable(
        title=Text(readable(table.title), "table.title")
        if table.title
        else None,
        caption=_caption(table, [n for n in every if n not in kept]),
        caption_justify="left",
        box=box.HEAVY_HEAD if lined else box.SIMPLE_HEAD,
        show_edge=lined,
        pad_edge=lined,
        padding=(0, 1) if lined else (0, 1, 0, 0),
    )
    for number in kept:
        column = table.columns[number]
        whole = fits or (number == 0 and first <= width)
        shown.add_column(
            Text(readable(column.name)),
            justify="right" if column.kind.right else "left",
            overflow="fold",
            no_wrap=whole and not column.long,
        )
    for number, cells in enumerate(table.cells()):
        shown.add_row(
            *(Text(cells[n]) for n in kept),
            style="bold" if number == table.best else None,
            end_section=number + 1 == table.totals,
        )
    return shown


def _widths(table: Table, long: int) -> list[int]:
    """Returns the letters that each column needs, long ones at most `long`."""
    names = [readable(column.name) for column in table.columns]
    columns = zip(names, *table.cells(), strict=True)
    natural = [max(map(cell_len, texts)) for texts in columns]
    return [
        min(own, long) if column.long else own
        for own, column in zip(natural, table.columns, strict=True)
    ]


def _with_room(table: Table, widths: Sequence[int], width: int) -> list[int]:
    """Leaves out spare columns, from the right, until the rest has room."""
    kept = list(range(len(widths)))
    for number in reversed(range(1, len(widths))):
        if _bare_width(widths, kept) <= width:
            break
        if table.columns[number].spare:
            kept.remove(number)
    return kept


def _bare_width(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[number] for number in kept) + _BARE * (len(kept) - 1)


def _caption(table: Table, left_out: Sequence[int]) -> Text | None:
    # A note may be several lines, which stay lines.
    lines = [line for note in table.notes for line in note.split("\n")]
    if left_out:
        names = ", ".join(table.columns[number].name for number in left_out)
        lines.append(f"A wider terminal also shows: {names}.")
    if not lines:
        return None
    return Text("\n".join(map(readable, lines)), "table.caption")
