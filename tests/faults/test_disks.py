"""Some system calls fail; `make faults` lets many more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("disks.py")
linux = pytest.mark.skipif(
    not Path("/proc/self/fd").exists() or not hasattr(os, "fork"),
    reason="Linux only",
)


def faults(*options):
    done = subprocess.run(
        [sys.executable, HARNESS, *map(str, options)],
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@linux
@pytest.mark.slow
def test_a_disk_that_refuses_something_damages_nothing():
    cases = "store prune;explain;features"
    report = faults("--every", 21, "--real", 0, "--cases", cases)
    assert report["problems"] == []
    counts = report["cases"].values()
    assert sum(own.get("error", 0) for own in counts) > 5
    assert sum(own.get("done all the same", 0) for own in counts) > 2


FAILING = """
import sys
sys.path.insert(0, sys.argv[1])
from failing import Failing
Failing(sys.argv[2], sys.argv[3], int(sys.argv[4])).install()
from tlkit.base.atomic import write_text
for number in range(3):
    try:
        write_text(f"{sys.argv[2]}/new.txt", str(number))
    except Exception as error:
        print(number, str(error).splitlines()[0])
"""


@linux
@pytest.mark.parametrize(
    ("kind", "call", "says"),
    [
        ("write", 2, "1 Cannot write new.txt: Disk quota exceeded."),
        ("fsync", 3, "2 Cannot write new.txt: No space left on device."),
        ("rename", 1, "0 Cannot write new.txt: Read-only file system."),
    ],
)
def test_the_call_that_is_chosen_fails_and_no_other(tmp_path, kind, call, says):
    """What the harness measures with."""
    command = [sys.executable, "-c", FAILING, HARNESS.parent, tmp_path]
    done = subprocess.run(
        [*map(str, command), kind, str(call)], capture_output=True, text=True
    )
    assert done.stdout == f"{says}\n", done.stderr
    last = "1" if call == 3 else "2"
    assert [x.read_text() for x in tmp_path.iterdir()] == [last]


SAVING = """
import sys, zipfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from failing import Failing
import keras
from tlkit.base.errors import TlkitError
from tlkit.models.saving import save_classifier
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
model.add(keras.layers.Dense(2))
faults = Failing(sys.argv[2], "open")
faults.install()
path, refused = Path(sys.argv[2], "model.keras"), 0
for number in range(1, 6):
    faults.counts.clear()
    faults.number = number
    path.unlink(missing_ok=True)
    try:
        save_classifier(model, path, ["a", "b"], 8)
    except TlkitError:
        refused += 1
        assert not path.exists()
    else:
        names = zipfile.ZipFile(path).namelist()
        assert {"config.json", "model.weights.h5", "tlkit.json"} <= {*names}
print(refused)
"""


@linux
@pytest.mark.slow
def test_a_model_is_whole_whichever_opening_of_its_file_fails(tmp_path):
    """`ZipFile` began the file anew; only the class names were left in it."""
    done = subprocess.run(
        [sys.executable, "-c", SAVING, HARNESS.parent, tmp_path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 0
