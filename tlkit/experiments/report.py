"""The report of a study: a table, a page and figures."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from tlkit import plots
from tlkit.base.atomic import write_text
from tlkit.base.records import (
    COUNT,
    Column,
    Field,
    Kind,
    Table,
    interval_as,
    number_as,
    tabulate,
)
from tlkit.experiments.points import Outcome, Summary
from tlkit.experiments.training import Epoch


def _ends(summary: Summary) -> tuple[float, float] | None:
    """The interval of a mean; a single reading has none."""
    low, high = summary.low, summary.high
    return None if math.isnan(low) else (low, high)


def _extremes(summary: Summary) -> tuple[float, float] | None:
    return (summary.lowest, summary.highest) if summary.count > 1 else None


def _difference(outcome: Outcome) -> float | None:
    article = outcome.point.article
    return None if article is None else outcome.test_accuracy.mean - article


_ACCURACY = number_as(".4f", "share")
_RANGE = interval_as(".4f")
#: None is a value, too: that of an axis such as augmentation.
_VALUE = Kind("value", str, right=False, missing="None")
#: What the tables of a study show of an outcome: a line is a column.
_COLUMNS: list[Field[Outcome]] = [
    (Column("value", _VALUE), lambda x: x.point.value),
    (Column("test accuracy", _ACCURACY), lambda x: x.test_accuracy.mean),
    (Column("95 % interval", _RANGE), lambda x: _ends(x.test_accuracy)),
    (Column("single runs", _RANGE), lambda x: _extremes(x.test_accuracy)),
    (Column("training accuracy", _ACCURACY), lambda x: x.train_accuracy.mean),
    (Column("repeats", COUNT), lambda x: x.test_accuracy.count),
    (Column("article", number_as(".3f", "share")), lambda x: x.point.article),
    (Column("difference", number_as("+.3f", "share")), _difference),
    (Column("what differs", long=True), lambda x: x.point.differs),
]


def outcomes_table(axis: str, outcomes: Sequence[Outcome]) -> Table:
    """Tabulates what came out along one axis of a study.

    Args:
        axis: What was varied.
        outcomes: One outcome a value.
    """
    return tabulate(axis.replace("_", " "), _COLUMNS, outcomes)


def by_axis(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Groups outcomes by the setting that was varied.

    Args:
        outcomes: The outcomes of a study.

    Returns:
        The outcomes of each axis, in their order.
    """
    axes: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        axes.setdefault(outcome.point.axis, []).append(outcome)
    return axes


def write_report(
    folder: Path, title: str, outcomes: Sequence[Outcome], notes: Sequence[str]
) -> list[Path]:
    """Writes `results.csv`, `summary.md` and the figures of a study.

    Args:
        folder: Folder of the study.
        title: Title of the page.
        outcomes: The outcomes of the study.
        notes: Paragraphs that a reader must know, written below the title.

    Returns:
        The files: the page, the table and the figures.

    Raises:
        UsageError: A file that tlkit did not draw has the name of a figure.
        TlkitError: The folder cannot be written.
    """
    axes = by_axis(outcomes)
    table, page = folder / "results.csv", folder / "summary.md"
    write_text(table, _as_csv(outcomes))
    pictures = [
        path for axis, own in axes.items() for path in _draw(folder, axis, own)
    ]
    parts = [f"# {title}", *notes]
    for axis, own in axes.items():
        parts += [f"## {axis}", _markdown(own)]
        # Relative paths, so that the folder can be moved.
        parts += [
            f"![{path.stem}]({path.relative_to(folder).as_posix()})"
            for path in pictures
            if path.stem in (_stem(axis), f"{_stem(axis)}_epochs")
        ]
    write_text(page, "\n\n".join(parts) + "\n")
    return [page, table, *pictures]


def _stem(axis: str) -> str:
    return axis.replace(", ", "_by_").replace(" ", "_")


def _markdown(outcomes: Sequence[Outcome]) -> str:
    table = outcomes_table("", outcomes)
    names = [column.name for column in table.columns]
    rows = [names, ["---"] * len(names), *table.cells()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _as_csv(outcomes: Sequence[Outcome]) -> str:
    """Returns the table with one row for each cell, with all its settings."""
    rows = [
        {
            "axis": outcome.point.axis,
            "value": outcome.point.value,
            **outcome.point.case.settings(),
            "seed": result.seed,
            "epochs_run": len(result.epochs),
            "train_loss": result.last.loss,
            "train_accuracy": result.last.accuracy,
            "test_loss": result.last.test_loss,
            "test_accuracy": result.last.test_accuracy,
            "parameters": result.parameters,
            "seconds": result.seconds,
            "images_per_second": result.images_per_second,
        }
        for outcome in outcomes
        for result in outcome.results
    ]
    # Networks have different parameters, so rows may have different columns.
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _draw(folder: Path, axis: str, outcomes: Sequence[Outcome]) -> list[Path]:
    """Draws what it can, and returns the pictures that there are."""
    drawn = {f"plots/{_stem(axis)}_epochs.png": lambda: _draw_epochs(outcomes)}
    numbers = [o for o in outcomes if _is_number(o.point.value)]
    if len(numbers) > 2:
        drawn[f"plots/{_stem(axis)}.png"] = lambda: _draw_readings(
            axis, numbers
        )
    return [
        folder / name
        for name, draw in drawn.items()
        if plots.save_beside(folder, draw, name) is None
    ]


def _is_number(value: Any) -> bool:
    # In Python, True and False are integers.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _draw_readings(axis: str, outcomes: Sequence[Outcome]) -> Any:
    ordered = sorted(outcomes, key=lambda outcome: outcome.point.value)
    summaries = {
        "accuracy": {
            "training": [o.train_accuracy for o in ordered],
            "test": [o.test_accuracy for o in ordered],
        },
        "test loss": {"test": [o.test_loss for o in ordered]},
    }
    panels = {
        title: {
            name: [(s.mean, s.low, s.high) for s in own]
            for name, own in curves.items()
        }
        for title, curves in summaries.items()
    }
    values = [outcome.point.value for outcome in ordered]
    return plots.draw_readings(axis, values, panels)


def _draw_epochs(outcomes: Sequence[Outcome]) -> Any:
    return plots.draw_trainings(
        {str(o.point.value): _mean_history(o) for o in outcomes}
    )


def _mean_history(outcome: Outcome) -> dict[str, list[float]]:
    """Returns means over the repeats, up to the last epoch of the shortest.

    A training ends early if its loss is not a finite number any more.
    """
    shortest = min(len(result.epochs) for result in outcome.results)
    return {
        column.name: [
            float(
                np.mean(
                    [getattr(r.epochs[e], column.name) for r in outcome.results]
                )
            )
            for e in range(shortest)
        ]
        for column in fields(Epoch)
    }
