"""Trackers: programs of others that show trainings beside each other.

A tracker is a Keras callback that is also told how its run ends. What it
needs is an extra of tlkit with the tracker's name (`plans/plan.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import textwrap
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

from tlkit.base.atomic import write_json
from tlkit.base.console import Seldom, say
from tlkit.base.outputs import make_output_folder
from tlkit.plans.files import flat, plan_to_dict
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.run import RUNS_FOLDER, Run
from tlkit.training.display import learning_rate_of

MOST_MODEL_BYTES = 100 * 2**20
"""A larger model is not copied to a tracker, which knows where it lies."""

#: What a run keeps of its run in MLflow.
_MLFLOW_RECORD = "mlflow.json"
#: Files and folders of a run that MLflow gets a copy of.
_ARTIFACTS = (
    *("config.json", "environment.json", "metrics.json", "history.csv"),
    *("heads.csv", "plots"),
)
#: MLflow's names for the ends of a run.
_ENDS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
#: Each message to MLflow takes milliseconds, as some epochs do.
_SENT_EVERY = 1.0
#: Servers that were set up long ago take no longer values.
_LONGEST_PARAMETER = 500


class Tracker(keras.callbacks.Callback):
    """A callback that is told how its run ends."""

    def end_run(self, state: str) -> None:
        """Does what is left to do.

        Args:
            state: `finished`, `interrupted` or `failed`. The files of a
                finished run are complete.
        """


class _TensorBoard(keras.callbacks.TensorBoard, Tracker):
    """Writes logs for TensorBoard to the run.

    A run that goes on writes more of them to the same folder. Epochs that it
    trains again stand there twice; TensorBoard shows the later ones.
    """


def _track_by_tensorboard(plan: ResolvedPlan, run: Run) -> Tracker:
    return _TensorBoard(run.path / "tensorboard")


class _MLflow(Tracker):
    """Sends plan, figures and plots to MLflow, as one run of its own."""

    def __init__(self, plan: ResolvedPlan, run: Run) -> None:
        super().__init__()
        self._run = run
        self._client, uri = _connect(run)
        self._waiting: list[Any] = []
        self._seldom = Seldom(_SENT_EVERY)
        self._sent = -1
        self._id = self._find()
        if self._id is None:
            self._id = self._begin(plan)
            write_json(
                run.path / _MLFLOW_RECORD, {"run_id": self._id, "local": uri}
            )

    def _find(self) -> str | None:
        """Finds the run in MLflow that an unfinished run was given."""
        known = _record(self._run).get("run_id")
        if known is None:
            return None
        self._client.update_run(known, status="RUNNING")
        # An epoch that is trained again would stand there twice.
        history = self._client.get_metric_history(known, "val_loss")
        self._sent = max((one.step for one in history), default=-1)
        return known

    def _begin(self, plan: ResolvedPlan) -> str:
        from mlflow.entities import Param

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "tlkit")
        found = self._client.get_experiment_by_name(name)
        place = (
            found.experiment_id
            if found
            else self._client.create_experiment(name)
        )
        data = self._run.data
        tags = {
            "tlkit": version("tlkit"),
            "folder": os.path.abspath(self._run.path),
            "data": data["name"],
            "fingerprint": data["fingerprint"],
        }
        begun = self._client.create_run(
            place, run_name=self._run.path.name, tags=tags
        )
        settings = [
            Param(name, str(value)[:_LONGEST_PARAMETER])
            for name, value in flat(plan_to_dict(plan))
        ]
        self._client.log_batch(begun.info.run_id, params=settings)
        return begun.info.run_id

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Sends the figures of the epochs since it was done last."""
        if epoch + 1 > self._sent:
            rate = learning_rate_of(self.model)
            self._note({**(logs or {}), "learning_rate": rate}, epoch + 1)
        self._seldom.do(self._send)

    def _note(self, figures: Mapping[str, Any], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [
            Metric(name, float(value), now, step)
            for name, value in figures.items()
        ]

    def _send(self) -> None:
        # What could not be sent is kept, as the server may come back.
        self._client.log_batch(self._id, metrics=self._waiting)
        self._waiting = []

    def end_run(self, state: str) -> None:
        """Sends the figures of the test images, files, and the state."""
        if state == "finished":
            epochs = self._run.metrics["training"]["epochs"]
            self._note(_final_figures(self._run), epochs)
        self._send()
        for path in _artifacts(self._run, state):
            if path.is_dir():
                self._client.log_artifacts(self._id, str(path), path.name)
            else:
                self._client.log_artifact(self._id, str(path))
        self._client.set_terminated(self._id, _ENDS[state])


def _connect(run: Run) -> tuple[Any, str | None]:
    """Returns MLflow's client, and the local folder if it writes to one."""
    # It would tell its makers that it is used.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # And it would print lines of its own into ours.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    # Else it refuses folders, for the sake of features that tlkit does not
    # use, and waits for minutes for a server that is away.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow import MlflowClient

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        return MlflowClient(uri), None
    local = _record(run).get("local")
    folder = Path(local) if local else (RUNS_FOLDER / "mlruns").absolute()
    make_output_folder(folder)
    return MlflowClient(folder.as_uri()), str(folder)


def _record(run: Run) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        return json.loads((run.path / _MLFLOW_RECORD).read_text("utf-8"))
    return {}


def _final_figures(run: Run) -> dict[str, float]:
    measured = run.metrics
    low, high = measured["accuracy_interval"]
    split = measured["split"]
    return {
        f"{split}_accuracy": measured["accuracy"],
        f"{split}_accuracy_low": low,
        f"{split}_accuracy_high": high,
        f"{split}_log_loss": measured["log_loss"],
        f"{split}_images": measured["count"],
        "best_epoch": measured["training"]["best_epoch"],
    }


def _artifacts(run: Run, state: str) -> list[Path]:
    found = [run.path / name for name in _ARTIFACTS]
    if state == "finished":
        found.append(run.model_path)
    return [
        path
        for path in found
        if path.exists() and path.stat().st_size <= MOST_MODEL_BYTES
    ]


TRACKERS: Mapping[str, Callable[[ResolvedPlan, Run], Tracker]] = {
    "tensorboard": _track_by_tensorboard,
    "mlflow": _MLflow,
}
"""The function of each tracker that begins to track a run."""


class Forgiving(keras.callbacks.Callback):
    """Calls a tracker, and goes on without it when it fails.

    Args:
        name: A key of `TRACKERS`.
        plan: The plan of the run.
        run: The run.
    """

    def __init__(self, name: str, plan: ResolvedPlan, run: Run) -> None:
        super().__init__()
        self._name = name
        self._tracker: Tracker | None = None
        self._failed = False
        with self._forgiven():
            self._tracker = TRACKERS[name](plan, run)

    def call(self, hook: str, *given: Any, **named: Any) -> None:
        """Calls a method of the tracker, unless one has failed before."""
        if self._tracker is not None and not self._failed:
            with self._forgiven():
                getattr(self._tracker, hook)(*given, **named)

    def end_run(self, state: str) -> None:
        """Tells the tracker how the run ends; see `Tracker.end_run`."""
        # Also one that has failed: the server may have come back.
        if self._tracker is not None:
            with self._forgiven():
                self._tracker.end_run(state)

    @contextlib.contextmanager
    def _forgiven(self) -> Any:
        try:
            yield
        # Whatever it is: a server that is away, a full disk, a mistake of
        # theirs. The training is worth more.
        except Exception as error:
            if not self._failed:
                self._failed = True
                why = str(error) or type(error).__name__
                say(
                    f"note: {self._name} fails, and the training goes on "
                    f"without it: {textwrap.shorten(why, 160)}"
                )


def _calling(hook: str) -> Callable[..., None]:
    def call(self: Forgiving, *given: Any, **named: Any) -> None:
        self.call(hook, *given, **named)

    return call


# All that Keras calls: `on_epoch_end`, `set_model` and so on.
for _hook in dir(keras.callbacks.Callback):
    if _hook.startswith(("on_", "set_")):
        setattr(Forgiving, _hook, _calling(_hook))
