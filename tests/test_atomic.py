"""A file is whole or not there, whatever happens to its writer."""

import os
import subprocess
import sys
import time

import pytest

from tlkit.atomic import atomic_path, write_json, write_text
from tlkit.errors import TlkitError


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
from tlkit.atomic import write_text
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
