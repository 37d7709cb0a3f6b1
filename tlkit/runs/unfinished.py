"""Runs that were interrupted: which one a training goes on with."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tlkit.base.disk import is_taken
from tlkit.base.errors import UsageError
from tlkit.data.index import DatasetIndex
from tlkit.plans.files import (
    BESIDE_THE_MODEL,
    BESIDE_THE_PLAN,
    flat,
    plan_to_dict,
)
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.run import RUNS_FOLDER, Run, find_runs, is_run

UNFINISHED = ("dead", "interrupted", "failed", "unknown")
"""States of a run that can go on: no process works on it any more.

Unknown is that of a run whose `status.json` somebody has removed.
"""

#: Of settings that differ, so many are named.
_MOST = 5


def check_usable(folder: str | os.PathLike[str]) -> None:
    """Raises UsageError unless a training can write to a folder.

    It can if the folder does not exist, or is that of an unfinished run.
    """
    if not is_taken(folder):
        return
    run = Run(Path(folder))
    state = run.state if is_run(run) else ""
    if state == "running":
        raise UsageError(
            "Another process is working on this run.",
            where=folder,
            received=_worker(run),
            remedy=_remedy(run),
        )
    if state not in UNFINISHED:
        raise UsageError(
            "The run folder exists already.",
            where=folder,
            remedy="Choose another name; nothing was changed.",
        )


def check_unfinished(run: Run) -> None:
    """Raises UsageError unless a run is one that can go on."""
    if run.state == "finished":
        raise UsageError(
            "This run is finished; there is nothing to go on with.",
            where=run.path,
            remedy=f"To make it again: tlkit train {run.path}/config.json DATA",
        )
    check_usable(run.path)


def find_unfinished(
    plan: ResolvedPlan,
    data: DatasetIndex,
    folder: str | os.PathLike[str] | None = None,
) -> Run | None:
    """Finds the run that a training goes on with.

    Args:
        plan: The plan of the training, with nothing left open.
        data: The data set.
        folder: Folder of the run; None looks in `runs/` for the latest
            unfinished one of the same plan and data.

    Returns:
        The run; None if the training makes a new one.

    Raises:
        UsageError: The folder exists, and is not that of an unfinished run
            of the same plan and data.
    """
    if folder is None:
        alike = (
            run
            for run in reversed(find_runs(RUNS_FOLDER))
            if run.state in UNFINISHED and not any(differences(run, plan, data))
        )
        return next(alike, None)
    check_usable(folder)
    if not os.path.lexists(folder):
        return None
    run = Run(Path(folder))
    differing = [*differences(run, plan, data)]
    if differing:
        raise UsageError(
            "The run folder exists already, and its run is not the same.",
            where=folder,
            expected="; ".join(f"{n} {was}" for n, was, _ in differing[:_MOST]),
            received="; ".join(f"{n} {now}" for n, _, now in differing[:_MOST]),
            remedy="Choose another name; nothing was changed.",
        )
    return run


def changed_libraries(run: Run) -> list[str]:
    """Returns in words which libraries have changed since a run began.

    With other versions the last digits of a result may be others.
    """
    before = run.environment.get("libraries", {})
    now = {name: version(name) for name in before}
    return [
        f"{name} {before[name]}, now {now[name]}"
        for name in before
        if before[name] != now[name]
    ]


def differences(
    run: Run, plan: ResolvedPlan, data: DatasetIndex
) -> Iterator[tuple[str, Any, Any]]:
    """Yields in what a run differs: the name, what it has, and what is asked.

    What changes no result is not compared.

    Args:
        run: The run.
        plan: The plan that is asked for.
        data: The data that are asked for.
    """
    config = run.config
    has = {n: v for n, v in config.items() if n not in BESIDE_THE_PLAN}
    # As a file gives it back, without tuples.
    asked = json.loads(json.dumps(plan_to_dict(plan)))
    before, now = dict(flat(has)), dict(flat(asked))
    before["fingerprint"] = run.data.get("fingerprint")
    now["fingerprint"] = data.fingerprint()
    for name in dict.fromkeys([*before, *now]):
        if name not in BESIDE_THE_MODEL and before.get(name) != now.get(name):
            yield name, before.get(name), now.get(name)


def _worker(run: Run) -> str:
    process = run.status.get("process") or {}
    return f"process {process.get('pid')} on {process.get('host')}"


def _remedy(run: Run) -> str:
    process = run.status.get("process") or {}
    if process.get("host") == platform.node():
        return "Wait until it is done, or choose another name."
    # Of another machine nothing is known from here.
    return (
        "Wait until it is done. If that machine, or the process on it, is "
        f"gone, remove {run.path / 'status.json'} and give the command again."
    )
