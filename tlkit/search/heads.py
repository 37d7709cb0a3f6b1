"""Tries a grid of heads on stored features and judges by cross-validation."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Any

import keras
import numpy as np

from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.base.records import (
    NUMBER,
    SECONDS,
    SHARE,
    Column,
    Field,
    Shown,
    Table,
    number_as,
    tabulate,
)
from tlkit.cluster.engines import RAY
from tlkit.cluster.tasks import run_tasks
from tlkit.data.folds import check_folds, make_folds
from tlkit.data.index import TRAIN
from tlkit.evaluation.intervals import (
    INTERVAL_COLUMN,
    confidence_interval,
)
from tlkit.features.extract import Features
from tlkit.models.heads import HeadSpec, build_head
from tlkit.models.precision import computing_in
from tlkit.plans.plan import Plan, ResolvedPlan
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.search.kept import KeptScores
from tlkit.training.engine import compile_model, count_steps, fit
from tlkit.training.objective import class_weights

#: A step on stored features is so short that a third of its time is the call
#: from Python; sixteen steps a call make that negligible.
_STEPS_PER_EXECUTION = 16
#: The final training waits for ten epochs without improvement. That takes
#: half as long again and makes all heads one or two per cent better, so it
#: would not change which one is chosen.
_PATIENCE = 5


@dataclass(frozen=True)
class Head:
    """One head of a grid, and how fast it learns.

    Args:
        units: Number of units of the hidden dense layer; 0 leaves the layer
            out.
        dropout: Share of the hidden units dropped in training, 0 to below 1.
        learning_rate: Learning rate of the optimizer.
        l2: Factor by which the sum of squared weights is multiplied before
            it is added to the loss.
    """

    units: int
    dropout: float
    learning_rate: float
    l2: float

    def on(self, plan: Plan) -> Plan:
        """Returns the plan with its head and rate replaced by these."""
        network = replace(
            plan.network, units=self.units, dropout=self.dropout, l2=self.l2
        )
        recipe = replace(plan.recipe, learning_rate=self.learning_rate)
        return replace(plan, network=network, recipe=recipe)

    def __str__(self) -> str:
        return (
            f"{self.units} units, dropout {self.dropout:g}, "
            f"learning rate {self.learning_rate:g}, L2 {self.l2:g}"
        )


@dataclass(frozen=True)
class HeadGrid:
    """Heads to try: every combination of these values.

    Args:
        units: Numbers of units of the hidden dense layer. 0 stands for a head
            without it, which is tried with no dropout only, as there are no
            hidden units to drop.
        dropout: Shares of the hidden units dropped in training.
        learning_rate: Learning rates of the optimizer.
        l2: Factors by which the sum of squared weights is multiplied before
            it is added to the loss.
        folds: Number of parts into which the training images are divided,
            each of which is held out once. Five take twice as long as three.

    Raises:
        UsageError: A list is empty or is no list, or a value in it is out of
            its range.

    Example:
        >>> len(HeadGrid().heads())
        12
    """

    units: Sequence[int] = (0, 256)
    dropout: Sequence[float] = (0.0, 0.5)
    learning_rate: Sequence[float] = (1e-3, 3e-4)
    l2: Sequence[float] = (0.0, 1e-4)
    folds: int = 3

    def __post_init__(self) -> None:
        for name in ("units", "dropout", "learning_rate", "l2"):
            _check_numbers(name, getattr(self, name))
        check_folds(self.folds)
        for head in self.heads():
            # A plan checks the ranges of its values when it is made.
            head.on(Plan("features"))

    def heads(self) -> list[Head]:
        """Returns the heads to try, each once."""
        combined = itertools.product(
            self.units, self.dropout, self.learning_rate, self.l2
        )
        every = (
            Head(units, dropout if units else 0.0, rate, l2)
            for units, dropout, rate, l2 in combined
        )
        return list(dict.fromkeys(every))


def _check_numbers(name: str, values: Any) -> None:
    kind = int if name == "units" else Real
    listed = isinstance(values, Sequence) and len(values) > 0
    if not listed or not all(isinstance(value, kind) for value in values):
        raise UsageError(
            "The values to try must be a list with at least one value.",
            where=name,
            expected="whole numbers" if kind is int else "numbers",
            received=repr(values),
            remedy=f"Pass for example {name}={getattr(HeadGrid, name)}.",
        )


@dataclass(frozen=True)
class HeadScore:
    """How well one head does on images that have not trained it.

    Args:
        head: The head that was tried.
        count: Number of training images, each of which was held out once.
        correct: Number of them that were classified correctly while they
            were held out.
        log_loss: Mean negative natural logarithm of the true class's
            probability; infinite if a training diverged.
        seconds: Seconds that all trainings of this head took together.
    """

    head: Head
    count: int
    correct: int
    log_loss: float
    seconds: float

    @property
    def accuracy(self) -> float:
        """Share of the held-out images classified correctly."""
        return self.correct / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval of the accuracy."""
        return confidence_interval(self.correct, self.count)


