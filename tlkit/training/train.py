"""Trains one model: from a resolved plan and data to a finished run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.base.interruption import delayed
from tlkit.data.augment import View
from tlkit.data.index import TRAIN, VALIDATION, DatasetIndex
from tlkit.features.extract import describe_part
from tlkit.features.frozen import FrozenPart
from tlkit.features.views import ViewRows, extract_views
from tlkit.models.cutting import CutModel
from tlkit.models.precision import computing_in, with_precision
from tlkit.models.saving import save_classifier
from tlkit.plans.plan import ResolvedPlan, ResolvedViews
from tlkit.runs.recording import recorded_run
from tlkit.runs.run import Run
from tlkit.runs.unfinished import check_usable, find_unfinished
from tlkit.store.pixels import keep_pixels
from tlkit.tensor.pipeline import make_batches, make_epochs
from tlkit.tensor.row_batches import make_row_batches
from tlkit.tensor.strategy import make_strategy
from tlkit.training.best_epoch import BestEpoch
from tlkit.training.checkpoint import Checkpoints
from tlkit.training.engine import Span, compile_model, count_steps, fit
from tlkit.training.epoch_lines import EpochLines
from tlkit.training.frozen import frozen_stays_frozen
from tlkit.training.joining import check_join
from tlkit.training.objective import class_weights
from tlkit.training.parts import Parts
from tlkit.training.progress import Progress, find_progress
from tlkit.training.results import final_split, predict_split, write_results

Build = Callable[[ResolvedPlan, int], Parts]
"""The function of a way, from a plan and a number of classes to its parts."""


def train_parts(
    plan: ResolvedPlan,
    data: DatasetIndex,
    build: Build,
    run_folder: str | os.PathLike[str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_start: Callable[[Run], None] | None = None,
) -> Run:
    """Trains what a way builds and leaves a finished run folder.

    Args:
        plan: The plan, with nothing left open.
        data: The data set.
        build: The way's function, called inside the scope of the strategy.
        run_folder: A new folder, or that of an unfinished run of the same
            plan and data, which goes on. None goes on with the latest such
            run in `runs/`, or else makes a new one there.
        callbacks: Keras callbacks, called after tlkit's own.
        on_start: Function that is called with the run before the training
            begins, for example to write another file into its folder.

    Returns:
        The finished run; `run.model_path` is the saved classifier.

    Raises:
        UsageError: The run folder exists, and its run is finished, in the
            hands of a living process, or one of another plan or other data.
        TlkitError: The data, the disk or the training failed, a frozen layer
            has changed, or the joined model does not say the same as its
            parts.
    """
    if run_folder is not None:
        check_usable(run_folder)  # before anything is built or computed
    parts = _build(plan, data, build)
    if parts.cut is None:
        # What cannot be cut is trained end to end; the run's config.json
        # shall say what was done and not what was asked for.
        plan = replace(plan, views=ResolvedViews(0, plan.views.dtype))
    if plan.network.warning:
        say(plan.network.warning)
        data = data.with_note(plan.network.warning)
    begun = find_unfinished(plan, data, run_folder)
    before = find_progress(begun, parts, data, plan.recipe.epochs)
    if begun is not None:
        # With those that the call which began it has added.
        notes = dict.fromkeys([*begun.data["notes"], *data.notes])
        data = replace(data, notes=tuple(notes))
    # Before the run folder is made: an unreadable image or a full disk then
    # leaves no run behind.
    first = before.first_epoch
    source = (
        _Rows(plan, data, parts.cut, first)
        if parts.cut
        else _Pixels(plan, data, first)
    )
    with recorded_run(plan, data, run_folder, begun) as run:
        if on_start is not None:
            on_start(run)
        about = {**before.trained} or _fit(
            plan, data, parts, source, run, before, callbacks
        )
        about["trained_layers"] = [
            layer.name
            for layer in parts.whole.layers
            if layer.trainable_weights
        ]
        final = _in_float32(parts)
        about |= source.check(final)
        write_results(run, data, lambda s: source.predict(final, s), about)
    return run


def _build(plan: ResolvedPlan, data: DatasetIndex, build: Build) -> Parts:
    """Builds and compiles the parts; their random weights follow the seed."""
    keras.utils.set_random_seed(plan.seed)
    strategy = make_strategy(plan.machine.devices)
    with strategy.scope(), computing_in(plan.recipe.precision):
        parts = build(plan, len(data.class_names))
        steps = count_steps(len(data.splits[TRAIN]), plan.recipe)
        compile_model(parts.learner, plan.recipe, steps)
    return parts


def _fit(
    plan: ResolvedPlan,
    data: DatasetIndex,
    parts: Parts,
    source: _Pixels | _Rows,
    run: Run,
    before: Progress,
    callbacks: Sequence[keras.callbacks.Callback],
) -> dict[str, Any]:
    """Trains the parts and leaves the best epoch's weights in them.

    The best model so far is saved at most every half minute, at the end, and
    when the user interrupts.

    Returns:
        The number of the best epoch, the number of epochs and the seconds.
    """
    recipe = plan.recipe
    keeper = _keeper(plan, data, parts, run)
    kept = Checkpoints(
        run.checkpoint_path, parts.learner, keeper, recipe.epochs, before.key
    )
    if before.state is not None:
        kept.go_on(before.state)
        if callbacks:
            say("callbacks of your own begin anew: no checkpoint has them")
    ours = [keeper, EpochLines(recipe.epochs, keeper.best_loss)]
    if plan.machine.tensorboard:
        ours.append(_tensorboard(run))
    with frozen_stays_frozen(parts.whole), delayed():
        try:
            if before.state is None or not before.state.over:
                fit(
                    parts.learner,
                    source.batches,
                    source.validation,
                    recipe,
                    [*ours, *callbacks, kept],
                    class_weights(recipe, data.splits[TRAIN].labels),
                    Span(before.first_epoch),
                )
        except KeyboardInterrupt:
            kept.write()
            raise
        finally:
            # Also after an interruption or an error, so that the best epoch
            # is saved whatever ended the training.
            keeper.restore()
    about = {
        "best_epoch": keeper.best_epoch,
        "epochs": len(keeper.rows),
        "seconds_training": round(kept.seconds, 1),
    }
    run.write_trained(about)
    return about


def _keeper(
    plan: ResolvedPlan, data: DatasetIndex, parts: Parts, run: Run
) -> BestEpoch:
    # The whole model, although only its upper part may be trained: what is
    # saved must take raw pixels.
    def save() -> None:
        whole = with_precision(parts.whole, "float32")
        frame = plan.network.frame
        save_classifier(whole, run.model_path, data.class_names, frame)

    keeper = BestEpoch(plan.recipe.patience, run, save)
    # Keras does so where it trains; where all epochs are done, it does not.
    keeper.set_model(parts.learner)
    return keeper


def _in_float32(parts: Parts) -> Parts:
    """Returns copies of the parts in float32, as they are saved and judged."""
    if parts.cut is None:
        return Parts(with_precision(parts.whole, "float32"))
    whole, prefix, suffix = (
        with_precision(model, "float32")
        for model in (parts.cut.whole, parts.cut.prefix, parts.cut.suffix)
    )
    return Parts(whole, CutModel(whole, prefix, suffix, parts.cut.at))


def _tensorboard(run: Run) -> keras.callbacks.Callback:
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "TensorBoard is not installed.",
            remedy="pip install 'tlkit[tensorboard]'",
        ) from error
    return keras.callbacks.TensorBoard(run.path / "tensorboard")


class _Pixels:
    """The source of a training that sends all images through the network."""

    def __init__(
        self, plan: ResolvedPlan, data: DatasetIndex, first_epoch: int
    ) -> None:
        self.data, self.frame = data, plan.network.frame
        decoded = keep_pixels(data, self.frame)
        self.batches = make_epochs(
            data.splits[TRAIN],
            self.frame,
            plan.recipe.batch_size,
            View(plan.augmentation, plan.seed, first_epoch),
            decoded.get(TRAIN),
        )
        # No seed: validation comes in the order of the index, unaugmented.
        self.validation = make_batches(
            data,
            VALIDATION,
            self.frame,
            plan.recipe.batch_size,
            decoded=decoded.get(VALIDATION),
        )

    def check(self, final: Parts) -> dict[str, float]:
        """Returns nothing: a model trained in one piece has no join."""
        return {}

    def predict(self, final: Parts, split: str) -> np.ndarray:
        """Returns the probabilities of a split, from its pixels."""
        return predict_split(final.whole, self.data, split, self.frame)


class _Rows:
    """The source of a training on stored outputs of the frozen part."""

    def __init__(
        self,
        plan: ResolvedPlan,
        data: DatasetIndex,
        cut: CutModel,
        first_epoch: int,
    ) -> None:
        self.data, self.frame = data, plan.network.frame
        self.rows = _extract(plan, data, cut)
        batch_size = plan.recipe.batch_size
        self.batches = make_row_batches(
            self.rows.train,
            data.splits[TRAIN].labels,
            batch_size,
            plan.seed,
            first_epoch,
        )
        self.validation: tf.data.Dataset = make_row_batches(
            [self.rows.validation], data.splits[VALIDATION].labels, batch_size
        )

    def check(self, final: Parts) -> dict[str, float]:
        """Compares the joined model with its parts; see `check_join`."""
        assert final.cut is not None  # only cut networks have stored rows
        differences = check_join(
            final.cut, self.rows.validation, self.data, self.frame
        )
        return {"images_through_base": self.rows.computed, **differences}

    def predict(self, final: Parts, split: str) -> np.ndarray:
        """Returns the probabilities of a split.

        The final split goes through the whole model, so that the figures to
        quote are those of the very model that is saved. Where validation is
        not the final split, its stored rows are used, which is faster.
        """
        if split == final_split(self.data):
            return predict_split(final.whole, self.data, split, self.frame)
        upper = final.learner
        return np.asarray(upper.predict(self.validation, verbose=0))


def _extract(plan: ResolvedPlan, data: DatasetIndex, cut: CutModel) -> ViewRows:
    """Returns the stored rows of all views, computing those that lack."""
    part = FrozenPart(
        cut.prefix,
        describe_part(plan.network, cut.at, plan.recipe.precision),
        plan.network.frame,
        cut.whole.distribute_strategy,
        plan.views.dtype,
        plan.machine.engine,
    )
    return extract_views(
        part, data, plan.augmentation, plan.seed, plan.views.count
    )
