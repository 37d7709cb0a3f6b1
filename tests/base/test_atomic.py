"""A file is whole or not there, whatever happens to its writer."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from tlkit.base.atomic import atomic_path, write_json, write_text
from tlkit.base.errors import TlkitError


def test_the_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with atomic_path(target) as partial:
        partial.write_text("whole")
        assert not target.exists()
        assert partial.suffix == ".txt"
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["a.txt"]


def test_a_failure_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.json"
    write_json(target, {"old": 1})
    before = target.read_bytes()

    def fail():
        with atomic_path(target) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_in_the_way_is_an_error_in_words(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(TlkitError, match=r"Cannot write a\.txt"):
        write_text(tmp_path / "a.txt", "x")
    assert os.listdir(tmp_path) == ["a.txt"]


WRITER = """
import sys
from tlkit.base.atomic import write_text
number = 0
while True:
    write_text(sys.argv[1], str(number % 10) * 300_000)
    number += 1
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    target = tmp_path / "a.txt"
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(target)])
        for _ in range(400):
            if target.exists():
                break
            time.sleep(0.01)
        time.sleep(0.05)
        process.kill()
        process.wait()
        text = target.read_text()
        assert len(text) == 300_000
        assert len(set(text)) == 1


@pytest.fixture
def full_disk(tmp_path):
    """A disk of one megabyte with a file on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"]
    try:
        subprocess.run(
            ["mount", *options, str(disk)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("cannot mount a small disk here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_keeps_the_old_file(full_disk):
    target = full_disk / "a.npy"
    with atomic_path(target) as partial:
        np.save(partial, np.arange(10))

    def fill():
        with atomic_path(target) as partial:
            np.save(partial, np.zeros(2**18))

    with pytest.raises(TlkitError, match=r"Cannot write a\.npy") as caught:
        fill()
    assert str(full_disk) in str(caught.value)
    with pytest.raises(TlkitError, match="No space left on device"):
        write_text(full_disk / "b.txt", "x" * 2**21)
    assert np.load(target).tolist() == list(range(10))
    assert os.listdir(full_disk) == ["a.npy"]


LIMITED = """
import resource, sys
from tlkit.base.atomic import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
write_text(sys.argv[1], "x" * 1_000_000)
"""


def test_a_file_that_may_not_grow_keeps_the_old_one(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(target)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "TlkitError: Cannot write a.txt: File too large" in done.stderr
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with (
        pytest.raises(TlkitError, match=r"Cannot write a\.txt"),
        atomic_path(tmp_path / "a.txt"),
    ):
        pass
    assert not os.listdir(tmp_path)


def test_the_name_of_a_file_that_is_not_utf_8_can_be_noted(tmp_path):
    # A single such photograph made every run fail: UTF-8 has no such text.
    name = os.fsdecode(b"caf\xe9.jpg")
    write_json(tmp_path / "a.json", {"image": name, "also": "café"})
    assert json.loads((tmp_path / "a.json").read_bytes().decode()) == {
        "image": name,
        "also": "café",
    }
    assert "café" in (tmp_path / "a.json").read_text("utf-8")
    write_text(tmp_path / "a.csv", name)
    assert (tmp_path / "a.csv").read_text("utf-8") == r"caf\udce9.jpg"


def test_the_temporary_name_ends_like_the_final_one(tmp_path):
    """Keras refuses to save weights under another ending."""
    with atomic_path(tmp_path / "own.weights.h5") as partial:
        assert partial.name.endswith(".weights.h5")
        assert partial.name.startswith(".")
        partial.write_bytes(b"w")
    assert [path.name for path in tmp_path.iterdir()] == ["own.weights.h5"]
