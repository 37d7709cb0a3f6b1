"""Writes a run folder while a model is trained.

The status in the folder is right however the training ends, except where the
process is killed: then it stays `running`, and `Run.state` sees by the process
that it is dead.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tlkit.base.atomic import write_json, write_text
from tlkit.base.console import say
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.filenames import file_name
from tlkit.base.machine import process_mark
from tlkit.base.outputs import make_output_folder
from tlkit.data.index import DatasetIndex
from tlkit.plans.files import plan_to_dict
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.run import RUNS_FOLDER, Run, as_csv

#: Libraries whose versions can change a result.
_LIBRARIES = (
    "tlkit",
    "tensorflow",
    "keras",
    "numpy",
    "opencv-python-headless",
    "pillow",
)


@contextlib.contextmanager
def recorded_run(
    plan: ResolvedPlan,
    data: DatasetIndex,
    folder: str | os.PathLike[str] | None = None,
) -> Iterator[Run]:
    """Makes a run folder and keeps its status up to date.

    The status is `running` inside the block, and `finished`, `interrupted` or
    `failed` after it. A failed run that has no model yet is removed.

    Args:
        plan: The plan of the training, with nothing left open.
        data: The data set.
        folder: A new folder; None makes `runs/<time>-<way>-<data set>`.

    Yields:
        The new run.

    Raises:
        UsageError: The folder exists already; it is not touched.
        TlkitError: The folder cannot be made or written.
    """
    run = Run(_make_folder(folder, f"{plan.way}-{data.name}"))
    started = time.time()
    try:
        _write_start(run, plan, data)
        _write_status(run, "running", started)
        yield run
        _write_status(run, "finished", started)
    except KeyboardInterrupt:
        _write_status(run, "interrupted", started)
        _say_what_is_kept(run)
        raise
    # BaseException, so that SystemExit, too, leaves no run that claims to be
    # running.
    except BaseException as error:
        _write_failure(run, started, error)
        raise


def _say_what_is_kept(run: Run) -> None:
    # The model may be saved although the user pressed Ctrl-C; nobody would
    # look for it otherwise.
    if run.model_path.exists():
        say(f"The best model so far is kept: {run.model_path}")
    else:
        say(f"No epoch was finished, so {run.path} holds no model.")


def check_new(folder: str | os.PathLike[str]) -> None:
    """Raises UsageError if the folder of a run exists already."""
    if Path(folder).exists():
        raise UsageError(
            "The run folder exists already.",
            where=folder,
            remedy="Choose another name; nothing was changed.",
        )


def _make_folder(folder: str | os.PathLike[str] | None, title: str) -> Path:
    if folder is not None:
        path = Path(folder)
        check_new(path)
        _mkdir(path)
        return path
    # The name of a data set may hold slashes, or what a file system refuses.
    title = re.sub(r"[^\w.-]+", "-", title)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{title}"
    for number in range(1, 1000):
        ending = "" if number == 1 else f"-{number}"
        path = RUNS_FOLDER / file_name(stem, ending)
        # Making the folder is the test whether its name is free: another
        # process may have started a run in the same second.
        with contextlib.suppress(FileExistsError):
            _mkdir(path)
            return path
    raise TlkitError("Cannot find a free name for the run.", where=RUNS_FOLDER)


def _mkdir(path: Path) -> None:
    # A run is known by its files; what holds it, by a mark.
    make_output_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        raise
    except OSError as error:
        raise TlkitError(
            f"Cannot make the run folder: {error.strerror}.", where=path
        ) from error


def _write_start(run: Run, plan: ResolvedPlan, data: DatasetIndex) -> None:
    write_json(
        run.path / "config.json",
        {
            **plan_to_dict(plan),
            "data": {
                "name": data.name,
                "source": data.source,
                "fingerprint": data.fingerprint(),
                "class_names": list(data.class_names),
                "counts": data.counts(),
                "left_out": len(data.left_out),
                "notes": list(data.notes),
            },
            "made_by": {"tlkit": version("tlkit"), "command": sys.argv},
        },
    )
    write_json(run.path / "environment.json", _environment())
    write_text(run.path / "images.csv", as_csv(_image_rows(data)))


def _environment() -> dict[str, Any]:
    # Imported here, as listing runs must not wait for TensorFlow.
    from tlkit.tensor.strategy import describe_devices

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        **describe_devices(),
    }


def _image_rows(data: DatasetIndex) -> list[dict[str, str]]:
    return [
        {
            "split": name,
            "class": data.class_names[split.labels[row]],
            "digest": split.digests[row],
            "image": split.name(row),
        }
        for name, split in data.splits.items()
        for row in range(len(split))
    ]


def _write_status(
    run: Run, state: str, started: float, error: str | None = None
) -> None:
    status = {
        "state": state,
        "started": datetime.fromtimestamp(started).isoformat("T", "seconds"),
        "seconds": round(time.time() - started, 1),
        "process": process_mark(),
    }
    if error:
        status["error"] = error
    write_json(run.path / "status.json", status)


def _write_failure(run: Run, started: float, error: BaseException) -> None:
    """Keeps a failed run that has a model; removes one that has nothing."""
    # The error that is being raised matters more than one of writing it, for
    # which a full disk may be the reason.
    if run.model_path.exists():
        with contextlib.suppress(TlkitError):
            _write_status(run, "failed", started, _in_words(error))
    else:
        # Everything in it was written by this process a moment ago.
        shutil.rmtree(run.path, ignore_errors=True)


def _in_words(error: BaseException) -> str:
    # The text of an exit is its code, a number that tells nobody anything.
    if isinstance(error, SystemExit):
        return f"The process was ended with exit code {error.code}."
    return str(error) or type(error).__name__
