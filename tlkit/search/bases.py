"""Several conv bases, and several heads, for little more than one.

The base runs once for each image and base; heads train on what is stored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.base.records import (
    COUNT,
    SECONDS,
    SHARE,
    Column,
    Field,
    Shown,
    Table,
    shorten,
    tabulate,
)
from tlkit.data.index import TEST, DatasetIndex
from tlkit.evaluation.intervals import INTERVAL_COLUMN
from tlkit.features.extract import extract_features
from tlkit.plans.plan import Plan
from tlkit.runs.recording import check_new
from tlkit.runs.run import Run
from tlkit.search.heads import HeadGrid, HeadSearch, search_heads
from tlkit.ways.train import resolve_for, train


@dataclass(frozen=True)
class ComparedBase:
    """One conv base of a comparison.

    Args:
        name: Name of the base, with its weights where they tell it from
            another.
        run: The finished run of its head.
        computed: Images that went through it just now.
        seconds: From the first image to the finished run.
        search: How its head was chosen, if heads were compared.
    """

    name: str
    run: Run
    computed: int
    seconds: float
    search: HeadSearch | None = None

    @property
    def validation(self) -> dict[str, Any]:
        """What was measured on the validation images."""
        return self.run.metrics["validation"]


#: What a table shows of each conv base.
_COLUMNS: list[Field[ComparedBase]] = [
    (Column("base"), lambda x: x.name),
    (Column("images through it", COUNT), lambda x: x.computed),
    (Column("validation accuracy", SHARE), lambda x: x.validation["accuracy"]),
    (INTERVAL_COLUMN, lambda x: x.validation["accuracy_interval"]),
    (Column("seconds", SECONDS), lambda x: x.seconds),
    (Column("run", long=True), lambda x: x.run.path),
]


@dataclass(frozen=True, repr=False)
class BaseComparison(Shown):
    """What came out of comparing conv bases.

    Args:
        bases: In the order in which they were given.
    """

    bases: tuple[ComparedBase, ...]

    def __repr__(self) -> str:
        names = ", ".join(base.name for base in self.bases)
        return f"BaseComparison({shorten(names, 150)})"

    def table(self) -> Table:
        """Returns the conv bases with what they do on validation images."""
        best = self.best
        notes = [
            f"Best by validation: {best.name}",
            *best.run.metrics["notes"],
        ]
        return tabulate(
            f"{best.validation['count']} validation images",
            _COLUMNS,
            self.bases,
            notes,
            best=self.bases.index(best),
        )

    @property
    def best(self) -> ComparedBase:
        """The most accurate on validation; among equals the lowest log loss."""

        def rank(base: ComparedBase) -> tuple[int, float]:
            measured = base.validation
            return measured["correct"], -measured["log_loss"]

        return max(self.bases, key=rank)


def compare_bases(
    plans: Sequence[Plan],
    data: DatasetIndex,
    grid: HeadGrid | None = None,
    run_folder: str | os.PathLike[str] | None = None,
) -> BaseComparison:
    """Trains a head on each of several conv bases; validation tells the best.

    Every base leaves an ordinary run, the same as without the others.

    Args:
        plans: Plans of the way `features`, each with another network.
        data: The data set.
        grid: Heads to try on each base, see `train_best_head`; None for the
            networks' own.
        run_folder: Of the only run; of several, a folder for theirs, each
            named after its base. None for `runs/<time>-features-<data set>`.

    Returns:
        One entry a base; only the best one's test accuracy is to be quoted.

    Raises:
        UsageError: No plan, the same network twice, one that is not possible,
            or the run folder exists; found before anything is computed.
        TlkitError: See `train` and `search_heads`.

    Example:
        plans = [
            tlkit.Plan("features", tlkit.Network(base))
            for base in ("minivgg", "mobilenet_v2")
        ]
        compared = tlkit.compare_bases(plans, tlkit.load_dataset("photos/"))
        print(compared.best.name, compared.best.run.summary())
    """
    _check(plans, data, run_folder)
    if len(plans) > 1 and TEST not in data.splits:
        data = data.with_note(
            f"Validation has chosen between {len(plans)} conv bases and there "
            "is no test split, so the best one's accuracy is higher than on "
            "new images."
        )
    compared = []
    for number, plan in enumerate(plans):
        name = _name(plans, number)
        if len(plans) > 1:
            say(f"base {number + 1}/{len(plans)}: {name}")
        started = time.time()
        folder = _folder(plans, number, run_folder)
        run, search, computed = _train_head(plan, data, grid, folder)
        seconds = time.time() - started
        compared.append(ComparedBase(name, run, computed, seconds, search))
    return BaseComparison(tuple(compared))


def train_best_head(
    plan: Plan,
    data: DatasetIndex,
    grid: HeadGrid | None = None,
    run_folder: str | os.PathLike[str] | None = None,
) -> Run:
    """Chooses a head by cross-validation and trains it as an ordinary run.

    Only training images choose, see `search_heads`; so the run's accuracy on
    validation and test is that of a head which they have not chosen.

    Args:
        plan: A plan of the way `features`; head and learning rate are the
            grid's.
        data: The data set.
        grid: Heads to try; None for twelve that are usually worth trying.
        run_folder: A new folder; None for `runs/<time>-features-<data set>`.

    Returns:
        The finished run; `heads.csv` in its folder has every head's score.

    Raises:
        UsageError: The run folder exists.
        TlkitError: See `train` and `search_heads`.

    Example:
        run = tlkit.train_best_head(
            tlkit.Plan("features", tlkit.Network("minivgg")),
            tlkit.load_dataset("photos/"),
            tlkit.HeadGrid(units=(0, 64), dropout=(0.5,)),
        )
    """
    if run_folder is not None:
        check_new(run_folder)
    return _train_head(plan, data, grid or HeadGrid(), run_folder)[0]


def _train_head(
    plan: Plan,
    data: DatasetIndex,
    grid: HeadGrid | None,
    run_folder: str | os.PathLike[str] | None,
) -> tuple[Run, HeadSearch | None, int]:
    """The run, how its head was chosen, and how many images were computed."""
    if grid is None:
        run = train(plan, data, run_folder)
        return run, None, run.metrics["training"]["images_through_base"]
    features = extract_features(plan, data)
    search = search_heads(features, grid)
    run = train(
        search.best.head.on(plan),
        data,
        run_folder,
        on_start=lambda run: run.write_heads(search.rows()),
    )
    return run, search, features.computed


def _check(
    plans: Sequence[Plan],
    data: DatasetIndex,
    run_folder: str | os.PathLike[str] | None,
) -> None:
    if not plans:
        raise UsageError("There is no conv base to train a head on.")
    networks = [resolve_for(plan, data).network for plan in plans]
    for number, network in enumerate(networks):
        if network in networks[:number]:
            raise UsageError(
                "A conv base cannot be compared with itself.",
                where="--base",
                expected="every base once, or with other weights",
                received=f"{network.base} with weights {network.weights} twice",
            )
    if run_folder is not None:
        check_new(run_folder)


def _name(plans: Sequence[Plan], number: int) -> str:
    name = plans[number].network.base_name
    if sum(other.network.base_name == name for other in plans) == 1:
        return name
    weights = plans[number].network.resolved().weights
    return f"{name} ({Path(weights).name})"


def _folder(
    plans: Sequence[Plan],
    number: int,
    run_folder: str | os.PathLike[str] | None,
) -> str | os.PathLike[str] | None:
    if run_folder is None or len(plans) == 1:
        return run_folder
    name = plans[number].network.base_name
    before = sum(other.network.base_name == name for other in plans[:number])
    return Path(run_folder) / (f"{name}-{before + 1}" if before else name)
