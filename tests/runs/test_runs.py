"""Run folders are found, foreign ones are left alone."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.machine import is_gone, process_mark
from tlkit.data.index import DatasetIndex, Split
from tlkit.plans.plan import Plan, ResolvedPlan
from tlkit.runs.recording import recorded_run

PLAN = ResolvedPlan("scratch")
#: The same with a plan's own types.
PARTS = {
    "network": tlkit.Network(
        image_size=(150, 150), dropout=0.5, l2=0, fit="stretch"
    ),
    "augmentation": "none",
    "views": tlkit.Views(),
    "recipe": tlkit.Recipe(
        1e-3, 32, 1, 1, labels="integer", precision="float32"
    ),
    "machine": tlkit.Machine(1),
}


@pytest.fixture
def data():
    split = Split(
        np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 0, 1]), tuple("wxyz")
    )
    return DatasetIndex(
        "tiny set", "nowhere", ("a", "b"), {"train": split, "test": split}
    )


def test_a_run_is_named_by_time_way_and_data(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        with recorded_run(PLAN, data) as run:
            assert run.status["state"] == "running"
    found = tlkit.find_runs()
    assert len({run.path for run in found}) == 3
    for run in found:
        assert run.path.parent == Path("runs")
        assert run.path.name[8] == "-"
        assert "-scratch-tiny-set" in run.path.name
        assert run.status["state"] == "finished"
        assert run.plan == Plan("scratch", **PARTS)


def test_a_run_of_data_with_a_long_name_has_a_folder(
    data, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for end in "ab":
        long = replace(data, name="猫/\udcb9" * 100 + end)
        with recorded_run(PLAN, long):
            pass
    names = [run.path.name for run in tlkit.find_runs()]
    assert len(set(names)) == 2
    for name in names:
        assert len(name.encode()) <= 255
        assert "-scratch-猫-猫-" in name


def test_runs_are_listed_by_age_and_not_by_name(data, tmp_path):
    for name, started in (("b", "2026-01-01"), ("a", "2026-01-02")):
        with recorded_run(PLAN, data, tmp_path / name) as run:
            pass
        status = run.status | {"started": started}
        (run.path / "status.json").write_text(json.dumps(status))
    found = [run.path.name for run in tlkit.find_runs(tmp_path)]
    assert found == ["b", "a"]


def test_the_images_of_training_are_remembered(data, tmp_path):
    with recorded_run(PLAN, data, tmp_path / "run") as run:
        pass
    assert run.training_digests() == set("wxyz")
    rows = (run.path / "images.csv").read_text().splitlines()
    assert rows[0] == "split,class,digest,image"
    assert rows[1] == "train,a,w,#0"
    assert len(rows) == 9


def test_a_failure_without_a_model_leaves_no_folder(data, tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        recorded_run(PLAN, data, tmp_path / "run"),
    ):
        _ = 1 / 0
    assert not (tmp_path / "run").exists()


def fail_after_saving(data, folder):
    with recorded_run(PLAN, data, folder) as run:
        run.model_path.write_bytes(b"a model")
        _ = 1 / 0


def test_a_failure_with_a_model_keeps_it(data, tmp_path):
    with pytest.raises(ZeroDivisionError):
        fail_after_saving(data, tmp_path / "run")
    run = tlkit.open_run(tmp_path / "run")
    assert run.model_path.read_bytes() == b"a model"
    assert run.status["state"] == "failed"
    assert "division" in run.status["error"]


def test_an_interruption_keeps_the_folder(data, tmp_path, capsys):
    with (
        pytest.raises(KeyboardInterrupt),
        recorded_run(PLAN, data, tmp_path / "run") as run,
    ):
        raise KeyboardInterrupt
    assert run.status["state"] == "interrupted"
    assert "holds no model" in capsys.readouterr().err


def end_after_saving(data, folder):
    with recorded_run(PLAN, data, folder) as run:
        run.model_path.write_bytes(b"a model")
        sys.exit(1)


def test_an_exit_is_told_in_words(data, tmp_path):
    """`"error": "1"` told nobody anything."""
    with pytest.raises(SystemExit):
        end_after_saving(data, tmp_path / "run")
    run = tlkit.open_run(tmp_path / "run")
    assert run.status["error"] == "The process was ended with exit code 1."


def mark_of_a_killed_process():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
    mark = process_mark(process.pid)
    assert not is_gone(mark)
    process.kill()
    process.wait()
    return mark


def test_a_killed_run_is_dead(data, tmp_path):
    """It was said to be running for ever."""
    with recorded_run(PLAN, data, tmp_path / "run") as run:
        assert run.state == "running"
        before = run.status
    dead = mark_of_a_killed_process()
    elsewhere = {**dead, "host": "another machine"}
    # Its number may have been given to another process since.
    reborn = {**before["process"], "started": -1}
    earlier = {name: before[name] for name in before if name != "process"}
    for status, state in (
        (before, "running"),
        (before | {"process": dead}, "dead"),
        (before | {"process": reborn}, "dead"),
        (before | {"process": elsewhere}, "running"),
        (before | {"process": dead, "state": "failed"}, "failed"),
        (earlier, "running"),
    ):
        (run.path / "status.json").write_text(json.dumps(status))
        assert run.state == state
        assert f": {state}, " in repr(run)
        assert tlkit.runs_table([run]).to_records()[0]["state"] == state


def test_foreign_folders_are_no_runs(data, tmp_path):
    for name, content in {
        "other": json.dumps({"program": "another"}),
        "list": "[]",
        "broken": "{",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(content)
        with pytest.raises(UsageError, match="No such run"):
            tlkit.open_run(tmp_path / name)
    with recorded_run(PLAN, data, tmp_path / "run"):
        pass
    assert [r.path.name for r in tlkit.find_runs(tmp_path)] == ["run"]


def test_a_broken_file_of_a_run_is_named(data, tmp_path):
    with recorded_run(PLAN, data, tmp_path / "run") as run:
        pass
    (run.path / "metrics.json").write_text("{")
    with pytest.raises(TlkitError, match=r"metrics\.json"):
        _ = run.metrics


def test_weights_may_be_a_path():
    network = tlkit.Network(weights=Path("some") / "file.h5")
    assert json.dumps(network.weights) == '"some/file.h5"'
