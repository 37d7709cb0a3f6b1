"""Search in place of a grid, by Optuna, which is an extra.

pip install 'tlkit[search]'
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.records import Shown, Table
from tlkit.experiments.cells import Builder, make_case
from tlkit.experiments.images import ImageArrays
from tlkit.experiments.points import Outcome, Point, run_points
from tlkit.experiments.report import outcomes_table


@dataclass(frozen=True)
class Between:
    """Values that a search may draw from an interval.

    Args:
        low: the smallest.
        high: the largest, above `low`; whole numbers are drawn if both are.
        log: draw the logarithm evenly; then `low` is above 0.

    Raises:
        UsageError: the ends are not in order.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise UsageError(
                "There is nothing between these ends.",
                expected="low below high, and above 0 for a logarithm",
                received=f"{self.low} to {self.high}",
            )


@dataclass(frozen=True, repr=False)
class Search(Shown):
    """What a search has found.

    Args:
        trials: one outcome a setting, in the order tried; accuracy is that
            on training images held out from training.
    """

    trials: tuple[Outcome, ...]

    def __repr__(self) -> str:
        return f"Search({len(self.trials)} trials, the best: {self.best})"

    def table(self) -> Table:
        """Returns the trials, in the order tried, and which was the best."""
        best = f"Best on the images held out: {self.best.point.value}"
        table = outcomes_table("search", self.trials)
        number = self.trials.index(self.best)
        return replace(table, notes=(best,), best=number)

    @property
    def best(self) -> Outcome:
        """The trial that is most accurate on the images held out.

        It was chosen by them, which flatters it: train its case on all
        training images to quote a test accuracy.
        """
        return max(self.trials, key=lambda o: o.test_accuracy.mean)


def search(
    build: Builder,
    space: Mapping[str, Any],
    data: ImageArrays,
    folder: str | os.PathLike[str],
    base: Mapping[str, Any] | None = None,
    trials: int = 20,
    seed: int = 0,
) -> Search:
    """Looks for parameters by Optuna's tree-structured Parzen estimator.

    Bergstra, Bardenet, Bengio and Kegl, *Algorithms for Hyper-Parameter
    Optimization*, NeurIPS 2011, section 4. A sixth of the training images is
    held out to judge by; the test images are not looked at. The same call
    goes on where it was interrupted: the sampler draws the same settings
    again, and those that are finished are read from the folder.

    Args:
        build: see `Sweep`.
        space: by parameter, a list of values or `Between(low, high)`.
        data: the images.
        folder: where results are kept, cell by cell.
        base: parameters that all have.
        trials: how many settings to try, 1 or more.
        seed: of the sampler, the images held out and the trainings.

    Raises:
        UsageError: a parameter is unknown, or a value not possible.
        TlkitError: Optuna is not installed.

    Example:
        space = {"learning_rate": Between(0.01, 2, log=True),
                 "activation": ["sigmoid", "relu"]}
        found = search(lenet, space, data, "studies/search")
        print(found.best.point.value)
    """
    optuna = _import_optuna()
    if trials < 1 or not space:
        raise UsageError(
            "A search needs a trial, and something to vary.",
            expected="1 trial or more, 1 parameter or more",
            received=f"{trials} trials, {len(space)} parameters",
        )
    shown = data.hold_out(max(1, len(data.train_labels) // 6), seed)
    outcomes = []

    def judge(trial: Any) -> float:
        drawn = {name: _draw(trial, name, own) for name, own in space.items()}
        case = make_case(build, {**(base or {}), **drawn})
        label = ", ".join(f"{name} {value}" for name, value in drawn.items())
        point = Point("search", label, case)
        outcomes.extend(run_points([point], shown, Path(folder), 1, seed))
        return outcomes[-1].test_accuracy.mean

    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(judge, n_trials=trials)
    return Search(tuple(outcomes))


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise TlkitError(
            "A search needs Optuna, which is not installed.",
            remedy="Run: pip install 'tlkit[search]'. A Sweep with grid=True "
            "needs nothing more.",
        ) from error
    # Every trial has its line from tlkit already.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _draw(trial: Any, name: str, values: Any) -> Any:
    if not isinstance(values, Between):
        return trial.suggest_categorical(name, list(values))
    whole = isinstance(values.low, int) and isinstance(values.high, int)
    suggest = trial.suggest_int if whole else trial.suggest_float
    return suggest(name, values.low, values.high, log=values.log)
