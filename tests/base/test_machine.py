"""A process is known again, and one of elsewhere is not taken for dead."""

import json
import subprocess
import sys

import pytest

from tlkit.base.machine import is_gone, process_mark

TELL = "import json; from tlkit.base.machine import process_mark as mark\n"
TELL += "print(json.dumps(mark()))"


def test_a_process_that_has_ended_is_gone_and_this_one_is_not():
    told = subprocess.run(
        [sys.executable, "-c", TELL], capture_output=True, text=True
    )
    assert is_gone(json.loads(told.stdout))
    assert not is_gone(process_mark())
    assert is_gone({**process_mark(), "started": 1})


def test_one_of_another_container_is_not_taken_for_dead():
    """It has the machine's name, and a number that means another here."""
    command = ["unshare", "--pid", "--fork", "--mount-proc"]
    try:
        told = subprocess.run(
            [*command, sys.executable, "-c", TELL],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("cannot make another space of processes here")
    mark = json.loads(told.stdout)
    assert mark["host"] == process_mark()["host"]
    assert not is_gone(mark)


@pytest.mark.skipif(process_mark()["boot"] is None, reason="Linux only")
def test_nothing_goes_on_when_the_machine_is_started_anew():
    """Its number and time of start may be given again, by chance."""
    assert is_gone({**process_mark(), "boot": "another"})
