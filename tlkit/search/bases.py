"""Compares conv bases, and chooses a head, on stored features.

Each conv base runs once over every image. Its features stay in the store, so
that further heads on the same base cost only their own short training.
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
from tlkit.cluster.engines import keeping_ray
from tlkit.data.index import TEST, DatasetIndex
from tlkit.evaluation.intervals import INTERVAL_COLUMN
from tlkit.features.extract import extract_features
from tlkit.plans.plan import Plan, ResolvedPlan
from tlkit.runs.run import Run
from tlkit.runs.unfinished import check_usable
from tlkit.search.heads import HeadGrid, HeadSearch, search_heads
from tlkit.search.kept import Place, find_places
from tlkit.tensor.hosts import are_described
from tlkit.ways.train import resolve_for, train


@dataclass(frozen=True)
class ComparedBase:
    """One conv base of a comparison.

    Args:
        name: Name of the base, followed by its weights where the same base
            is compared with other weights.
        run: The finished run of the head on this base.
        computed: Number of images that went through the base just now; 0
            where all features were in the store already.
        seconds: Seconds from the first image to the finished run.
        search: Scores of the heads that were tried; None where the head was
            not chosen but given by the plan.
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
    (Column("images computed", COUNT), lambda x: x.computed),
    (Column("validation accuracy", SHARE), lambda x: x.validation["accuracy"]),
    (INTERVAL_COLUMN, lambda x: x.validation["accuracy_interval"]),
    (Column("seconds", SECONDS), lambda x: x.seconds),
    (Column("run", long=True), lambda x: x.run.path),
]


@dataclass(frozen=True, repr=False)
class BaseComparison(Shown):
    """The result of comparing conv bases.

    Args:
        bases: The conv bases, in the order in which they were given.
    """

    bases: tuple[ComparedBase, ...]

    def __repr__(self) -> str:
        names = ", ".join(base.name for base in self.bases)
        return f"BaseComparison({shorten(names, 150)})"

    def table(self) -> Table:
        """Returns a row for each conv base with its validation accuracy."""
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
        """The base with the highest validation accuracy.

        Among equally accurate ones it is the one with the lowest log loss.
        """

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
    """Trains a head on each of several conv bases and compares them.

    The accuracy on the validation images decides which base is best. Every
    base leaves an ordinary run, the same as it would alone. A comparison that
    was interrupted goes on: what it has finished is not computed again.

    Args:
        plans: Plans of the way `features`, each with another network.
        data: The data set.
        grid: Heads to try on each base, see `train_best_head`. None trains
            the one head that each plan describes.
        run_folder: A new folder, or that of an interrupted comparison of the
            same plans and data: the folder of the run if there is one plan,
            else the parent of the runs' folders, each named after its base.
            None goes on with such runs in `runs/`, or else makes
            `runs/<time>-features-<data set>` for each.

    Returns:
        One entry for each base. Quote the test accuracy of the best one
        alone: choosing among several test accuracies would make the quoted
        one too high.

    Raises:
        UsageError: There is no plan, a network is given twice or is not
            possible, or the run folder exists and is not that of such a
            comparison. All of this is found before anything is computed.
        TlkitError: See `train` and `search_heads`.

    Example:
        plans = [
            tlkit.Plan("features", tlkit.Network(base))
            for base in ("minivgg", "mobilenet_v2")
        ]
        compared = tlkit.compare_bases(plans, tlkit.load_dataset("photos/"))
        print(compared.best.name, compared.best.run.summary())
    """
    if are_described():
        raise UsageError(
            "A comparison, of conv bases or of heads, runs on one host.",
            where="TF_CONFIG, or SLURM",
            expected="one host",
            remedy="Train the plans one by one, or start it on one host alone.",
        )
    resolved = _check(plans, data)
    if len(plans) > 1:
        names = [_folder(plans, number) for number in range(len(plans))]
        places = find_places(resolved, data, grid, run_folder, names)
    else:
        places = [Place(run_folder)]
        if run_folder is not None:
            check_usable(run_folder)
    # With a test split the validation accuracy only chooses, and the quoted
    # figure comes from images that no choice has seen.
    if len(plans) > 1 and TEST not in data.splits:
        data = data.with_note(
            f"Validation has chosen between {len(plans)} conv bases and there "
            "is no test split, so the best one's accuracy is higher than it "
            "would be on new images."
        )
    with keeping_ray():
        compared = [
            _compare(plans, number, data, grid, place)
            for number, place in enumerate(places)
        ]
    return BaseComparison(tuple(compared))


