"""Which run a training goes on with."""

import json
from dataclasses import replace

import numpy as np
import pytest

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.index import DatasetIndex, Split
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.recording import recorded_run
from tlkit.runs.unfinished import changed_libraries, find_unfinished

PLAN = ResolvedPlan("scratch")


@pytest.fixture
def data():
    split = Split(
        np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 0, 1]), tuple("wxyz")
    )
    return DatasetIndex(
        "tiny", "nowhere", ("a", "b"), {"train": split}, read_as={"seed": 3}
    )


def interrupted(data, folder, plan=PLAN):
    with (
        pytest.raises(KeyboardInterrupt),
        recorded_run(plan, data, folder) as run,
    ):
        raise KeyboardInterrupt
    return run


def test_how_data_were_read_is_kept(data, tmp_path):
    run = interrupted(data, tmp_path / "run")
    assert run.data["read_as"] == {"seed": 3}


def test_the_latest_of_the_same_plan_and_data_is_found(
    data, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert find_unfinished(PLAN, data) is None
    first, second = (interrupted(data, f"runs/{name}") for name in "ab")
    for run, started in ((first, "2026-01-02"), (second, "2026-01-01")):
        status = run.status | {"started": started}
        (run.path / "status.json").write_text(json.dumps(status))
    assert find_unfinished(PLAN, data).path == first.path
    assert find_unfinished(replace(PLAN, seed=1), data) is None
    other = replace(data, class_names=("a", "c"))
    assert find_unfinished(PLAN, other) is None
    with recorded_run(PLAN, data, None, first):
        # It is running, so the other one is left.
        assert find_unfinished(PLAN, data).path == second.path
    assert find_unfinished(PLAN, data).path == second.path


def test_a_run_goes_on_with_another_engine(data, tmp_path):
    plan = ResolvedPlan("features")
    run = interrupted(data, tmp_path / "run", plan)
    machine = replace(plan.machine, engine="ray")
    on_ray = replace(plan, machine=machine)
    assert find_unfinished(on_ray, data, run.path).path == run.path
    # Runs of earlier versions know of no engines.
    config = json.loads((run.path / "config.json").read_text())
    assert config["machine"].pop("engine") == "local"
    (run.path / "config.json").write_text(json.dumps(config))
    for asked in (plan, on_ray):
        assert find_unfinished(asked, data, run.path).path == run.path


def test_a_run_that_goes_on_is_finished_and_swept(data, tmp_path):
    run = interrupted(data, tmp_path / "run")
    (run.path / "plots").mkdir()
    for name in (".partial-12345678-model.keras", "plots/.partial-a-x.png"):
        (run.path / name).write_text("half")
    (run.path / "notes.txt").write_text("mine")
    run.checkpoint_path.write_text("state")
    with recorded_run(PLAN, data, run.path, run) as again:
        assert again.status["state"] == "running"
        assert not list(run.path.rglob(".partial-*"))
        assert run.checkpoint_path.exists()
    assert run.state == "finished"
    assert not run.checkpoint_path.exists()
    assert (run.path / "notes.txt").read_text() == "mine"


def test_a_run_that_goes_on_and_fails_is_kept(data, tmp_path):
    run = interrupted(data, tmp_path / "run")
    with (
        pytest.raises(ZeroDivisionError),
        recorded_run(PLAN, data, run.path, run),
    ):
        _ = 1 / 0
    assert run.state == "failed"
    assert find_unfinished(PLAN, data, run.path).path == run.path


def test_two_processes_do_not_go_on_with_one_run(data, tmp_path):
    run = interrupted(data, tmp_path / "run")
    with (
        recorded_run(PLAN, data, run.path, run),
        pytest.raises(UsageError, match="Another process"),
        recorded_run(PLAN, data, run.path, run),
    ):
        raise AssertionError("the second one went on")
    assert run.state == "finished"


def test_libraries_that_have_changed_are_told(data, tmp_path):
    run = interrupted(data, tmp_path / "run")
    assert changed_libraries(run) == []
    path = run.path / "environment.json"
    environment = json.loads(path.read_text())
    environment["libraries"]["numpy"] = "1.0"
    path.write_text(json.dumps(environment))
    told = changed_libraries(run)
    assert told == [f"numpy 1.0, now {np.__version__}"]


def test_of_another_machine_nothing_is_known(data, tmp_path):
    run = interrupted(data, tmp_path / "run")
    process = run.status["process"] | {"host": "elsewhere"}
    status = run.status | {"state": "running", "process": process}
    (run.path / "status.json").write_text(json.dumps(status))
    with pytest.raises(UsageError, match=r"elsewhere\n.*remove .*status\.json"):
        find_unfinished(PLAN, data, run.path)
    (run.path / "status.json").unlink()
    assert find_unfinished(PLAN, data, run.path).path == run.path


def test_what_a_killed_process_was_making_is_no_run(data, tmp_path):
    """It is removed when the next run is made beside it."""
    run = interrupted(data, tmp_path / "runs" / "a")
    half = run.path.rename(run.path.with_name(".partial-0a1b2c3d-run"))
    # Its number belongs to another process now, which started later.
    process = tlkit.Run(half).status["process"] | {"started": -1}
    status = {"state": "running", "process": process}
    (half / "status.json").write_text(json.dumps(status))
    assert tlkit.find_runs(tmp_path / "runs") == []
    interrupted(data, tmp_path / "runs" / "b")
    assert not half.exists()


def test_a_name_that_no_folder_can_have_is_one_clear_error(data, tmp_path):
    """A link to nowhere and a name that is too long ended in tracebacks."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="exists already"):
        find_unfinished(PLAN, data, tmp_path / "link")
    long = tmp_path / ("x" * 300)
    (tmp_path / "file").write_text("")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    deep = tmp_path.joinpath(*["x" * 200] * 25)
    with pytest.raises(UsageError, match="too long"):
        find_unfinished(PLAN, data, deep)
    # Before anything is computed for it.
    for path, why in (
        (long, "too long"),
        (tmp_path / "file" / "run", "Not a directory"),
        (loop / "run", "symbolic links"),
    ):
        with pytest.raises(UsageError, match=why):
            find_unfinished(PLAN, data, path)
        with (
            pytest.raises(TlkitError, match=f"{why}|File exists"),
            recorded_run(PLAN, data, path),
        ):
            pass
    with (
        pytest.raises(TlkitError, match="Cannot make the folder"),
        recorded_run(PLAN, data, tmp_path / "link" / "run"),
    ):
        pass
    assert {p.name for p in tmp_path.iterdir()} == {"link", "file", "loop"}
