"""Run folders: everything about one training, written while it runs.

runs/20260131-094500-scratch-pets/
  config.json       the plan with nothing left open, the data's fingerprint
  environment.json  machine and versions of the libraries
  images.csv        which image was in which split
  status.json       running, finished, interrupted or failed, and its process
  history.csv       one line per epoch
  model.keras       the best epoch's weights
  metrics.json      accuracy with its interval, per class, log loss
  heads.csv         one line per head that was tried, if heads were compared
  plots/            curves and confusion matrix
  tensorboard/      logs, if TensorBoard tracks it
  mlflow.json       its run in MLflow, if that tracks it

and, until it is finished,

  progress.json     how far it is, for `tlkit watch`
  checkpoint.npz    what the training needs to go on after its last epochs
  trained.json      facts of a training that is over, whose model is not judged
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from tlkit.base.atomic import write_json, write_text
from tlkit.base.disk import disk_errors, names_in
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.machine import is_gone
from tlkit.base.records import Shown, Table, shorten
from tlkit.evaluation.evaluation import Evaluation
from tlkit.plans.files import plan_from_dict
from tlkit.plans.plan import Plan
from tlkit.runs.legacy import is_legacy, legacy_plan

RUNS_FOLDER = Path("runs")

_UNREADABLE = "Cannot read this file of a run"


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A run folder, whose files are read whenever a property is asked for.

    Nothing is kept in memory, so a run that is still being trained shows its
    latest state.

    Args:
        path: Path of the folder.

    Example:
        run = tlkit.open_run("runs/my-run")
        run.metrics["accuracy"], run.plan.recipe.epochs, run.history["loss"]
    """

    path: Path
    #: Whether this process writes the folder.
    writes: ClassVar[bool] = True

    def __repr__(self) -> str:
        try:
            said = f"{self.state}, {self.metrics.in_short()}"
        except Exception:
            # A repr that raises would hide everything else that a debugger or
            # a notebook shows, whatever is wrong with the folder.
            said = "unreadable"
        return f"Run({shorten(self.path)!r}: {said})"

    def table(self) -> Table:
        """Returns what was measured, class by class, and the run's folder."""
        measured = self.metrics.table()
        return replace(measured, notes=(*measured.notes, self.in_short()))

    def in_short(self) -> str:
        """Returns the run's folder and its state."""
        return f"{self.path}: {self.state}"

    @property
    def state(self) -> str:
        """`running`, `finished`, `interrupted`, `failed`, `dead`, `unknown`.

        A dead run was killed: its process on this machine is gone.
        """
        return state_of(self.status)

    @property
    def model_path(self) -> Path:
        """Path of the saved classifier; no such file before the first epoch."""
        return self.path / "model.keras"

    @property
    def checkpoint_path(self) -> Path:
        """Path of the checkpoint, which a finished run does not have."""
        return self.path / "checkpoint.npz"

    @property
    def trained(self) -> dict[str, Any]:
        """Facts of a training that is over, until the model is judged."""
        return _read_json(self.path / "trained.json")

    @property
    def plots(self) -> Path:
        """The folder of the plots."""
        return self.path / "plots"

    @property
    def config(self) -> dict[str, Any]:
        """The content of `config.json`: the plan, and facts of the data."""
        return _read_json(self.path / "config.json")

    @property
    def plan(self) -> Plan:
        """The plan that made the run, also where tlkit 0.1 wrote it.

        Raises:
            UsageError: A later version of tlkit wrote it in another form.
        """
        config = self.config
        if is_legacy(config):
            return legacy_plan(config)
        return plan_from_dict(config, self.path / "config.json")

    @property
    def way(self) -> str:
        """The way to the model, a key of `WAYS`; empty in an empty folder."""
        config = self.config
        # tlkit 0.1 called a way a route.
        return config.get("way", config.get("route", ""))

    @property
    def base(self) -> str:
        """Name of the conv base; empty for a network from scratch."""
        # Not by the plan: a run of a later version is listed, too.
        config = self.config
        if self.way == "scratch":
            return ""
        settings = config.get("settings", config)
        base = (settings.get("network") or {}).get("base", "")
        return base["keras_model"] if isinstance(base, dict) else base

    @property
    def data(self) -> dict[str, Any]:
        """Facts of the data set: name, fingerprint, class names, counts."""
        config = self.config
        # tlkit 0.1 had the same facts under another name.
        return config.get("data", config.get("dataset", {}))

    @property
    def data_name(self) -> str:
        """Name of the data set that the run was trained on."""
        return self.data.get("name", "")

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of the model's outputs."""
        return self.data["class_names"]

    @property
    def status(self) -> dict[str, Any]:
        """`state`, `started`, `seconds`, `process` and, if it failed, `error`.

        The process of a run that was killed had no time to write its end, so
        its state stays `running` here; `Run.state` says `dead`.
        """
        return _read_json(self.path / "status.json")

    @property
    def environment(self) -> dict[str, Any]:
        """Machine and versions of the libraries, as the run began."""
        return _read_json(self.path / "environment.json")

    @property
    def metrics(self) -> Evaluation:
        """What was measured, see `tlkit.evaluation.metrics.measure`."""
        return Evaluation(_read_json(self.path / "metrics.json"))

    @property
    def history(self) -> dict[str, list[float]]:
        """The columns of `history.csv` by name: one value per epoch."""
        path = self.path / "history.csv"
        try:
            with (
                disk_errors(_UNREADABLE, path),
                open(path, encoding="utf-8", newline="") as file,
            ):
                rows = list(csv.DictReader(file))
        except TlkitError as error:
            # A run that has just begun has none yet.
            if isinstance(error.__cause__, FileNotFoundError):
                return {}
            raise
        names = rows[0] if rows else ()
        return {name: [float(row[name]) for row in rows] for name in names}

    def training_digests(self) -> set[str]:
        """Returns the digests of the images that trained or chose the model."""
        # Validation images chose the best epoch, so they count as well.
        path = self.path / "images.csv"
        if not os.path.exists(path):
            return set()
        with (
            disk_errors(_UNREADABLE, path),
            open(path, encoding="utf-8", newline="") as file,
        ):
            return {
                row["digest"]
                for row in csv.DictReader(file)
                if row["split"] != "test"
            }

    def reads(self, source: object) -> dict[str, Any]:
        """Returns how the run has read its data, if they are these.

        Args:
            source: A source of data, see `tlkit.load_dataset`.

        Returns:
            The `read_as` of its data set; empty if it has read other data,
            or arrays in memory.
        """
        read_as = self.data.get("read_as", {})
        if not isinstance(source, str | os.PathLike):
            return {}
        same = os.path.abspath(os.fspath(source)) == read_as.get("source")
        return read_as if same else {}

    def write_history(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Writes `history.csv`, one row per epoch."""
        write_text(self.path / "history.csv", as_csv(rows))

    def write_heads(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes `heads.csv`, one row per head that was tried."""
        write_text(self.path / "heads.csv", as_csv(rows))

    def write_trained(self, about: Mapping[str, Any]) -> None:
        """Writes `trained.json`, once `model.keras` has the best weights."""
        write_json(self.path / "trained.json", about)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Writes `metrics.json`."""
        write_json(self.path / "metrics.json", metrics)

    def summary(self) -> str:
        """Returns the result in a sentence that can be quoted.

        Names the split, the number of images and the confidence interval.
        """
        measured = self.metrics
        if not measured:
            return self.in_short()
        return f"{measured.summary()}; {self.path}"


class RunElsewhere(Run):
    """A run that another host writes; from here nothing is written."""

    writes = False

    def write_history(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Leaves it to the other host."""

    def write_trained(self, about: Mapping[str, Any]) -> None:
        """Leaves it to the other host."""


def find_runs(folder: str | os.PathLike[str] = RUNS_FOLDER) -> list[Run]:
    """Returns the runs in a folder, oldest first; it may hold other things.

    Example:
        >>> find_runs("no-such-folder")
        []
    """
    found = [
        Run(Path(folder) / name)
        for name in names_in(Path(folder))
        # Others are being made, or were when their process was killed.
        if not name.startswith(".partial-")
    ]
    return sorted(filter(is_run, found), key=_started)


def state_of(status: Mapping[str, Any]) -> str:
    """Returns the state of a run from its status; see `Run.state`."""
    state = status.get("state", "unknown")
    # Runs of earlier versions do not say which process theirs is.
    process = status.get("process")
    return (
        "dead" if state == "running" and process and is_gone(process) else state
    )


def _started(run: Run) -> str:
    # Folders that the user has named do not tell when they were made.
    try:
        return str(run.status.get("started", ""))
    except TlkitError:
        return ""


def is_run(run: Run) -> bool:
    """Returns whether a folder is that of a run."""
    # Other programs write a config.json, too, and theirs may hold a list.
    try:
        config = run.config
        return is_legacy(config) or {"version", "way", "data"} <= config.keys()
    except (TlkitError, AttributeError):
        return False


def open_run(path: str | os.PathLike[str]) -> Run:
    """Opens an existing run folder.

    Args:
        path: Path of the folder.

    Raises:
        UsageError: There is no such folder, or it is not a run.

    Example:
        run = tlkit.open_run("runs/my-run")
        print(run.summary())
    """
    run = Run(Path(path))
    if not is_run(run):
        raise UsageError(
            "No such run.",
            where=run.path,
            expected="a run folder; `tlkit runs` lists them",
            received="another folder" if run.path.is_dir() else "no folder",
        )
    return run


def run_of(path: str | os.PathLike[str]) -> Run | None:
    """Returns the run that a path means, or that a file of a run belongs to.

    Args:
        path: Path of a folder, or of a file such as a run's `config.json`.
    """
    run = Run(Path(path) if Path(path).is_dir() else Path(path).parent)
    return run if is_run(run) else None


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns rows as the text of a CSV file.

    Args:
        rows: Values by the names of the columns. The first row decides which
            columns there are; without rows the text is empty.
    """
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    # A run that has just begun does not have all of its files yet, and those
    # that only an unfinished one has may go at any moment.
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise TlkitError(
            f"{_UNREADABLE}.", where=path, received=error
        ) from error
