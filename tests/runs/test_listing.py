"""Runs show themselves, one or many, whole or broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tlkit
from tlkit.base.errors import TlkitError
from tlkit.base.records import COUNT, Column
from tlkit.cli import app
from tlkit.runs import listing
from tlkit.runs.run import Run

METRICS = {
    "split": "test",
    "count": 400,
    "correct": 379,
    "accuracy": 0.9475,
    "accuracy_interval": [0.921, 0.965],
    "log_loss": 0.15,
    "per_class": {
        name: {
            "count": 200,
            "recall": 0.9,
            "recall_interval": [0.85, 0.93],
            "precision": 0.95,
        }
        for name in ("<i>cats", "dogs")
    },
    "notes": ["The images are drawn."],
}


@pytest.fixture
def finished(tmp_path):
    """A run folder as it has always been written."""
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    config = {
        "route": "features",
        "dataset": {"name": "pets"},
        "settings": {"network": {"base": "minivgg"}},
    }
    status = {"state": "finished", "started": "2026-01-31", "seconds": 1234.5}
    for name, content in (
        ("config.json", config),
        ("status.json", status),
        ("metrics.json", METRICS),
    ):
        (folder / name).write_text(json.dumps(content))
    (folder / "history.csv").write_text("epoch,loss\n1,0.5\n2,0.4\n")
    return Run(folder)


@pytest.fixture
def started(finished):
    """A run without a base that has measured nothing yet."""
    folder = finished.path.with_name("second")
    folder.mkdir()
    config = {"route": "scratch", "dataset": {"name": "[red]"}, "settings": {}}
    status = {"state": "running", "started": "2026-02-01", "seconds": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "status.json").write_text(json.dumps(status))
    return Run(folder)


def test_records_have_the_figures_of_the_files(finished, started):
    runs = tlkit.find_runs(finished.path.parent)
    assert runs == [finished, started]
    assert tlkit.runs_table(runs).to_records() == [
        {
            "run": "first",
            "way": "features",
            "data": "pets",
            "base": "minivgg",
            "state": "finished",
            "epochs": 2,
            "accuracy": METRICS["accuracy"],
            "95 % interval": METRICS["accuracy_interval"],
            "measured on": [400, "test"],
            "seconds": 1234.5,
        },
        {
            **{"run": "second", "way": "scratch", "data": "[red]"},
            **{"base": "", "state": "running", "epochs": 0},
            **{"accuracy": None, "95 % interval": None, "measured on": None},
            "seconds": None,
        },
    ]


def test_the_command_prints_them(finished, started):
    done = CliRunner().invoke(app, ["runs", str(finished.path.parent)])
    assert done.exit_code == 0, done.output
    first, second = (
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in done.output.splitlines()
        if "│" in line
    )
    assert first == [
        *("first", "features", "pets", "minivgg", "finished", "2"),
        *("94.8%", "92.1% to 96.5%", "400 test", "1234.5"),
    ]
    assert second[:4] == ["second", "scratch", "[red]", ""]


def test_a_new_column_is_one_line(finished, monkeypatch):
    loss = Column("loss", COUNT), lambda x: x.measured["correct"]
    monkeypatch.setattr(listing, "_COLUMNS", [*listing._COLUMNS, loss])
    assert tlkit.runs_table([finished]).to_records()[0]["loss"] == 379
    done = CliRunner().invoke(app, ["runs", str(finished.path.parent)])
    assert "loss" in done.output
    assert "379" in done.output


def test_ways_are_compared(finished):
    table = listing.ways_table({"fast": finished}, {"fast": 7.6})
    assert table.title == "400 test images"
    assert table.cells() == [["fast", "94.8%", "92.1% to 96.5%", "2", "8"]]


def test_a_run_is_told_in_short(finished, started, tmp_path):
    path = finished.path
    assert repr(Run(Path("runs/first"))) == (
        "Run('runs/first': unknown, nothing measured)"
    )
    assert repr(finished).endswith(
        "runs/first': finished, 94.8% of 400 test images)"
    )
    assert repr(started).endswith("running, nothing measured)")
    (path / "metrics.json").write_text("[1")
    assert repr(finished).endswith("runs/first': unreadable)")
    (path / "metrics.json").write_text('{"accuracy": "no"}')
    assert repr(finished).endswith("unreadable)")
    (path / "status.json").write_text("[]")
    assert repr(finished).endswith("unreadable)")
    assert len(repr(Run(tmp_path / ("x" * 5000)))) < 200


def test_a_run_shows_its_figures_in_a_notebook(finished, started):
    page = finished._repr_html_()
    for words in ("94.8%", "92.1% to 96.5%", "&lt;i&gt;cats", "are drawn"):
        assert words in page
    assert f"{finished.path}: finished" in page
    assert f"{started.path}: running" in started._repr_html_()
    assert finished.metrics == METRICS
    assert "metrics" not in Run(Path("nowhere"))._repr_html_()


def test_what_a_run_is_of(finished, started):
    assert (finished.way, finished.base) == ("features", "minivgg")
    assert finished.data_name == "pets"
    assert started.base == ""
    empty = Run(Path("nowhere"))
    assert (empty.way, empty.base, empty.data_name) == ("", "", "")
    assert empty.state == "unknown"


def test_a_broken_file_is_named_in_a_list(finished):
    (finished.path / "metrics.json").write_text("{")
    with pytest.raises(TlkitError, match=r"metrics\.json"):
        tlkit.runs_table([finished])


def test_a_list_of_runs_needs_no_tensorflow(finished):
    """Nor what measures models: a list is there at once."""
    code = (
        "import sys\nfrom tlkit.cli import main\n"
        f"sys.argv = ['tlkit', 'runs', {str(finished.path.parent)!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'sklearn', 'scipy'}\n"
        "print(*heavy & set(sys.modules), file=sys.stderr, end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert "first" in done.stdout
    assert done.stderr == ""
