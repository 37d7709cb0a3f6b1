"""The points of a study, their repeats, and the summary of the results."""

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
from tlkit.base.machine import cores
from tlkit.base.records import shorten
from tlkit.cluster.engines import RAY, prepare_engine
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

READINGS = (
    "Test accuracy is that of all test images after the last epoch, mean of "
    "the repeats with Student's 95 % interval, beside it the lowest and the "
    "highest single run. No epoch and no setting was chosen by the test "
    "images."
)
"""How the figures of a study are to be read."""


@dataclass(frozen=True)
class Point:
    """A case with its place in a study.

    Args:
        axis: The setting that is varied, such as "learning_rate".
        value: Value of this setting at the point.
        case: The network and how it is trained.
        article: Test accuracy that an article gives for this case; None if
            it gives none.
        differs: What differs between this case and the article's.
        at_most: Largest number of repeats; None for as many as the other
            points have.
    """

    axis: str
    value: Any
    case: Case
    article: float | None = None
    differs: str = ""
    at_most: int | None = None

    def cells(self, repeats: int, seed: int) -> list[Cell]:
        """Returns the cells of the point, one for each seed.

        Args:
            repeats: Number of cells, unless `at_most` is smaller.
            seed: Seed of the first cell; the others have the next ones.
        """
        count = repeats if self.at_most is None else min(repeats, self.at_most)
        return [Cell(self.case, seed + number) for number in range(count)]


@dataclass(frozen=True)
class Summary:
    """Mean of repeated readings, with Student's interval.

    Args:
        mean: Mean of the readings.
        low: Lower end of the 95 % interval of the mean; nan for one reading.
        high: Upper end of this interval; nan for one reading.
        count: Number of readings.
        lowest: The lowest reading.
        highest: The highest reading.
    """

    mean: float
    low: float
    high: float
    count: int
    lowest: float
    highest: float


def summarise(values: Sequence[float]) -> Summary:
    """Returns mean and 95 % interval: `mean +- t s / sqrt(n)`.

    `t` is Student's quantile at 0.975 for `n - 1` degrees of freedom, and
    `s` the standard deviation with the divisor `n - 1` (Student, *The
    probable error of a mean*, Biometrika 6, 1908).

    Args:
        values: The readings, one or more.

    Returns:
        The summary of the readings.

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
        point: The point.
        results: One result for each seed.
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
        """Accuracy on the test images after the last epoch."""
        return summarise([r.last.test_accuracy for r in self.results])

    @property
    def train_accuracy(self) -> Summary:
        """Accuracy on the training images in the last epoch."""
        return summarise([r.last.accuracy for r in self.results])

    @property
    def test_loss(self) -> Summary:
        """Loss on the test images after the last epoch.

        It is not a finite number if a training diverged.
        """
        return summarise([r.last.test_loss for r in self.results])


def run_points(
    points: Sequence[Point],
    data: ImageArrays,
    folder: str | os.PathLike[str],
    repeats: int = 1,
    seed: int = 0,
    processes: int | None = 1,
    engine: str = "local",
) -> list[Outcome]:
    """Trains every point several times; finished cells are not repeated.

    All points are trained from the first seed, then all from the second, and
    so on. An interrupted study therefore has results of many points and not
    only of the first ones. Every network is built once before anything is
    trained, so that an impossible one is refused at once and not after hours.

    Args:
        points: The points, in the order in which they are trained. Equal
            cases are trained once.
        data: The images to train and test on.
        folder: The folder in which the result of each cell is kept.
        repeats: Number of seeds, 1 or more.
        seed: The first seed.
        processes: Number of cells to train at the same time; see
            `run_cells`.
        engine: What trains them; see `run_cells`.

    Returns:
        One outcome for each point.

    Raises:
        UsageError: A number is too small, or a network cannot be built.
        TlkitError: The folder cannot be read or written, or a process ended
            before its cell was finished.
    """
    prepare_engine(engine)
    folder = Path(folder)
    _check(points, repeats, seed)
    _build_once(points, data)
    rounds = itertools.zip_longest(*(p.cells(repeats, seed) for p in points))
    every = [cell for cells in rounds for cell in cells if cell is not None]
    _write_start(folder, data, repeats, seed)
    # Cells with equal settings and seeds have equal keys, so each is trained
    # once, although several axes may contain it.
    missing = {c.key(data): c for c in every}
    results = _finish(missing, data, folder, processes, engine)
    return [
        Outcome(
            point,
            tuple(results[c.key(data)] for c in point.cells(repeats, seed)),
        )
        for point in points
    ]


def _check(points: Sequence[Point], repeats: int, seed: int) -> None:
    if not points:
        raise UsageError("The study has no points.")
    for name, value, least in (("repeats", repeats, 1), ("seed", seed, 0)):
        if value < least:
            raise UsageError(
                f"{name} is too small.",
                where=name,
                expected=f"{least} or more",
                received=value,
            )


def _build_once(points: Sequence[Point], data: ImageArrays) -> None:
    # A list, because a network's parameters are a dictionary, which cannot be
    # in a set.
    built = []
    for point in points:
        case = point.case
        shape = case.build, case.network, case.image_size
        if shape not in built:
            built.append(shape)
            case.build_model(data)


def _finish(
    cells: dict[str, Cell],
    data: ImageArrays,
    folder: Path,
    processes: int | None,
    engine: str,
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
        f"{_at_a_time(processes, engine)} at a time"
    )
    progress = _Progress(len(cells), missing)
    # Closing the generator ends its processes, also when writing a result
    # fails.
    try:
        running = run_cells(missing, data, processes, engine)
        with contextlib.closing(running) as run:
            for cell, result in run:
                write_result(folder, cell, data, result)
                results[cell.key(data)] = result
                progress.tell(cell, result)
    except KeyboardInterrupt:
        say(
            f"{len(results)} of {len(cells)} cells are finished and kept in "
            f"{folder}; run the same command again for the others."
        )
        raise
    return results


def _at_a_time(processes: int | None, engine: str) -> str:
    if processes is None and engine == RAY:
        return "as many as Ray has room for"
    return str(processes or cores())


class _Progress:
    """Prints a line for each finished cell.

    The time left is estimated by epochs, because cells differ in their number
    of epochs.
    """

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
        given = [f"{n}={v}" for n, v in cell.case.network.items()]
        say(
            f"cell {self._done}/{self._total}  "
            f"{' '.join([cell.case.build.__name__, *given])} "
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
    # Written before the training, so that an interrupted study has it too.
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
