"""Records hold plain values, and show nothing but what they hold."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tlkit.base.records import (
    COUNT,
    INTERVAL,
    NUMBER,
    SECONDS,
    SHAPE,
    SHARE,
    TEXT,
    Column,
    Kind,
    Shown,
    Table,
    plain,
    shorten,
    tabulate,
)

EVIL = "<b onload='x()'>&amp; [red]\"cat\""


class Cells(HTMLParser):
    """Python's own reading of a page: its tags, and the texts of each."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.rows, self.texts = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        self.texts.append([tag, ""])

    def handle_data(self, data):
        self.texts[-1][1] += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self.texts[-1][1])


def test_a_page_says_what_the_table_says():
    table = Table(
        EVIL,
        (Column("class"), Column(EVIL, COUNT)),
        ((EVIL, 1234), ("dogs", None)),
        (EVIL,),
        best=1,
    )
    page = Cells(table._repr_html_())
    assert page.rows == [["class", EVIL], [EVIL, "1,234"], ["dogs", ""]]
    assert [text for tag, text in page.texts if tag == "caption"] == [EVIL]
    assert [text for tag, text in page.texts if tag == "p"] == [EVIL]
    known = {"table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
    assert {tag for tag, _ in page.tags} == known
    assert {name for _, attrs in page.tags for name in attrs} == {"style"}
    sides = [a["style"][12:] for tag, a in page.tags if tag == "td"]
    assert sides == ["left", "right"] * 2
    assert [a for tag, a in page.tags if tag == "tr"][2] == {
        "style": "font-weight: bold"
    }


def test_of_many_rows_a_page_has_the_first_and_says_so():
    table = tabulate("", [(Column("number", COUNT), int)], range(1234))
    page = Cells(table._repr_html_())
    assert [row[0] for row in page.rows[1:]] == [str(n) for n in range(100)]
    assert page.texts[-1] == ["p", "1,134 more rows are not shown."]
    assert len(table.to_records()) == 1234


def test_a_page_can_be_written_whatever_a_file_is_called():
    name = b"caf\xe9\x1b[31m.jpg".decode("utf-8", "surrogateescape")
    table = Table("", (Column("image"),), ((name,),))
    assert b"caf\\udce9\\x1b[31m.jpg" in table._repr_html_().encode("utf-8")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (COUNT, 1234567, "1,234,567"),
        (COUNT, np.int64(0), "0"),
        (SHARE, 0.9475, "94.8%"),
        (SHARE, 1, "100.0%"),
        (INTERVAL, [0.921, 0.9649], "92.1% to 96.5%"),
        (SECONDS, 1499.6, "1,500"),
        (NUMBER, 0.0003, "0.0003"),
        (NUMBER, float("inf"), "inf"),
        (SHAPE, (28, 28, 6), "28x28x6"),
        (TEXT, Path("a") / "b", "a/b"),
        (TEXT, "two\nlines \x1b[2J", "two\\x0alines \\x1b[2J"),
        (COUNT, None, ""),
        (Kind("count", str, missing="not known"), None, "not known"),
    ],
)
def test_values_are_written_by_their_kind(kind, value, text):
    assert kind.text(value) == text


def test_records_are_what_json_can_hold():
    row = (
        *(Path("a/b"), np.float32(0.5), np.int64(3), np.bool_(True)),
        *((0.1, float("nan")), {"left": np.int64(1)}, None, float("inf")),
    )
    table = Table("t", tuple(Column(str(n)) for n in range(8)), (row,))
    whole = table.to_dict()
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    assert list(table.to_records()[0].values()) == [
        *("a/b", 0.5, 3, True),
        *([0.1, None], {"left": 1}, None, None),
    ]
    assert whole["columns"][0] == {"name": "0", "kind": "text"}
    assert plain(True) is True


def test_a_row_with_too_few_values_is_an_error():
    table = Table("", (Column("a"), Column("b")), ((1,),))
    with pytest.raises(ValueError, match="shorter"):
        table.to_records()


def test_what_has_a_table_shows_it():
    class Thing(Shown):
        def table(self):
            return Table("thing", (Column("a", COUNT),), ((1,),))

    assert Thing()._repr_html_() == Thing().table()._repr_html_()
    assert Thing().to_dict()["rows"] == [{"a": 1}]
    assert repr(Thing().table()) == "Table('thing': 1 columns, 1 rows)"


def test_texts_are_shortened_to_their_end():
    assert shorten("abc", 3) == "abc"
    assert shorten("abcdef", 3) == "…ef"
    assert len(shorten(Path("x" * 5000))) == 60
