"""Fields that hold paths, or any number of names."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tlkit.base.errors import UsageError
from tlkit.base.fields import Checked, Option, field


@dataclass(frozen=True)
class Sheet(Checked):
    names: tuple[str, ...] = field((), Option("", choices=lambda: ["a", "b"]))
    folder: Path | None = field(None, Option(""))
    others: tuple[Path, ...] = field((), Option(""))


def test_texts_become_paths_and_lists_become_tuples():
    sheet = Sheet(["a", "b", "a"], "here", ["there", Path("back")])
    assert sheet.names == ("a", "b", "a")
    assert sheet.folder == Path("here")
    assert sheet.others == (Path("there"), Path("back"))


def test_every_name_is_checked():
    with pytest.raises(UsageError, match="There is no names 'c'"):
        Sheet(("a", "c"))


def test_a_text_is_no_list_of_names():
    with pytest.raises(UsageError) as caught:
        Sheet("a")
    assert "(a text, ...)" in str(caught.value)
    with pytest.raises(UsageError, match="wrong kind"):
        Sheet((1,))
    with pytest.raises(UsageError) as caught:
        Sheet(folder=3)
    assert "a path" in str(caught.value)
