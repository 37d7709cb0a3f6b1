"""What is printed is what the record holds, to the letter."""

import pytest
from rich.console import Console

from tlkit.base.records import COUNT, Column, Table
from tlkit.cli.tables import print_table, render

MARKUP = "[red]cat[/red] :smile: [/]"


def lines_of(text):
    return [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in text.splitlines()
        if "│" in line
    ]


def test_names_that_look_like_markup_are_printed_as_they_are(capsys):
    table = Table(
        f"title {MARKUP}",
        (Column(f"name {MARKUP}"), Column("images", COUNT)),
        ((MARKUP, 1234), ("http://example.org 12", None)),
        (f"note {MARKUP}",),
    )
    print_table(table)
    shown = capsys.readouterr().out
    assert lines_of(shown) == table.cells()
    for words in ("title", "name", "note"):
        assert f"{words} {MARKUP}" in shown


def test_numbers_stand_right_and_words_left(capsys):
    columns = Column("way"), Column("seconds", COUNT)
    print_table(Table("", columns, (("a", 1), ("features", 1000))))
    assert "│ a        │       1 │" in capsys.readouterr().out


def test_notes_and_titles_may_be_missing(capsys):
    print_table(Table("", (Column("way"),), ()))
    assert capsys.readouterr().out.startswith("┏")


@pytest.mark.parametrize("long", [True, False])
def test_long_names_are_folded_where_that_is_wanted(long):
    console = Console(width=30, record=True, quiet=True)
    name = "/".join("abcdefgh" for _ in range(9))
    table = Table("", (Column("path", long=long),), ((name,),))
    with console.capture():
        console.print(render(table))
    shown = "".join(row[0] for row in lines_of(_text(table, 30)))
    assert (shown == name) is long


def _text(table, width):
    console = Console(width=width)
    with console.capture() as captured:
        console.print(render(table))
    return captured.get()


def test_the_best_row_is_stressed_on_a_terminal():
    columns = (Column("base"),)
    table = Table("", columns, (("one",), ("two",)), best=1)
    console = Console(width=40, force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(render(table))
    one, two = (line for line in captured.get().splitlines() if "│" in line)
    assert "\x1b[1m" in two
    assert "\x1b[1m" not in one
