"""What a comparison has come to, kept so that an interrupted one goes on.

Scores of heads are rows of the store, under everything that determines them.
A finished conv base is a run, in which a file says to which comparison it
belongs.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.base.atomic import write_json
from tlkit.base.disk import names_in
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.outputs import MARK
from tlkit.data.index import DatasetIndex, digest
from tlkit.models.digests import weights_digest
from tlkit.plans.files import BESIDE_THE_MODEL, flat, plan_to_dict
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.run import RUNS_FOLDER, Run, find_runs, is_run
from tlkit.runs.unfinished import check_usable
from tlkit.store.store import Store

#: To be raised when a head's training or its score changes.
_FORMAT = 1
_RECORD = "comparison.json"


class KeptScores:
    """The scores of heads in the store.

    Where the store cannot be written, nothing is kept; the comparison does
    not depend on it.

    Args:
        arrays: What all heads are tried on: vectors, labels and folds.
        seed: Seed of weights, order and dropout.
    """

    def __init__(self, arrays: Sequence[np.ndarray], seed: int) -> None:
        self._store = Store(
            {
                "kind": "scores of heads",
                "format": _FORMAT,
                "data": weights_digest(arrays),
                "seed": seed,
                "libraries": [version("tensorflow"), version("keras")],
            }
        )

    def read(self, settings: Mapping[str, Any]) -> Sequence[float] | None:
        """Returns the row of a head; None if there is none.

        Args:
            settings: Everything else that determines it, as JSON can hold it.
        """
        name = _name(settings)
        # Another process may prune it between the two.
        with contextlib.suppress(OSError, TlkitError):
            if not self._store.lacking([name]):
                return self._store.open([name]).row(0).tolist()
        return None

    def write(self, settings: Mapping[str, Any], row: Sequence[float]) -> None:
        """Keeps the row of a head."""
        with contextlib.suppress(TlkitError), self._store.computing():
            self._store.add([_name(settings)], np.array([row], np.float64))


def _name(settings: Mapping[str, Any]) -> str:
    return digest(json.dumps(settings, sort_keys=True).encode())


@dataclass(frozen=True)
class Place:
    """Where the run of one conv base is kept.

    Args:
        folder: Folder of the run; None for one in `runs/`.
        finished: The run, if an interrupted comparison has finished it.
        record: What its `comparison.json` says; None for a run on its own.
    """

    folder: str | os.PathLike[str] | None = None
    finished: Run | None = None
    record: Mapping[str, Any] | None = None

    def note(self, run: Run) -> None:
        """Writes into the run to which comparison it belongs."""
        if self.record is not None:
            write_json(run.path / _RECORD, dict(self.record))


def find_places(
    plans: Sequence[ResolvedPlan],
    data: DatasetIndex,
    grid: Any,
    folder: str | os.PathLike[str] | None,
    names: Sequence[str],
) -> list[Place]:
    """Finds where the runs of a comparison are, or shall be.

    Args:
        plans: One for each conv base.
        data: The data set.
        grid: Heads to try, a dataclass; None for those of the plans.
        folder: Parent of the runs' folders; None for `runs/`.
        names: For each base the name of its folder in `folder`.

    Raises:
        UsageError: The folder exists and is not that of an interrupted
            comparison of the same plans and data.
    """
    key = _key(plans, data, grid)
    if folder is None:
        found = find_runs(RUNS_FOLDER)
        folders: list[Path | None] = [None] * len(plans)
    else:
        _check_ours(Path(folder), names)
        inside = [Path(folder) / name for name in names]
        found = [Run(path) for path in inside if os.path.exists(path)]
        folders = [*inside]
    token, done = _latest(found, key, len(plans))
    if folder is not None and len(done) < sum(map(_is_finished, found)):
        raise _exists(Path(folder))
    return [
        Place(
            place, done.get(number), {"key": key, "of": token, "base": number}
        )
        for number, place in enumerate(folders)
    ]


def _key(plans: Sequence[ResolvedPlan], data: DatasetIndex, grid: Any) -> str:
    about = {
        "plans": [_what_it_computes(plan) for plan in plans],
        "data": data.fingerprint(),
        "grid": grid and asdict(grid),
    }
    return digest(json.dumps(about, sort_keys=True).encode())


def _what_it_computes(plan: ResolvedPlan) -> dict[str, Any]:
    settings = flat(plan_to_dict(plan))
    return {n: v for n, v in settings if n not in BESIDE_THE_MODEL}


def _latest(
    runs: Sequence[Run], key: str, count: int
) -> tuple[str, dict[int, Run]]:
    """Returns the latest comparison, if it is not finished, or a new one."""
    token = ""
    done: dict[int, Run] = {}
    for run in runs:
        record = _record(run)
        if record.get("key") == key:
            if record["of"] != token:
                token, done = record["of"], {}
            if _is_finished(run):
                done[record["base"]] = run
    if not token or len(done) == count:
        return secrets.token_hex(8), {}
    return token, done


def _record(run: Run) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        return json.loads((run.path / _RECORD).read_text(encoding="utf-8"))
    return {}


def _is_finished(run: Run) -> bool:
    return is_run(run) and run.state == "finished"


def _check_ours(folder: Path, names: Sequence[str]) -> None:
    """Raises UsageError if a folder holds anything but a comparison."""
    if not os.path.exists(folder):
        return check_usable(folder)
    if not os.path.isdir(folder) or not os.path.exists(folder / MARK):
        raise _exists(folder)
    entries = {x for x in names_in(folder) if not x.startswith(".partial")}
    if not entries <= {MARK, *names}:
        raise _exists(folder)
    return None


def _exists(folder: Path) -> UsageError:
    return UsageError(
        "The run folder exists already.",
        where=folder,
        expected="none, or that of an interrupted comparison of the same "
        "conv bases, plan and data",
        remedy="Choose another name; nothing was changed.",
    )
