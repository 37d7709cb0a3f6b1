"""Names of any form and length become names of files, and stay apart."""

import os

import pytest

from tlkit.base.atomic import write_text
from tlkit.base.filenames import file_name

LONG = "猫" * 100
NAMES = [
    "plain",
    "a/b",
    "a-b",
    "a\nb",
    "\udcb9\udcb7",
    "\udcb9\udcb8",
    LONG,
    LONG + "a",
    LONG + "b",
    "x" * 250,
    "x" * 251,
    "x" * 255,
    "x" * 3000,
]


def test_every_name_can_be_written_and_none_meets_another(tmp_path):
    for name in NAMES:
        write_text(tmp_path / file_name(name, ".1_a.png"), name)
    found = os.listdir(tmp_path)
    assert len(found) == len(NAMES)
    for name in found:
        assert name.endswith(".1_a.png")
        name.encode()  # valid Unicode
    assert max(len(os.fsencode(name)) for name in found) == 255


@pytest.mark.parametrize("name", ["cat <1>", "猫", ".hidden", "a b.c"])
def test_names_that_need_no_change_have_none(name):
    assert file_name(name, ".png") == f"{name}.png"
    assert file_name(name) == name


def test_the_longest_name_can_be_written(tmp_path):
    """Its temporary name was longer than names may be."""
    for name in ("x" * 251 + ".txt", "猫" * 85, "y" * 255):
        write_text(tmp_path / name, name)
        assert (tmp_path / name).read_text("utf-8") == name
    assert len(os.listdir(tmp_path)) == 3
