"""Follows a run that another process trains, by what it writes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tlkit.base.console import Bar, Display, clock
from tlkit.base.errors import TlkitError, UsageError
from tlkit.runs.run import Run, find_runs, is_run, state_of
from tlkit.runs.standing import Best, Standing, read_standing, say_epoch

#: Seconds between two looks at the run.
_LOOKS_EVERY = 0.5
#: Seconds after which it is said that nothing new has come.
_LONG = 60.0

_ENDS = {
    "failed": "The run has failed.",
    "interrupted": "The run was interrupted.",
    "dead": "The run is dead: its process was killed.",
}


def find_watched(folder: str | os.PathLike[str]) -> Run:
    """Returns the run that is meant by a folder.

    Args:
        folder: Folder of a run, or of several, of which the latest that is
            running is meant.

    Raises:
        UsageError: It is neither.
    """
    run = Run(Path(folder))
    if is_run(run):
        return run
    running = [run for run in find_runs(folder) if run.state == "running"]
    if running:
        return running[-1]
    raise UsageError(
        "No such run, and none is running there.",
        where=folder,
        expected="a run folder; `tlkit runs` lists them",
        received="another folder" if os.path.isdir(folder) else "no folder",
    )


def watch_run(run: Run) -> None:
    """Shows how far a run is until it ends, as its own process does.

    Args:
        run: The run. It is read only.

    Raises:
        TlkitError: It has failed, was interrupted, or is dead.
    """
    follower, display = _Follower(run), Display()
    try:
        while True:
            status = run.status
            # After the status, so that no epoch before the end is missed.
            follower.tell_epochs()
            if state_of(status) != "running":
                break
            follower.show(display)
            time.sleep(_LOOKS_EVERY)
    finally:
        display.close()
    if state_of(status) != "finished":
        raise _not_finished(run, status)


class _Follower:
    """Tells each epoch of a run once, and shows the one that is trained."""

    def __init__(self, run: Run) -> None:
        self._run, self._epochs = run, run.plan.recipe.epochs or 0
        self._told, self._best = 0, Best()
        self._standing: Standing | None = None
        self._changed = time.monotonic()

    def tell_epochs(self) -> None:
        """Prints the lines of the epochs that are new."""
        history = self._run.history
        count = len(history.get("epoch", []))
        if count < self._told:
            # The run goes on after an earlier epoch than it had come to.
            self._told, self._best = 0, Best()
        for number in range(count):
            row = {name: values[number] for name, values in history.items()}
            self._best = self._best.after(row)
            if number >= self._told:
                say_epoch(self._run, self._epochs, row, self._best)
        self._told = count

    def show(self, display: Display) -> None:
        """Draws how far the run is, if it says so."""
        standing = read_standing(self._run)
        if standing != self._standing:
            self._standing, self._changed = standing, time.monotonic()
        if standing is not None:
            display.show(lambda: self._bar(standing))

    def _bar(self, standing: Standing) -> Bar:
        bar = standing.bar()
        silent = time.monotonic() - self._changed
        if self._run.trained:
            words = "the model is trained, and is judged now"
            return replace(bar, done=bar.total, left=None, below=(words,))
        if silent > _LONG:
            words = f"nothing new for {clock(silent)}"
            return replace(bar, left=None, below=(words,))
        return bar


def _not_finished(run: Run, status: Mapping[str, Any]) -> TlkitError:
    if not run.path.is_dir():
        return TlkitError(
            "The run has been removed.",
            where=run.path,
            remedy="If nobody did so, it failed before it had a model.",
        )
    why = status.get("error", "").partition("\n")[0]
    return TlkitError(
        _ENDS.get(state_of(status), "The run does not say how it ended."),
        where=run.path,
        received=why or None,
        remedy=f"To go on: tlkit resume {run.path}, or the same command again",
    )