#: What a table shows of each head.
_COLUMNS: list[Field[HeadScore]] = [
    (Column("units", number_as("d", "count")), lambda x: x.head.units),
    (
        Column("dropout", NUMBER),
        lambda x: x.head.dropout if x.head.units else None,
    ),
    (Column("learning rate", NUMBER), lambda x: x.head.learning_rate),
    (Column("L2", NUMBER), lambda x: x.head.l2),
    (Column("accuracy", SHARE), lambda x: x.accuracy),
    (INTERVAL_COLUMN, lambda x: x.interval),
    (Column("log loss", number_as(".3f")), lambda x: x.log_loss),
    (Column("seconds", SECONDS), lambda x: x.seconds),
]


@dataclass(frozen=True, repr=False)
class HeadSearch(Shown):
    """The result of trying heads.

    Args:
        grid: The grid of heads that were tried.
        scores: One score for each head, in the order of the grid.
    """

    grid: HeadGrid
    scores: tuple[HeadScore, ...]

    def __repr__(self) -> str:
        return (
            f"HeadSearch({len(self.scores)} heads, the best: {self.best.head}, "
            f"{SHARE.text(self.best.accuracy)})"
        )

    def table(self, stands_on: str = "") -> Table:
        """Returns a row for each head with its score, the best first.

        Args:
            stands_on: Name of the conv base that gave the features. It
                begins the title; an empty one is left out.
        """
        best = self.best
        title = (
            f"{best.count} training images, "
            f"{self.grid.folds}-fold cross-validation"
        )
        # How many others might be as good, so that nobody takes the order of
        # the table for a certain one. The best is within its own interval.
        near = sum(x.accuracy >= best.interval[0] for x in self.scores) - 1
        chosen = (
            f"Chosen: {best.head}; {near} of the other "
            f"{len(self.scores) - 1} are within its interval"
        )
        title = f"{stands_on}: {title}" if stands_on else title
        return tabulate(title, _COLUMNS, self.ranked, [chosen])

    @property
    def ranked(self) -> list[HeadScore]:
        """The scores, the most accurate first; log loss decides on equals."""
        return sorted(self.scores, key=lambda x: (-x.correct, x.log_loss))

    @property
    def best(self) -> HeadScore:
        """The first of `ranked`."""
        return self.ranked[0]

    def rows(self) -> list[dict[str, Any]]:
        """Returns the rows of a run's `heads.csv`, one for each head."""
        return [
            {
                **asdict(score.head),
                "images": score.count,
                "correct": score.correct,
                "accuracy": score.accuracy,
                "low": score.interval[0],
                "high": score.interval[1],
                "log_loss": score.log_loss,
                "seconds": round(score.seconds, 1),
                "folds": self.grid.folds,
            }
            for score in self.scores
        ]


def search_heads(
    features: Features, grid: HeadGrid | None = None
) -> HeadSearch:
    """Tries heads on the training images alone, by cross-validation.

    The training images are divided into folds. For every fold a head trains
    on all the other folds and is judged on this one, which also decides after
    which epoch its training ends. Validation and test images are not read, so
    that validation can still choose between conv bases, and the test images
    can judge what was chosen.

    Args:
        features: Features from `tlkit.extract_features`. Their plan says how
            each head is trained, except that the learning rates are those of
            the grid and that one device is used. Its engine tries the heads,
            one after the other or as tasks of Ray.
        grid: Heads to try; None tries twelve that are usually worth it.

    Returns:
        The score of each head.

    Raises:
        TlkitError: A class has fewer training images than there are folds.

    Example:
        features = tlkit.extract_features("features", "photos/")
        search = tlkit.search_heads(features)
        print(search.best.head, search.best.accuracy)
    """
    grid, plan = grid or HeadGrid(), features.plan
    folds = make_folds(features.data, TRAIN, grid.folds, plan.seed)
    vectors = np.asarray(features.arrays[TRAIN], np.float32)
    labels = features.data.splits[TRAIN].labels
    heads = grid.heads()
    say(f"{len(heads)} heads, {grid.folds} trainings each")
    classes = len(features.data.class_names)
    trials = [_trial(head, plan, classes) for head in heads]
    scores: dict[int, HeadScore] = {}
    for number, row in _rows(trials, (vectors, labels, folds), plan):
        head = heads[number]
        score = HeadScore(head, len(labels), int(row[0]), *map(float, row[1:]))
        scores[number] = score
        say(
            f"head {len(scores)}/{len(heads)}  {head}: "
            f"{score.accuracy:.1%}, {score.seconds:.1f} s"
        )
    return HeadSearch(grid, tuple(scores[n] for n in range(len(heads))))


_Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
_Trial = tuple[HeadSpec, ResolvedRecipe]


