"""Tables of several runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tlkit.base.records import (
    COUNT,
    SECONDS,
    SHARE,
    Column,
    Field,
    Kind,
    Table,
    number_as,
    tabulate,
)
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.intervals import INTERVAL_COLUMN
from tlkit.runs.run import Run, state_of

_MEASURED_ON = Kind("count and split", lambda pair: f"{pair[0]} {pair[1]}")


@dataclass(frozen=True)
class _Listed:
    """A run whose files have been read once, for all columns of a table."""

    run: Run
    status: Mapping[str, Any]
    measured: Evaluation
    epochs: int


def _measured_on(listed: _Listed) -> tuple[int, str] | None:
    measured = listed.measured
    return (measured["count"], measured["split"]) if measured else None


#: The columns of the table that `tlkit runs` prints.
_COLUMNS: list[Field[_Listed]] = [
    (Column("run"), lambda x: x.run.path.name),
    (Column("way", spare=True), lambda x: x.run.way),
    (Column("data", spare=True), lambda x: x.run.data_name),
    (Column("base", spare=True), lambda x: x.run.base),
    (Column("state"), lambda x: state_of(x.status)),
    (Column("epochs", COUNT, spare=True), lambda x: x.epochs),
    (Column("accuracy", SHARE), lambda x: x.measured.get("accuracy")),
    (
        replace(INTERVAL_COLUMN, spare=True),
        lambda x: x.measured.get("accuracy_interval"),
    ),
    (Column("measured on", _MEASURED_ON, spare=True), _measured_on),
    (
        Column("seconds", number_as(".1f", "seconds"), spare=True),
        # They are known when a run has ended: it begins with 0.
        lambda x: x.status.get("seconds") or None,
    ),
]


def runs_table(runs: Iterable[Run]) -> Table:
    """Makes a table of runs: what was trained on what, and how well it does.

    Args:
        runs: The runs, such as those that `tlkit.find_runs()` returns.

    Returns:
        A table with a row for each run. Programs can read it by
        `to_records`.

    Raises:
        TlkitError: A file of a run cannot be read.

    Example:
        >>> [column.name for column in runs_table([]).columns][:4]
        ['run', 'way', 'data', 'base']
    """
    return tabulate("", _COLUMNS, map(_read, runs))


def _read(run: Run) -> _Listed:
    epochs = len(run.history.get("epoch", []))
    return _Listed(run, run.status, run.metrics, epochs)


#: The columns of a comparison of ways, from a way's name, run and seconds.
_WAY_COLUMNS: list[Field[tuple[str, _Listed, float]]] = [
    (Column("way"), lambda x: x[0]),
    (Column("accuracy", SHARE), lambda x: x[1].measured["accuracy"]),
    (INTERVAL_COLUMN, lambda x: x[1].measured["accuracy_interval"]),
    (Column("epochs", COUNT), lambda x: x[1].epochs),
    (Column("seconds", SECONDS), lambda x: x[2]),
]


def ways_table(runs: Mapping[str, Run], seconds: Mapping[str, float]) -> Table:
    """Makes a table of several ways to a model on one data set.

    Args:
        runs: Finished runs by the name of the way.
        seconds: Seconds that each way took, from its start to the finished
            run, by the name of the way.
    """
    listed = [(way, _read(run), seconds[way]) for way, run in runs.items()]
    first = listed[0][1].measured
    title = f"{first['count']} {first['split']} images"
    return tabulate(title, _WAY_COLUMNS, listed)
