"""Lines of progress: to the letter, and for nobody's sake at any price."""

import os
import subprocess
import sys

CODE = """
import pathlib, sys
from tlkit.base.console import counting, say
for line in range(50):
    say(f"line {line}")
    with counting("decoding", 2) as advance:
        advance(1)
pathlib.Path(sys.argv[1]).write_text("done")
"""


def test_work_goes_on_when_nobody_reads_its_progress(tmp_path):
    """`tlkit features DATA 2>&1 | head -1` ended the training."""
    read, write = os.pipe()
    os.close(read)
    path = tmp_path / "result"
    done = subprocess.run([sys.executable, "-c", CODE, path], stderr=write)
    os.close(write)
    assert done.returncode == 0
    assert path.read_text() == "done"


def test_lines_are_said_to_the_letter():
    name = os.fsdecode(b"[red]a[/b].jpg :smile: \xe9\x1b[2J")
    code = f"from tlkit.base.console import say; say({name!r} * 20)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    expected = rb"[red]a[/b].jpg :smile: \udce9\x1b[2J" * 20
    assert done.stderr.rstrip(b"\n") == expected
