"""Engines by name: where one may be asked for, and what it may not change."""

import socket
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.cluster.engines import (
    keeping_ray,
    prepare_engine,
    started_ray,
)
from tlkit.cluster.shares import Share, find_share
from tlkit.experiments.options import StudyOptions
from tlkit.experiments.studied import run_study

needs_ray = pytest.mark.skipif(
    # Not by importing it, which tlkit does in its own way.
    find_spec("ray") is None,
    reason="Ray is an extra",
)
#: Python that runs the command where Ray cannot be imported.
WITHOUT_RAY = """
import sys
sys.modules["ray"] = None
from tlkit.cli import main
sys.argv = ["tlkit", *sys.argv[1:]]
main()
"""


def test_without_ray_there_is_one_error(drawn_folder, tmp_path):
    words = ["features", str(drawn_folder), "--base", "minivgg"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY, *words, "--engine", "ray"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: The engine ray needs Ray")
    assert "pip install 'tlkit[ray]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_ray_a_study_reads_no_data(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    options = StudyOptions("none.npz", output=tmp_path / "s", engine="ray")
    with pytest.raises(UsageError, match=r"pip install 'tlkit\[ray\]'"):
        run_study("lenet", options)


@needs_ray
def test_an_address_of_a_client_is_refused(monkeypatch):
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(UsageError, match="not as a client") as refused:
        prepare_engine("ray")
    assert "HOST:PORT" in str(refused.value)


@needs_ray
def test_a_cluster_that_is_not_there_is_told_at_once(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with (
            pytest.raises(TlkitError, match="does not answer") as refused,
            keeping_ray(),
        ):
            started_ray()
    assert address in str(refused.value)
    assert "refused" in str(refused.value)


def test_a_way_that_extracts_nothing_has_no_engine():
    with pytest.raises(UsageError, match="has no engine"):
        tlkit.Plan("scratch", machine=tlkit.Machine(engine="ray"))
    with pytest.raises(UsageError, match="There is no engine 'dask'"):
        tlkit.Machine(engine="dask")


def hosts(*resources):
    nodes = [{"Alive": True, "Resources": own} for own in resources]
    dead = {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}
    return SimpleNamespace(nodes=lambda: [*nodes, dead])


@pytest.mark.parametrize(
    ("resources", "share"),
    [
        ([{"CPU": 1.0}], Share(1, 1, 0)),
        ([{"CPU": 2.0}], Share(2, 1, 0)),
        ([{"CPU": 4.0}], Share(2, 2, 0)),
        ([{"CPU": 16.0}, {"CPU": 32.0}], Share(12, 4, 0)),
        # A head without cores, which large clusters have.
        ([{}, {"CPU": 8.0}], Share(2, 4, 0)),
        ([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 64.0}], Share(2, 8, 1)),
        ([{"CPU": 2.0, "GPU": 4.0}], Share(4, 1, 1)),
    ],
)
def test_a_cluster_is_divided_by_what_its_hosts_have(resources, share):
    assert find_share(hosts(*resources)) == share


def test_a_task_has_one_core():
    assert find_share(hosts({"CPU": 16.0}), 1) == Share(16, 1, 0)