def _trial(head: Head, plan: ResolvedPlan, classes: int) -> _Trial:
    network = replace(
        plan.network, units=head.units, dropout=head.dropout, l2=head.l2
    )
    recipe = replace(plan.recipe, learning_rate=head.learning_rate)
    return network.head(classes), recipe


def _rows(
    trials: Sequence[_Trial], arrays: _Arrays, plan: ResolvedPlan
) -> Iterator[tuple[int, Sequence[float]]]:
    """Yields numbers and rows of heads, those that are kept first.

    The others are kept as soon as they are finished, so that a search that
    was interrupted goes on with what is left.
    """
    kept = KeptScores(arrays, plan.seed)
    settings = [
        {"head": asdict(spec), "recipe": asdict(recipe)}
        for spec, recipe in trials
    ]
    missing = []
    for number, one in enumerate(settings):
        row = kept.read(one)
        if row is None:
            missing.append(number)
        else:
            yield number, row
    left = [trials[number] for number in missing]
    with contextlib.closing(_tried(left, arrays, plan)) as tried:
        for place, row in tried:
            number = missing[place]
            kept.write(settings[number], row)
            yield number, row


def _tried(
    trials: Sequence[_Trial], arrays: _Arrays, plan: ResolvedPlan
) -> Generator[tuple[int, Sequence[float]], None, None]:
    """Yields numbers and rows of heads as they are finished."""
    shared = arrays, plan.seed
    if plan.machine.engine == RAY and trials:
        yield from run_tasks(_try, shared, trials)
        return
    for number, trial in enumerate(trials):
        yield number, _try(shared, trial)


def _try(
    shared: tuple[_Arrays, int], trial: _Trial
) -> tuple[int, float, float]:
    """Returns how many images a head has right, its log loss, the seconds."""
    (arrays, seed), (spec, recipe) = shared, trial
    started = time.time()
    with computing_in(recipe.precision):
        shares = held_out_probabilities(*arrays, spec, recipe, seed)
    return *_score(arrays[1], shares), time.time() - started


def held_out_probabilities(
    vectors: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    spec: HeadSpec,
    recipe: ResolvedRecipe,
    seed: int = 0,
) -> np.ndarray:
    """Returns the probabilities that heads give images they have not seen.

    Args:
        vectors: Features, a float32 array of shape `(count, length)`.
        labels: Class numbers, an int array of shape `(count,)`.
        folds: Number of each image's fold, from 0, an int array of shape
            `(count,)`. Each fold is judged by a head trained on the others.
        spec: The head.
        recipe: How the head is trained.
        seed: Seed of initial weights, order and dropout.

    Returns:
        A float32 array of shape `(count, classes)`. Its rows sum to 1, or
        hold NaN where a training diverged.
    """
    recipe = replace(recipe, patience=min(recipe.patience, _PATIENCE))
    keras.utils.set_random_seed(seed)
    head = build_head(vectors.shape[1:], spec)
    # One model, and so one schedule, serves all folds; their sizes differ by
    # a few images only.
    largest = int((folds != 0).sum())
    compile_model(
        head, recipe, count_steps(largest, recipe), _STEPS_PER_EXECUTION
    )
    shares = np.empty((len(labels), spec.classes), np.float32)
    for fold in _from_the_same_start(head, int(folds.max()) + 1):
        # Every head and fold gets the same shuffling and dropout, so that
        # heads are compared and not their luck.
        keras.utils.set_random_seed(seed)
        held_out = folds == fold
        fit(
            head,
            (vectors[~held_out], labels[~held_out]),
            (vectors[held_out], labels[held_out]),
            recipe,
            [
                keras.callbacks.EarlyStopping(
                    patience=recipe.patience, restore_best_weights=True
                )
            ],
            class_weight=class_weights(recipe, labels[~held_out]),
        )
        # A direct call, as `predict` would compile a new graph whenever a
        # fold has another number of images.
        shares[held_out] = head(vectors[held_out], training=False)
    return shares


def _from_the_same_start(model: keras.Model, times: int) -> Iterator[int]:
    """Yields 0, 1, 2 ...; before each, model and optimizer are reset.

    Building a new model for each fold would compile its graph again, which
    takes longer than the training.
    """
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    start = [variable.numpy() for variable in variables]
    for number in range(times):
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        yield number


def _score(labels: np.ndarray, shares: np.ndarray) -> tuple[int, float]:
    """Returns the number of images that are right, and the log loss."""
    # `argmax` of a row of NaN is 0, which would count as right for class 0.
    # A head that diverged must not win that way.
    whole = np.isfinite(shares).all(axis=1)
    correct = int((whole & (shares.argmax(axis=1) == labels)).sum())
    true = shares[np.arange(len(labels)), labels].astype(np.float64)
    # A probability that underflowed to 0 would make the mean infinite.
    smallest = float(np.finfo(np.float32).tiny)
    loss = float(-np.log(np.maximum(true, smallest)).mean())
    return correct, loss if math.isfinite(loss) else math.inf
