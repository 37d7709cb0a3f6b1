"""A path that cannot be is one clear error, whatever it is given as."""

import pytest
from typer.testing import CliRunner

from tlkit.cli import app

CALLS = [
    ("data", "show", "PATH"),
    ("data", "make", "PATH"),
    ("train", "PATH", "pets"),
    ("resume", "PATH"),
    ("predict", "PATH", "pets"),
    ("describe", "PATH"),
    ("runs", "PATH"),
    ("store", "ls", "--store", "PATH"),
    ("store", "prune", "--to", "0", "--store", "PATH"),
]
PATHS = {
    "a long name": ("x" * 300, "File name too long"),
    "a long path": ("/".join(["x" * 200] * 25), "File name too long"),
    "in a file": ("file/inside", "Not a directory"),
    "a loop": ("loop/inside", "symbolic links"),
}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(call[:2]))
@pytest.mark.parametrize("kind", PATHS)
def test_a_path_that_cannot_be_is_one_clear_error(
    call, kind, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLKIT_STORE", "store")  # what --store sets is undone
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    path, why = PATHS[kind]
    done = CliRunner().invoke(
        app, [path if word == "PATH" else word for word in call]
    )
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.output.count("Error: ") == 1
    # Where nothing can be is nothing: a usage error.
    assert why in done.output or done.exit_code == 2
    assert {x.name for x in tmp_path.iterdir()} == {"file", "loop"}
