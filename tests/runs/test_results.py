"""Figures are safe before pictures are drawn, and pictures may fail."""

import json
from itertools import product

import numpy as np
import pytest

from tlkit.data.index import DatasetIndex, Split
from tlkit.plans.plan import ResolvedPlan
from tlkit.plots import Figure, save_beside
from tlkit.runs.recording import recorded_run
from tlkit.training.results import write_results

NAMES = ("$0_$50", "猫 [red]", "\udcb9\udcb7", "x" * 250)


@pytest.fixture
def data():
    labels = np.arange(4)
    splits = {
        name: Split(np.zeros((4, 8, 8, 3), np.uint8), labels, tuple(letters))
        for name, letters in {
            "train": "abcd",
            "validation": "efgh",
            "test": "ijkl",
        }.items()
    }
    return DatasetIndex("tiny", "nowhere", NAMES, splits)


def finish(data, folder, before):
    with recorded_run(ResolvedPlan("scratch"), data, folder) as run:
        before(run)
        columns = product(("", "val_"), ("loss", "accuracy"))
        row = {first + name: 0.5 for first, name in columns}
        run.write_history([{"epoch": 1, **row}, {"epoch": 2, **row}])
        sure = np.eye(4, dtype="float32")[[0, 1, 2, 0]]
        write_results(run, data, lambda _: sure, {"epochs": 2})
    return run


def test_names_of_any_form_end_in_a_finished_run(data, tmp_path):
    """`$0_$50` failed the run after hours of training."""
    run = finish(data, tmp_path / "run", lambda run: None)
    assert run.state == "finished"
    assert run.metrics["correct"] == 3
    assert run.metrics["notes"] == []
    assert (run.plots / "confusion.png").exists()
    assert (run.plots / "curves.png").exists()


def test_plots_that_fail_lose_nothing(data, tmp_path, capsys):
    def in_the_way(run):
        run.plots.write_text("a file where the folder of the plots should be")

    run = finish(data, tmp_path / "run", in_the_way)
    assert run.state == "finished"
    assert run.metrics["accuracy"] == 0.75
    curves, confusion = run.metrics["notes"]
    assert "plots/curves.png could not be drawn" in curves
    assert "plots/confusion.png could not be drawn" in confusion
    assert curves in capsys.readouterr().err
    status = json.loads((run.path / "status.json").read_text())
    assert "error" not in status


def test_what_lies_in_the_way_of_a_plot_stays_and_fails_nothing(data, tmp_path):
    def in_the_way(run):
        (run.plots / "curves.png").mkdir(parents=True)
        (run.plots / "confusion.png").write_text("the user's")

    run = finish(data, tmp_path / "run", in_the_way)
    assert run.state == "finished"
    assert len(run.metrics["notes"]) == 2
    assert (run.plots / "curves.png").is_dir()
    assert (run.plots / "confusion.png").read_text() == "the user's"


def test_a_drawing_that_raises_is_told(tmp_path, capsys):
    told = save_beside(tmp_path, lambda: [Figure()][1], "a.png")
    end = "could not be drawn: list index out of range"
    assert told == f"The picture a.png {end}"
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