def _compare(
    plans: Sequence[Plan],
    number: int,
    data: DatasetIndex,
    grid: HeadGrid | None,
    place: Place,
) -> ComparedBase:
    name = _name(plans, number)
    if len(plans) > 1:
        say(f"base {number + 1}/{len(plans)}: {name}")
    started = time.time()
    run, search, computed = _train_head(plans[number], data, grid, place)
    return ComparedBase(name, run, computed, time.time() - started, search)


def train_best_head(
    plan: Plan,
    data: DatasetIndex,
    grid: HeadGrid | None = None,
    run_folder: str | os.PathLike[str] | None = None,
) -> Run:
    """Chooses a head by cross-validation and trains it as an ordinary run.

    The head is chosen by training images alone (see `search_heads`), so the
    choice does not raise the run's accuracy on validation and test images.

    Args:
        plan: A plan of the way `features`. Its head and learning rate are
            replaced by those of the chosen head.
        data: The data set.
        grid: Heads to try; None tries twelve that are usually worth it.
        run_folder: A new folder, or that of an unfinished run of the same
            plan and data, which goes on; see `train`. None goes on with such
            a run in `runs/`, or else makes `runs/<time>-features-<data set>`.

    Returns:
        The finished run. The file `heads.csv` in its folder holds the score
        of every head.

    Raises:
        UsageError: The run folder exists and is not that of such a run.
        TlkitError: See `train` and `search_heads`.

    Example:
        run = tlkit.train_best_head(
            tlkit.Plan("features", tlkit.Network("minivgg")),
            tlkit.load_dataset("photos/"),
            tlkit.HeadGrid(units=(0, 64), dropout=(0.5,)),
        )
    """
    if run_folder is not None:
        check_usable(run_folder)
    with keeping_ray():
        place = Place(run_folder)
        return _train_head(plan, data, grid or HeadGrid(), place)[0]


def _train_head(
    plan: Plan,
    data: DatasetIndex,
    grid: HeadGrid | None,
    place: Place,
) -> tuple[Run, HeadSearch | None, int]:
    """Returns the run, the search for its head, and the images computed."""
    if grid is None and place.finished:
        return place.finished, None, 0
    if grid is None:
        run = train(plan, data, place.folder, on_start=place.note)
        return run, None, run.metrics["training"]["images_through_base"]
    # A Keras optimizer has its own rate: refused before the base runs.
    grid.heads()[0].on(plan)
    # Only now is the number of computed images known: the training after it
    # finds all features in the store and reports none.
    features = extract_features(plan, data)
    search = search_heads(features, grid)

    def note(run: Run) -> None:
        run.write_heads(search.rows())
        place.note(run)

    run = place.finished or train(
        search.best.head.on(plan), data, place.folder, on_start=note
    )
    return run, search, features.computed


def _check(plans: Sequence[Plan], data: DatasetIndex) -> list[ResolvedPlan]:
    """Raises UsageError unless the plans can be compared; resolves them."""
    if not plans:
        raise UsageError("There is no conv base to train a head on.")
    # Resolved, so that a base named with its published weights and one that
    # leaves the weights open count as the same network.
    resolved = [resolve_for(plan, data) for plan in plans]
    networks = [plan.network for plan in resolved]
    for number, network in enumerate(networks):
        if network in networks[:number]:
            raise UsageError(
                "A conv base cannot be compared with itself.",
                where="--base",
                expected="every base once, or with other weights",
                received=f"{network.base} with weights {network.weights} twice",
            )
    return resolved


def _name(plans: Sequence[Plan], number: int) -> str:
    name = plans[number].network.base_name
    if sum(other.network.base_name == name for other in plans) == 1:
        return name
    weights = plans[number].network.resolved().weights
    return f"{name} ({Path(weights).name})"


def _folder(plans: Sequence[Plan], number: int) -> str:
    name = plans[number].network.base_name
    # The same base may come twice with other weights; a path of weights is
    # no name for a folder, so the later ones are numbered.
    before = sum(other.network.base_name == name for other in plans[:number])
    return f"{name}-{before + 1}" if before else name
