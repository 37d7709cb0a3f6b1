"""Several conv bases, and several heads, for little more than one.

The base runs once for each image and base; heads train on what is stored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from tlkit.features.extract import Features, extract_features
from tlkit.models.transfer import TransferNetwork
from tlkit.runs.run import Run, check_new
from tlkit.search.heads import HeadGrid, HeadSearch, search_heads
from tlkit.training.fitting import Training
from tlkit.ways.features import FEATURES_TRAINING, train_on_features


@dataclass(frozen=True)
class ComparedBase:
    """One conv base of a comparison.

    Args:
        name: of the base, with its weights where they tell it from another.
        run: the finished run of its head.
        computed: images that went through it just now.
        seconds: from the first image to the finished run.
        search: how its head was chosen, if heads were compared.
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
        bases: in the order they were given.
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
    data: DatasetIndex,
    networks: Sequence[TransferNetwork],
    training: Training = FEATURES_TRAINING,
    dtype: str = "float16",
    grid: HeadGrid | None = None,
    run_folder: str | os.PathLike[str] | None = None,
) -> BaseComparison:
    """Trains a head on each of several conv bases; validation tells the best.

    Every base leaves an ordinary run, the same as without the others.

    Args:
        data: the data set.
        networks: conv bases and heads.
        training: how to train the heads.
        dtype: what the features are kept as, see `extract_features`.
        grid: heads to try on each base, see `train_best_head`; None for the
            networks' own.
        run_folder: of the only run; of several, a folder for theirs, each
            named after its base. None for `runs/<time>-features-<data set>`.

    Returns:
        One entry a base; only the best one's test accuracy is to be quoted.

    Raises:
        UsageError: no network, the same one twice, one that is not possible,
            or the run folder exists; found before anything is computed.
        TlkitError: see `extract_features`, `train_on_features` and
            `search_heads`.
    """
    _check(networks, run_folder)
    if len(networks) > 1 and TEST not in data.splits:
        data = data.with_note(
            f"Validation has chosen between {len(networks)} conv bases and "
            "there is no test split: the best one's accuracy is flattered."
        )
    compared = []
    for number, network in enumerate(networks):
        if len(networks) > 1:
            say(f"base {number + 1}/{len(networks)}: {network.base}")
        started = time.time()
        features = extract_features(data, network, training, dtype)
        folder = _folder(networks, number, run_folder)
        if grid is None:
            search, run = None, train_on_features(features, training, folder)
        else:
            search = search_heads(features, grid, training)
            run = _train_chosen(features, search, training, folder)
        compared.append(
            ComparedBase(
                _name(networks, number),
                run,
                features.computed,
                time.time() - started,
                search,
            )
        )
    return BaseComparison(tuple(compared))


def train_best_head(
    features: Features,
    grid: HeadGrid | None = None,
    training: Training = FEATURES_TRAINING,
    run_folder: str | os.PathLike[str] | None = None,
) -> Run:
    """Chooses a head by cross-validation and trains it as an ordinary run.

    Only training images choose, see `search_heads`; so the run's accuracy on
    validation and test is that of a head which they have not chosen.

    Args:
        features: from `tlkit.extract_features`.
        grid: heads to try; None for twelve that are usually worth trying.
        training: how to train them; the learning rates are the grid's.
        run_folder: where; None for `runs/<time>-features-<data set>`.

    Returns:
        The finished run; `heads.csv` in its folder has every head's score.

    Raises:
        UsageError: the run folder exists.
        TlkitError: see `search_heads` and `train_on_features`.
    """
    if run_folder is not None:
        check_new(run_folder)
    search = search_heads(features, grid, training)
    return _train_chosen(features, search, training, run_folder)


def _train_chosen(
    features: Features,
    search: HeadSearch,
    training: Training,
    run_folder: str | os.PathLike[str] | None,
) -> Run:
    head = search.best.head
    return train_on_features(
        replace(features, network=head.on(features.network)),
        replace(training, learning_rate=head.learning_rate),
        run_folder,
        search,
    )


def _check(
    networks: Sequence[TransferNetwork],
    run_folder: str | os.PathLike[str] | None,
) -> None:
    if not networks:
        raise UsageError("There is no conv base to train a head on.")
    for number, network in enumerate(networks):
        network.check()
        if network in networks[:number]:
            raise UsageError(
                "A conv base cannot be compared with itself.",
                where="--base",
                expected="every base once, or with other weights",
                received=f"{network.base} with weights {network.weights} twice",
            )
    if run_folder is not None:
        check_new(run_folder)


def _name(networks: Sequence[TransferNetwork], number: int) -> str:
    network = networks[number]
    if sum(other.base == network.base for other in networks) == 1:
        return network.base
    return f"{network.base} ({Path(str(network.weights)).name})"


def _folder(
    networks: Sequence[TransferNetwork],
    number: int,
    run_folder: str | os.PathLike[str] | None,
) -> str | os.PathLike[str] | None:
    if run_folder is None or len(networks) == 1:
        return run_folder
    base = networks[number].base
    before = sum(other.base == base for other in networks[:number])
    return Path(run_folder) / (f"{base}-{before + 1}" if before else base)
