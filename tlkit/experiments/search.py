"""Searches for good parameters by Optuna instead of trying a whole grid.

Optuna is an extra: `pip install 'tlkit[search]'`.
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
    """An interval from which a search draws values.

    Args:
        low: The smallest value.
        high: The largest value, above `low`. If both are whole numbers, only
            whole numbers are drawn.
        log: Whether the values' logarithms are drawn evenly, so that 0.001 to
            0.01 is as likely as 0.1 to 1. It needs a `low` above 0.

    Raises:
        UsageError: `low` is not below `high`, or not above 0 although `log`
            is true.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise UsageError(
                "There are no values between these ends.",
                expected="low below high, and above 0 for a logarithm",
                received=f"{self.low} to {self.high}",
            )


@dataclass(frozen=True, repr=False)
class Search(Shown):
    """The result of a search.

    Args:
        trials: One outcome for each setting, in the order tried. Its accuracy
            is that on training images that were held out from training.
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

        These images chose it, so its accuracy is higher than it would be on
        new images. To quote one, train its case on all training images and
        measure it on the test images.
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
    """Searches for parameters by Optuna's tree-structured Parzen estimator.

    Bergstra, Bardenet, Bengio and Kegl, *Algorithms for Hyper-Parameter
    Optimization*, NeurIPS 2011, section 4. A sixth of the training images is
    held out to judge the settings; the test images are not used. A call that
    is repeated goes on where it was interrupted: the sampler draws the same
    settings again, and those that are finished are read from the folder.

    Args:
        build: The builder of the network, see `Sweep`.
        space: Values to draw from, by parameter: a list of values, or
            `Between(low, high)`.
        data: The images.
        folder: Folder in which the results are kept.
        base: Values by parameter that all trainings share.
        trials: Number of settings to try, 1 or more.
        seed: Seed of the sampler, of the images held out and of the
            trainings.

    Raises:
        UsageError: A parameter is unknown, or a value is not possible.
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
            "A search needs at least one trial and one parameter to vary.",
            expected="1 trial or more, 1 parameter or more",
            received=f"{trials} trials, {len(space)} parameters",
        )
    # The settings must not be chosen by the test images, or these could not
    # judge the chosen one.
    shown = data.hold_out(max(1, len(data.train_labels) // 6), seed)
    outcomes = []

    def judge(trial: Any) -> float:
        drawn = {name: _draw(trial, name, own) for name, own in space.items()}
        case = make_case(build, {**(base or {}), **drawn})
        label = ", ".join(f"{name} {value}" for name, value in drawn.items())
        # One after the other, as the sampler learns from each result.
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
    # tlkit prints a line for every trial already.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _draw(trial: Any, name: str, values: Any) -> Any:
    if not isinstance(values, Between):
        return trial.suggest_categorical(name, list(values))
    whole = isinstance(values.low, int) and isinstance(values.high, int)
    suggest = trial.suggest_int if whole else trial.suggest_float
    return suggest(name, values.low, values.high, log=values.log)
