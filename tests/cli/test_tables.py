"""What is printed is what the record holds, to the letter."""

import os
import re

import pytest
from rich.console import Console

from tlkit.base.records import COUNT, SHARE, Column, Kind, Table
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


def shown_at(width, table):
    console = Console(width=width)
    with console.capture() as captured:
        console.print(render(table, width))
    return captured.get()


RUN = "20260131-094500-features-cats_vs_dogs"
RUNS = Table(
    "",
    (
        Column("run"),
        Column("base", spare=True),
        Column("state"),
        Column("accuracy", SHARE),
        Column("seconds", COUNT, spare=True),
    ),
    ((RUN, "mobilenet_v2", "finished", 0.948, 1234), ("b", "", "dead", 1, 2)),
    ("A note.",),
)


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (51, " A wider terminal also shows: base, seconds."),
        (60, " A wider terminal also shows: base, seconds."),
        (72, " A wider terminal also shows: seconds."),
        (80, ""),
        (200, ""),
    ],
)
def test_the_name_of_a_run_is_never_cut(width, left_out):
    """At 80 columns nobody could copy it: it was cut, or broken in two."""
    shown = shown_at(width, RUNS)
    assert RUN in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    assert "A note." in shown
    said = " ".join(shown.split())
    assert said.endswith(f"A note.{left_out}")


@pytest.mark.parametrize("width", [20, 30, 60])
@pytest.mark.parametrize("long", [True, False])
def test_nothing_is_cut_off(width, long):
    # Of letters that are in no heading, and not in the other cell.
    name = "/".join("cdefgijk" for _ in range(9))
    table = Table("", (Column("path", long=long), Column("a")), ((name, "b"),))
    shown = shown_at(width, table)
    assert re.sub("[^c-gijk/]", "", shown) == name
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width


def test_a_file_has_room_for_every_name(capsys):
    name = "x" * 255
    print_table(Table("", (Column("run"), Column("a")), ((name, "b"),)))
    assert name in capsys.readouterr().out


def test_names_that_are_not_utf_8_are_printed(capsys):
    name = os.fsdecode(b"caf\xe9\x1b[2J")
    kind = Kind("names", lambda value: f"{value}!")
    columns = Column("a"), Column("b", kind)
    print_table(Table(name, columns, ((name, name),), (name,)))
    shown = capsys.readouterr().out
    assert shown.count(r"caf\udce9\x1b[2J") == 4
    assert r"caf\udce9\x1b[2J!" in shown


def test_the_best_row_is_stressed_on_a_terminal():
    columns = (Column("base"),)
    table = Table("", columns, (("one",), ("two",)), best=1)
    console = Console(width=40, force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(render(table, 40))
    one, two = (line for line in captured.get().splitlines() if "│" in line)
    assert "\x1b[1m" in two
    assert "\x1b[1m" not in one
