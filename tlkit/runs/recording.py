"""Writes a run folder while a model is trained.

The status in the folder is right however the training ends, except where the
process is killed: then it stays `running`, and `Run.state` sees by the process
that it is dead.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import BaseFileLock

from tlkit.base.atomic import AGAIN, write_json, write_text
from tlkit.base.console import say
from tlkit.base.disk import disk_errors, names_in
from tlkit.base.errors import TlkitError
from tlkit.base.filenames import file_name
from tlkit.base.locks import NoLocksError, wait_for_lock
from tlkit.base.machine import library_versions, process_mark
from tlkit.base.outputs import make_output_folder
from tlkit.data.index import DatasetIndex
from tlkit.plans.files import plan_to_dict
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.run import RUNS_FOLDER, Run, as_csv
from tlkit.runs.standing import STANDING
from tlkit.runs.unfinished import check_unfinished, check_usable

#: Held for a moment by the process that goes on with a run.
_LOCK = ".going-on.lock"
#: What only an unfinished run has.
_UNTIL_FINISHED = ("checkpoint.npz", "trained.json", STANDING, _LOCK)


@contextlib.contextmanager
def recorded_run(
    plan: ResolvedPlan,
    data: DatasetIndex,
    folder: str | os.PathLike[str] | None = None,
    begun: Run | None = None,
) -> Iterator[Run]:
    """Makes a run folder and keeps its status up to date.

    The status is `running` inside the block, and `finished`, `interrupted` or
    `failed` after it. A failed run that has no model yet is removed, unless
    it was begun before.

    Args:
        plan: The plan of the training, with nothing left open.
        data: The data set.
        folder: A new folder; None makes `runs/<time>-<way>-<data set>`.
        begun: An unfinished run that goes on; None makes a new one.

    Yields:
        The new run, or the one that goes on.

    Raises:
        UsageError: The folder exists already, and is not touched; or another
            process has gone on with the run.
        TlkitError: The folder cannot be made or written.
    """
    started = time.time()
    if begun is None:
        run = _make_run(plan, data, folder, started)
    else:
        run = begun
        _take_over(run, started)
    try:
        yield run
        _write_status(run, "finished", started)
    except KeyboardInterrupt:
        _write_status(run, "interrupted", started)
        _say_what_is_kept(run)
        raise
    # BaseException, so that SystemExit, too, leaves no run that claims to be
    # running.
    except BaseException as error:
        _write_failure(run, started, error, remove=begun is None)
        raise
    _remove(run.path / name for name in _UNTIL_FINISHED)


def _say_what_is_kept(run: Run) -> None:
    # The model may be saved although the user pressed Ctrl-C; nobody would
    # look for it otherwise.
    if os.path.exists(run.model_path):
        say(f"The best model so far is kept: {run.model_path}")
    else:
        say(f"No epoch was finished, so {run.path} holds no model.")
    say(f"To go on: tlkit resume {run.path}, or the same command again")


def _take_over(run: Run, started: float) -> None:
    """Makes an unfinished run that of this process.

    Of two processes that want to go on with it, one must not.
    """
    with disk_errors("Cannot write to the run", run.path), _alone(run):
        check_unfinished(run)
        _write_status(run, "running", started)
    _remove(x for x in (run.path, run.plots) for x in _partial(x))


@contextlib.contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Lets no other process go on with a run meanwhile."""
    lock: BaseFileLock | None
    try:
        lock = wait_for_lock(run.path / _LOCK)
    except NoLocksError:  # then it is left to the user
        lock = None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _partial(folder: Path) -> list[Path]:
    """Lists what killed processes have left of files they were writing."""
    return [folder / x for x in names_in(folder) if x.startswith(".partial-")]


def _remove(paths: Iterable[Path]) -> None:
    """Removes files of a run's own that have served their purpose."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _make_run(
    plan: ResolvedPlan,
    data: DatasetIndex,
    folder: str | os.PathLike[str] | None,
    started: float,
) -> Run:
    """Makes the folder of a new run, which has its first files at once.

    They are written under another name, so that a process which is killed
    meanwhile leaves no folder that is neither new nor a run.
    """
    path = RUNS_FOLDER if folder is None else Path(folder)
    # A run is known by its files; what holds it, by a mark.
    parent = path if folder is None else path.parent
    make_output_folder(parent)
    _sweep(parent)
    partial = Run(parent / f".partial-{secrets.token_hex(4)}-run")
    try:
        with disk_errors("Cannot make the run folder", path, AGAIN):
            partial.path.mkdir()
            _write_status(partial, "running", started)
            _write_start(partial, plan, data)
            if folder is None:
                path = _rename_to_free(partial.path, f"{plan.way}-{data.name}")
            else:
                check_usable(path)
                partial.path.rename(path)
    finally:
        # After a success there is nothing left to remove.
        shutil.rmtree(partial.path, ignore_errors=True)
    return Run(path)


def _sweep(parent: Path) -> None:
    """Removes what processes have left that were killed making a folder."""
    for path in _partial(parent):
        with contextlib.suppress(TlkitError):
            if path.name.endswith("-run") and Run(path).state == "dead":
                shutil.rmtree(path, ignore_errors=True)


def _rename_to_free(partial: Path, title: str) -> Path:
    # The name of a data set may hold slashes, or what a file system refuses.
    title = re.sub(r"[^\w.-]+", "-", title)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{title}"
    for number in range(1, 1000):
        ending = "" if number == 1 else f"-{number}"
        path = partial.with_name(file_name(stem, ending))
        # Renaming is the test whether its name is free: another process may
        # have started a run in the same second.
        try:
            partial.rename(path)
            return path
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
    raise TlkitError("Cannot find a free name for the run.", where=RUNS_FOLDER)


def _write_start(run: Run, plan: ResolvedPlan, data: DatasetIndex) -> None:
    write_json(
        run.path / "config.json",
        {
            **plan_to_dict(plan),
            "data": {
                "name": data.name,
                "source": data.source,
                "read_as": dict(data.read_as),
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
        "libraries": library_versions(),
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


def _write_failure(
    run: Run, started: float, error: BaseException, remove: bool
) -> None:
    """Keeps a failed run that can go on; may remove one that has nothing."""
    # The error that is being raised matters more than one of writing it, for
    # which a full disk may be the reason.
    kept = run.model_path, run.checkpoint_path
    if any(map(os.path.exists, kept)) or not remove:
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
