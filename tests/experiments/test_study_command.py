"""`tlkit study` as a person meets it."""

import csv
import json

import pytest
from typer.testing import CliRunner

from tlkit.base.outputs import MARK
from tlkit.cli import app
from tlkit.experiments import lenet


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def done(arrays_file, tmp_path_factory):
    """A sweep file, run by the command."""
    folder = tmp_path_factory.mktemp("studies") / "mine"
    file = folder.parent / "mine.json"
    told = {
        "network": "lenet",
        "base": {"epochs": 2, "kernel_size": 3},
        "axes": {"batch_size": [16, 32, 64], "activation": ["tanh"]},
        "repeats": 2,
    }
    file.write_text(json.dumps(told))
    common = ("study", file, "--data", arrays_file, "--output", folder)
    result = call(*common, "--processes", 1)
    assert result.exit_code == 0, result.output
    return common, folder, result


def test_tables_and_files_have_the_means_of_the_cells(done):
    _, folder, result = done
    rows = list(csv.DictReader((folder / "results.csv").open()))
    assert len(rows) == 8
    assert {row["seed"] for row in rows} == {"0", "1"}
    page = (folder / "summary.md").read_text()
    for value in ("16", "32", "64", "tanh"):
        own = [r for r in rows if r["value"] == value]
        one, two = (float(row["test_accuracy"]) for row in own)
        mean, half = (one + two) / 2, abs(one - two) / 2 * 12.7062
        line = f"| {value} | {mean:.4f} | {mean - half:.4f} to "
        assert line in page
        assert f"{mean:.4f}" in result.stdout
        assert f"{mean - half:.4f} to {mean + half:.4f}" in result.stdout
    assert "batch size" in result.stdout
    assert str(folder / "summary.md") in result.stdout


def test_figures_are_drawn_where_they_say_something(done):
    _, folder, _ = done
    names = {path.name for path in (folder / "plots").iterdir()}
    assert names - {MARK} == {
        "batch_size.png",
        "batch_size_epochs.png",
        "activation_epochs.png",
    }
    page = (folder / "summary.md").read_text()
    assert "![batch_size](plots/batch_size.png)" in page


def test_the_folder_says_what_with(done):
    _, folder, _ = done
    config = json.loads((folder / "config.json").read_text())
    assert config["data"]["train"] == 90
    assert config["repeats"] == 2
    assert {"keras", "tensorflow"} <= config["libraries"].keys()


def test_the_same_command_trains_nothing(done):
    common, folder, first = done
    before = {p: p.stat().st_mtime_ns for p in folder.glob("cells/*")}
    again = call(*common, "--processes", 1)
    assert again.exit_code == 0, again.output
    assert again.stdout == first.stdout
    after = {p: p.stat().st_mtime_ns for p in folder.glob("cells/*")}
    assert after == before


def test_some_axes_and_other_repeats(done, tmp_path):
    common, *_ = done
    told = (*common[:-1], tmp_path / "few", "--only", "activation")
    few = call(*told, "--repeats", 1, "--processes", 1)
    assert few.exit_code == 0, few.output
    assert len(list((tmp_path / "few" / "cells").iterdir())) == 1
    wrong = call(*common, "--only", "activaton")
    assert wrong.exit_code == 2
    assert "Did you mean activation?" in wrong.stderr


def test_the_quick_lenet_study_says_what_it_leaves_out(
    arrays_file, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    told = ("study", "lenet", "--data", arrays_file, "--quick")
    done = call(*told, "--only", "pooling", "--processes", 1)
    assert done.exit_code == 0, done.output
    assert "5 epochs instead of 10" in done.stdout
    assert "no ResNet-18" in done.stdout
    assert "0.811" in done.stdout
    page = (tmp_path / "studies/lenet-quick/summary.md").read_text()
    assert lenet.QUICK_NOTE in page
    assert "No epoch and no setting was chosen by the test images" in page


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("lenett",), "Did you mean lenet"),
        (("none.json",), "No such sweep file"),
        (("lenet", "--data", "none.npz"), "No such data"),
        (("lenet", "--repeats", "0"), "1 or more"),
        (("lenet", "--processes", "0"), "1 or more"),
    ],
)
def test_mistakes_are_told_in_words(told, said, arrays_file, tmp_path):
    data = () if "--data" in told else ("--data", arrays_file)
    only = ("--only", "pooling") if told[0] == "lenet" else ()
    done = call("study", *told, *data, *only, "--output", tmp_path / "x")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_has_no_quick_form(done):
    common, *_ = done
    refused = call(*common, "--quick")
    assert refused.exit_code == 2
    assert "no quick form" in refused.stderr
