"""The table of methods, held against the functions themselves."""

import inspect
from pathlib import Path

import pytest

from tlkit.explain.methods import registry
from tlkit.explain.methods.registry import DEFAULT_METHOD, METHODS

FOLDER = Path(registry.__file__).parent
README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("name", METHODS)
def test_the_table_says_what_the_function_takes(name):
    method = METHODS[name]
    taken = list(inspect.signature(method.draw).parameters)
    assert taken[:3] == ["model", "images", "class_index"]
    assert ("layer" in taken) is method.has_layer
    if method.has_layer:
        assert taken[3] == "layer"


def test_every_file_of_the_folder_is_in_the_table():
    """`noise` is shared by several methods and is none."""
    files = {path.stem for path in FOLDER.glob("[a-z]*.py")}
    listed = {method.home.partition(".")[0] for method in METHODS.values()}
    assert files - listed == {"noise", "registry"}


def test_titles_differ_and_the_default_is_one_of_them():
    assert len({method.title for method in METHODS.values()}) == len(METHODS)
    assert DEFAULT_METHOD in METHODS


def test_the_readme_names_every_method():
    text = README.read_text(encoding="utf-8")
    assert not [name for name in METHODS if f"`{name}`" not in text]
