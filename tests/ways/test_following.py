"""Trackers with the real packages, and what a program reads of a training."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import pytest
from mlflow import MlflowClient
from tensorboard.context import RequestContext
from tensorboard.data.server_ingester import (
    SubprocessServerDataIngester,
    get_server_binary,
)
from tensorboard.util.grpc_util import ChannelCredsType

import tlkit
from tlkit.base.errors import UsageError
from tlkit.training import checkpoint, trackers

BOTH = tlkit.Machine(track=("tensorboard", "mlflow"))


@pytest.fixture(autouse=True)
def at_once(monkeypatch, tmp_path):
    """Each epoch is written and sent; MLflow's folder is in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(checkpoint, "_RARELY", 0)
    monkeypatch.setattr(trackers, "_SENT_EVERY", 0)
    monkeypatch.setattr("tlkit.base.console._RARELY", 0)


@pytest.fixture
def plan():
    recipe = tlkit.Recipe(epochs=3, batch_size=16)
    network = tlkit.Network(image_size=48)
    return tlkit.Plan("scratch", network, recipe=recipe, machine=BOTH)


class EndInSecond(keras.callbacks.Callback):
    """Ends a training when trackers know of an epoch, and no checkpoint."""

    def __init__(self, error=KeyboardInterrupt):
        super().__init__()
        self.error = error

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise self.error


def in_mlflow(run, uri):
    known = json.loads((run.path / "mlflow.json").read_text())
    client = MlflowClient(uri)
    return client, client.get_run(known["run_id"])


def steps(client, tracked, name):
    history = client.get_metric_history(tracked.info.run_id, name)
    return {point.step: point.value for point in history}, len(history)


def test_mlflow_has_plan_figures_and_files(plan, pets, tmp_path):
    run = tlkit.train(plan, pets, "run")
    uri = (tmp_path / "runs" / "mlruns").as_uri()
    client, tracked = in_mlflow(run, uri)
    assert tracked.info.status == "FINISHED"
    assert tracked.data.params["recipe.batch_size"] == "16"
    assert tracked.data.params["network.image_size"] == "[48, 48]"
    assert tracked.data.tags["fingerprint"] == pets.fingerprint()
    figures = tracked.data.metrics
    low, high = run.metrics["accuracy_interval"]
    assert figures["test_accuracy"] == run.metrics["accuracy"]
    assert figures["test_accuracy_low"] == low
    assert figures["test_accuracy_high"] == high
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        expected = dict(zip((1, 2, 3), run.history[name], strict=True))
        assert steps(client, tracked, name) == (expected, 3)
    assert figures["learning_rate"] == run.plan.recipe.learning_rate
    for name in ("model.keras", "metrics.json", "plots/curves.png"):
        copy = client.download_artifacts(tracked.info.run_id, name)
        assert Path(copy).read_bytes() == (run.path / name).read_bytes()


@pytest.mark.parametrize(
    ("error", "state"), [(KeyboardInterrupt, "KILLED"), (OSError, "FAILED")]
)
def test_a_run_that_goes_on_is_the_same_run_there(
    error, state, plan, pets, tmp_path
):
    with pytest.raises(error):
        tlkit.train(plan, pets, "run", [EndInSecond(error)])
    run = tlkit.open_run("run")
    uri = (tmp_path / "runs" / "mlruns").as_uri()
    client, begun = in_mlflow(run, uri)
    assert begun.info.status == state
    tlkit.resume(run.path, pets)
    client, tracked = in_mlflow(run, uri)
    assert tracked.info.run_id == begun.info.run_id
    assert tracked.info.status == "FINISHED"
    expected = dict(zip((1, 2, 3), run.history["val_loss"], strict=True))
    assert steps(client, tracked, "val_loss") == (expected, 3)
    assert scalars_of_tensorboard(run) == [0, 1, 2]


def scalars_of_tensorboard(run):
    """The steps of a curve, as the server of TensorBoard shows them."""
    server = SubprocessServerDataIngester(
        server_binary=get_server_binary(),
        logdir=str(run.path / "tensorboard"),
        reload_interval=0,
        channel_creds_type=ChannelCredsType.LOCAL,
    )
    server.start()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = server.data_provider.read_scalars(
            RequestContext(),
            experiment_id="",
            plugin_name="scalars",
            downsample=100,
        )
        if "epoch_loss" in found.get("validation", {}):
            return [one.step for one in found["validation"]["epoch_loss"]]
        time.sleep(0.1)
    raise AssertionError("TensorBoard shows nothing")


def test_trackers_that_fail_do_not_take_the_training_with_them(
    plan, pets, tmp_path, capsys
):
    class Damage(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                shutil.rmtree(tmp_path / "runs" / "mlruns")

    def block(run):
        (run.path / "tensorboard").write_text("no folder")

    run = tlkit.train(plan, pets, "run", [Damage()], block)
    assert run.state == "finished"
    assert len(run.history["loss"]) == 3
    said = capsys.readouterr().err
    for name in ("tensorboard", "mlflow"):
        assert said.count(f"note: {name} fails, and the training") == 1


def test_a_server_that_is_away_is_told_once(plan, pets, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    machine = tlkit.Machine(track=("mlflow",))
    run = tlkit.train(replace(plan, machine=machine), pets, "run")
    assert run.state == "finished"
    assert capsys.readouterr().err.count("note: mlflow fails") == 1


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_tracker_that_is_not_there_is_one_clear_error(
    name, plan, pets, monkeypatch, tmp_path
):
    """Also where the working folder has a folder of that name."""
    (tmp_path / name).mkdir()
    elsewhere = [one for one in sys.path if "site-packages" not in one]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *elsewhere])
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UsageError, match=rf"pip install 'tlkit\[{name}\]'"):
        tlkit.train(
            replace(plan, machine=tlkit.Machine(track=(name,))), pets, "run"
        )
    assert not (tmp_path / "run").exists()


def test_trackers_do_not_make_another_run(plan, pets):
    with pytest.raises(KeyboardInterrupt):
        tlkit.train(plan, pets, "run", [EndInSecond()])
    path = Path("run", "config.json")
    config = json.loads(path.read_text())
    config["machine"] = {"devices": 1, "tensorboard": True}
    path.write_text(json.dumps(config))
    assert tlkit.open_run("run").plan.machine.track == ("tensorboard",)
    run = tlkit.train(replace(plan, machine=tlkit.Machine()), pets, "run")
    assert run.state == "finished"


def test_the_log_is_json_lines(pets, tmp_path):
    arguments = [
        *("scratch", pets.source, "--image-size", "48", "--epochs", "2"),
        *("--run", "run", "--log", "json"),
    ]
    command = [sys.executable, "-m", "tlkit", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds == ["note", "begin", "epoch", "epoch", "end"]
    run = tlkit.open_run("run")
    history = run.history
    for number, event in enumerate(events[2:4]):
        assert event["epoch"] == number + 1
        assert event["epochs"] == 2
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert event[name] == history[name][number]
        assert event["learning_rate"] == run.plan.recipe.learning_rate
        assert event["images_per_second"] > 0
        best = min(history["val_loss"][: number + 1])
        assert event["best"]["val_loss"] == best
    assert events[-1]["state"] == "finished"
    assert events[-1]["accuracy"] == run.metrics["accuracy"]


def test_an_error_is_an_object_of_the_log():
    command = ["scratch", "no-such-folder", "--epochs", "0", "--log", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "tlkit", *command],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert json.loads(done.stderr) == {
        "event": "error",
        "problem": "epochs is out of its range.",
        "where": "epochs",
        "expected": "1 or more",
        "received": "0",
    }
