"""The points of a study, each repeated, and what they come to."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from tlkit.base.atomic import write_json
from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.base.records import shorten
from tlkit.experiments.cells import (
    Case,
    Cell,
    Result,
    read_result,
    write_result,
)
from tlkit.experiments.images import ImageArrays
from tlkit.experiments.workers import run_cells
from tlkit.tensor.strategy import describe_devices


@dataclass(frozen=True)
class Point:
    """A case with its place in a study.

    Args:
        axis: what is varied, such as "learning_rate".
        value: its value here.
        case: what is trained, and how.
        article: test accuracy that another source gives for it.
        differs: what differs from that source.
        at_most: how often it is repeated at most; None for as often as the
            others.
    """

    axis: str
    value: Any
    case: Case
    article: float | None = None
    differs: str = ""
    at_most: int | None = None

    def cells(self, repeats: int, seed: int) -> list[Cell]:
        """Returns its cells, one a seed.

        Args:
            repeats: how many, unless `at_most` says fewer.
            seed: of the first.
        """
        count = repeats if self.at_most is None else min(repeats, self.at_most)
        return [Cell(self.case, seed + number) for number in range(count)]


@dataclass(frozen=True)
class Summary:
    """Mean of repeated readings, with Student's interval.

    Args:
        mean: of the readings.
        low: lower end of the 95 % interval of the mean, nan for one reading.
        high: its upper end.
        count: how many readings.
        lowest: of the readings.
        highest: of the readings.
    """

    mean: float
    low: float
    high: float
    count: int
    lowest: float
    highest: float


def summarise(values: Sequence[float]) -> Summary:
    """Returns mean and 95 % interval: `mean +- t s / sqrt(n)`.

    `t` is Student's quantile at 0.975 for `n - 1` degrees of freedom, `s`
    the standard deviation with the divisor `n - 1` (Student, *The probable
    error of a mean*, Biometrika 6, 1908).

    Args:
        values: readings, one or more.

    Example:
        >>> found = summarise([0.80, 0.82, 0.84])
        >>> round(found.low, 4), round(found.high, 4)
        (0.7703, 0.8697)
    """
    count, mean, half = len(values), float(np.mean(values)), math.nan
    if count > 1:
        error = float(np.std(values, ddof=1)) / math.sqrt(count)
        half = float(student.ppf(0.975, count - 1)) * error
    ends = float(np.min(values)), float(np.max(values))
    return Summary(mean, mean - half, mean + half, count, *ends)


@dataclass(frozen=True, repr=False)
class Outcome:
    """A point with the results of its repeats.

    Args:
        point: which.
        results: one a seed.
    """

    point: Point
    results: tuple[Result, ...]

    def __repr__(self) -> str:
        test = self.test_accuracy
        value = shorten(repr(self.point.value))
        return (
            f"Outcome({self.point.axis}={value}: test accuracy "
            f"{test.mean:.4f}, repeats {test.count})"
        )

    @property
    def test_accuracy(self) -> Summary:
        """Of the last epochs."""
        return summarise([r.last.test_accuracy for r in self.results])

    @property
    def train_accuracy(self) -> Summary:
        """Of the last epochs."""
        return summarise([r.last.accuracy for r in self.results])

    @property
    def test_loss(self) -> Summary:
        """Of the last epochs; nan where a training went wrong."""
        return summarise([r.last.test_loss for r in self.results])


def run_points(
    points: Sequence[Point],
    data: ImageArrays,
    folder: str | os.PathLike[str],
    repeats: int = 1,
    seed: int = 0,
    processes: int = 1,
) -> list[Outcome]:
    """Trains every point several times; finished cells are not repeated.

    All points are trained from the first seed, then all from the second, so
    that a study that is interrupted has seen all of them. Every network is
    built once before anything is trained, so that none fails in the night.

    Args:
        points: in their order; equal cases are trained once.
        data: the images.
        folder: where results are kept, cell by cell.
        repeats: from how many seeds, 1 or more.
        seed: the first of them.
        processes: see `run_cells`.

    Returns:
        One outcome a point.

    Raises:
        UsageError: a number or a network is not possible.
        TlkitError: the folder cannot be read or written, or a process ended.
    """
    folder = Path(folder)
    _check(points, repeats, seed)
    _build_once(points, data)
    rounds = itertools.zip_longest(*(p.cells(repeats, seed) for p in points))
    every = [cell for cells in rounds for cell in cells if cell is not None]
    _write_start(folder, data, repeats, seed)
    results = _finish({c.key(data): c for c in every}, data, folder, processes)
    return [
        Outcome(
            point,
            tuple(results[c.key(data)] for c in point.cells(repeats, seed)),
        )
        for point in points
    ]


def _check(points: Sequence[Point], repeats: int, seed: int) -> None:
    if not points:
        raise UsageError("There is nothing to study.")
    for name, value, least in (("repeats", repeats, 1), ("seed", seed, 0)):
        if value < least:
            raise UsageError(
                f"{name} is too small.",
                where=name,
                expected=f"{least} or more",
                received=value,
            )


def _build_once(points: Sequence[Point], data: ImageArrays) -> None:
    built = []
    for point in points:
        case = point.case
        shape = case.build, case.network, case.recipe.image_size
        if shape not in built:
            built.append(shape)
            case.build_model(data)


def _finish(
    cells: dict[str, Cell], data: ImageArrays, folder: Path, processes: int
) -> dict[str, Result]:
    """Trains the cells that are not in the folder."""
    results = {}
    for key, cell in cells.items():
        kept = read_result(folder, cell, data)
        if kept is not None:
            results[key] = kept
    missing = [cell for key, cell in cells.items() if key not in results]
    say(
        f"{len(cells)} cells, of which {len(results)} are kept in {folder}; "
        f"{processes} at a time"
    )
    progress = _Progress(len(cells), missing)
    try:
        with contextlib.closing(run_cells(missing, data, processes)) as run:
            for cell, result in run:
                write_result(folder, cell, data, result)
                results[cell.key(data)] = result
                progress.tell(cell, result)
    except KeyboardInterrupt:
        say(
            f"{len(results)} of {len(cells)} cells are finished and kept in "
            f"{folder}; the same command goes on with the others."
        )
        raise
    return results


class _Progress:
    """A line for each finished cell; the time left goes by their epochs."""

    def __init__(self, total: int, missing: Sequence[Cell]) -> None:
        self._done = total - len(missing)
        self._total = total
        self._left = sum(cell.case.recipe.epochs for cell in missing)
        self._behind = 0
        self._started = time.time()

    def tell(self, cell: Cell, result: Result) -> None:
        recipe, last = cell.case.recipe, result.last
        self._done += 1
        self._left -= recipe.epochs
        self._behind += recipe.epochs
        rate = (time.time() - self._started) / self._behind
        told = [f"{n}={v}" for n, v in cell.case.network.items()]
        say(
            f"cell {self._done}/{self._total}  "
            f"{' '.join([cell.case.build.__name__, *told])} "
            f"{recipe.optimizer} {recipe.learning_rate:g} "
            f"batch {recipe.batch_size} seed {cell.seed}: "
            f"{len(result.epochs)} epochs, train {last.accuracy:.3f}, "
            f"test {last.test_accuracy:.3f}, {result.seconds:.0f} s, "
            f"{result.images_per_second:,.0f} images/s; "
            f"about {rate * self._left / 60:.0f} min left"
        )


def _write_start(
    folder: Path, data: ImageArrays, repeats: int, seed: int
) -> None:
    write_json(
        folder / "config.json",
        {
            "command": sys.argv,
            "data": {
                "name": data.name,
                "fingerprint": data.fingerprint,
                "train": len(data.train_labels),
                "test": len(data.test_labels),
            },
            "repeats": repeats,
            "seed": seed,
            "python": platform.python_version(),
            "libraries": {
                name: version(name)
                for name in ("tlkit", "tensorflow", "keras", "numpy")
            },
            **describe_devices(),
        },
    )
