"""`tlkit watch` follows another process, and tells the living from the dead."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from terminal import Terminal

from tlkit.data.index import DatasetIndex, Split
from tlkit.plans.plan import ResolvedPlan
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.runs.recording import recorded_run
from tlkit.runs.run import Run
from tlkit.runs.standing import Best, Standing, read_standing, write_standing

SPLIT = Split(
    np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 0, 1]), tuple("wxyz")
)
DATA = DatasetIndex("tiny", "nowhere", ("a", "b"), {"train": SPLIT})
PLAN = ResolvedPlan("scratch", recipe=ResolvedRecipe(1e-3, 32, 30, 9))

#: Goes on with a run, in half a second an epoch, in which nothing is computed:
#: all it does is write. What it is told on its input ends it.
TRAINS = """
import sys, threading, time
from pathlib import Path
from tlkit.base.errors import TlkitError
from tlkit.runs.recording import recorded_run
from tlkit.runs.run import Run
from tlkit.runs.standing import Best, Standing, write_standing
asked = []
threading.Thread(target=lambda: asked.append(input()), daemon=True).start()
rows, best = [], Best()
begun = Run(Path("runs", "one"))
with recorded_run(None, None, begun.path, begun) as run:
    while not asked:
        number = len(rows) + 1
        for part in range(5):
            write_standing(
                run, Standing(number, 30, 40 * part, 200, best, 1e-3, 80.0, 75)
            )
            time.sleep(0.1)
        rows.append(
            {"epoch": number, "accuracy": 0.5, "loss": 1 / number,
             "val_accuracy": 0.25, "val_loss": 2 / number, "seconds": 0.5}
        )
        best = best.after(rows[-1])
        run.write_history(rows)
    if asked == ["fail"]:
        raise TlkitError("The disk is full.", where="here")
    run.write_metrics({
        "split": "test", "count": 4, "correct": 3, "accuracy": 0.75,
        "accuracy_interval": [0.3, 0.95], "log_loss": 0.5,
        "balanced_accuracy": 0.75, "classes": {},
    })
"""  # fmt: skip


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A run folder, and the process that writes to it."""
    monkeypatch.chdir(tmp_path)
    folder = Path("runs", "one")
    with (
        pytest.raises(KeyboardInterrupt),
        recorded_run(PLAN, DATA, folder),
    ):
        raise KeyboardInterrupt
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINS],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    end = time.monotonic() + 30
    while not (folder / "history.csv").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    yield folder, process
    process.kill()
    process.wait()


def watch(folder, columns=80):
    return Terminal(["-m", "tlkit", "watch", folder], columns)


def shown_while_running(terminal):
    terminal.wait_for(r"best epoch \d+: loss")
    *above, bar, below = terminal.screen.shown().split("\n")
    assert bar.endswith("/200  80 images/s  1:15 left")
    assert above[0] == "runs/one: scratch on tiny"
    return above, bar, below


@pytest.mark.parametrize("columns", [80, 60])
def test_a_killed_process_is_dead_and_the_terminal_clean(trained, columns):
    folder, process = trained
    terminal = watch(folder, columns)
    _, bar, below = shown_while_running(terminal)
    assert "epoch" in bar
    assert "rate 0.001" in below
    process.kill()
    process.wait()
    assert terminal.wait() == 1
    screen = terminal.screen
    assert screen.cursor_shown
    assert "images/s" not in screen.shown()
    assert screen.shown().replace("\n", "").count("tlkit resume") == 1
    assert "Error: The run is dead: its process was killed." in screen.shown()


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("finish", 0, "75.0% of 4 test images"),
        ("fail", 1, "The run has failed."),
    ],
)
def test_it_ends_as_the_run_does(said, code, words, trained):
    """Without a terminal there is a line for each epoch, once."""
    folder, process = trained
    watching = subprocess.Popen(
        [sys.executable, "-m", "tlkit", "watch", folder.parent],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(2)
    process.communicate(f"{said}\n", timeout=30)
    told = watching.communicate(timeout=30)[0]
    assert watching.returncode == code, told
    assert words in told
    assert ("The disk is full." in told) == (said == "fail")
    lines = [line for line in told.splitlines() if line.startswith("epoch")]
    epochs = len(Run(folder).history["epoch"])
    assert [int(line.split()[1].split("/")[0]) for line in lines] == list(
        range(1, epochs + 1)
    )
    assert lines[0].startswith("epoch  1/30  loss 1.0000  accuracy 0.500  val")
    assert all(line.endswith("best so far") for line in lines)
    assert (folder / "progress.json").exists() == (said == "fail")


def test_ctrl_c_ends_the_watching_alone(trained):
    folder, process = trained
    terminal = watch(folder)
    shown_while_running(terminal)
    terminal.interrupt()
    assert terminal.wait() == 130
    shown = terminal.screen.shown()
    assert shown.endswith("Interrupted.")
    assert "images/s" not in shown
    assert terminal.screen.cursor_shown
    assert process.poll() is None
    before = len(Run(folder).history["epoch"])
    time.sleep(1.5)
    assert len(Run(folder).history["epoch"]) > before


def test_a_run_that_was_removed_is_told(trained):
    folder, process = trained
    terminal = watch(folder)
    shown_while_running(terminal)
    process.kill()
    process.wait()
    folder.rename("elsewhere")
    assert terminal.wait() == 1
    assert "The run has been removed" in terminal.screen.shown()


@pytest.mark.parametrize("name", ["", "nothing"])
def test_what_is_no_run_is_one_clear_error(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tlkit", "watch", tmp_path / name],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: No such run")
    assert str(tmp_path) in done.stderr


def test_how_far_a_training_is_goes_to_a_file_and_back(tmp_path):
    run = Run(tmp_path)
    assert read_standing(run) is None
    first = Standing(1, 20, 0, 200, Best())
    later = Standing(2, 20, 40, 200, Best(1, 0.5, 0.75), 1e-3, 80.5, 75.0)
    for standing in (first, later):
        write_standing(run, standing)
        assert read_standing(run) == standing
    written = json.loads((tmp_path / "progress.json").read_text())
    written["of_a_later_version"] = 1
    (tmp_path / "progress.json").write_text(json.dumps(written))
    assert read_standing(run) is None
    (tmp_path / "progress.json").write_text("[]")
    assert read_standing(run) is None


def test_a_disk_that_is_full_does_not_matter(tmp_path):
    (tmp_path / "file").write_text("no folder")
    write_standing(Run(tmp_path / "file"), Standing(1, 2, 0, 4, Best()))
    assert (tmp_path / "file").read_text() == "no folder"


def test_the_best_epoch_has_the_lowest_loss_and_is_the_first_of_equals():
    best = Best()
    for epoch, loss in enumerate([math.nan, 0.5, 0.7, 0.3, 0.3], 1):
        best = best.after(
            {"epoch": epoch, "val_loss": loss, "val_accuracy": epoch / 10}
        )
    assert best == Best(4, 0.3, 0.4)
