"""Trains one model: from a resolved plan and data to a finished run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.console import say
from tlkit.base.errors import TlkitError
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
from tlkit.runs.run import Run, RunElsewhere
from tlkit.runs.unfinished import check_usable, find_unfinished
from tlkit.store.pixels import keep_pixels
from tlkit.tensor.hosts import (
    find_hosts,
    from_chief,
    gone_in_words,
    is_chief,
    leave_hosts,
)
from tlkit.tensor.pipeline import make_epochs, make_view_batches
from tlkit.tensor.row_batches import make_row_batches
from tlkit.tensor.shares import EVERYTHING, Portion, Share, share_of
from tlkit.tensor.strategy import make_strategy
from tlkit.training.best_epoch import BestEpoch
from tlkit.training.checkpoint import Checkpoints
from tlkit.training.engine import Span, compile_model, count_steps, fit
from tlkit.training.following import followed
from tlkit.training.frozen import frozen_stays_frozen
from tlkit.training.joining import check_join
from tlkit.training.meters import meters_of
from tlkit.training.objective import class_weights
from tlkit.training.parts import Parts
from tlkit.training.progress import Progress, as_the_chief, find_progress
from tlkit.training.replicated import check_replicable
from tlkit.training.results import final_split, predict_split, write_results

Build = Callable[[ResolvedPlan, int], Parts]
"""The function of a way, from a plan and a number of classes to its parts."""


@gone_in_words()
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
    if run_folder is not None and is_chief():
        check_usable(run_folder)  # before anything is built or computed
    parts = _build(plan, data, build)
    if parts.cut is None:
        # What cannot be cut is trained end to end; the run's config.json
        # shall say what was done and not what was asked for.
        plan = replace(plan, views=ResolvedViews(0, plan.views.dtype))
    if plan.network.warning:
        say(plan.network.warning)
        data = data.with_note(plan.network.warning)
    begun = find_unfinished(plan, data, run_folder) if is_chief() else None
    before = as_the_chief(find_progress(begun, parts, data, plan.recipe.epochs))
    if begun is not None:
        # With those that the call which began it has added.
        notes = dict.fromkeys([*begun.data["notes"], *data.notes])
        data = replace(data, notes=tuple(notes))
    # Before the run folder is made: an unreadable image or a full disk then
    # leaves no run behind.
    share = share_of(parts.learner.distribute_strategy)
    source = (
        _Rows(plan, data, share, parts.cut)
        if parts.cut
        else _Pixels(plan, data, share)
    )
    with _recorded(plan, data, run_folder, begun, before, callbacks) as (
        run,
        followers,
    ):
        if on_start is not None and run.writes:
            on_start(run)
        about = {**before.trained} or _fit(
            plan, data, parts, source, run, before, followers
        )
        if not run.writes:
            leave_hosts()  # when the chief has judged the model
            return run
        about["trained_layers"] = [
            layer.name
            for layer in parts.whole.layers
            if layer.trainable_weights
        ]
        final = _in_float32(parts)
        about |= source.check(final)
        write_results(run, data, lambda s: source.predict(final, s), about)
    # The run is finished, whatever has become of the other hosts.
    with contextlib.suppress(TlkitError):
        leave_hosts()
    return run


@contextlib.contextmanager
def _recorded(
    plan: ResolvedPlan,
    data: DatasetIndex,
    folder: str | os.PathLike[str] | None,
    begun: Run | None,
    before: Progress,
    callbacks: Sequence[keras.callbacks.Callback],
) -> Iterator[tuple[Run, Sequence[keras.callbacks.Callback]]]:
    """Makes the run, or goes on with it; on one of several hosts alone.

    Yields:
        The run, and the callbacks to train with.
    """
    if not is_chief():
        path = Path(os.fsdecode(from_chief(b"")))
        yield RunElsewhere(path), callbacks
        return
    with (
        recorded_run(plan, data, folder, begun) as run,
        followed(plan, data, run, before, callbacks) as followers,
    ):
        from_chief(os.fsencode(run.path.absolute()))
        yield run, followers


def _build(plan: ResolvedPlan, data: DatasetIndex, build: Build) -> Parts:
    """Builds and compiles the parts; their random weights follow the seed."""
    keras.utils.set_random_seed(plan.seed)
    strategy = make_strategy(plan.machine.devices)
    with strategy.scope(), computing_in(plan.recipe.precision):
        parts = build(plan, len(data.class_names))
        steps = count_steps(len(data.splits[TRAIN]), plan.recipe)
        compile_model(parts.learner, plan.recipe, steps)
        # Else it would have no moments before its first step; and hosts must
        # make all variables together.
        parts.learner.optimizer.build(parts.learner.trainable_variables)
    if strategy.num_replicas_in_sync > 1:
        check_replicable(parts.learner)
    return parts


def _fit(
    plan: ResolvedPlan,
    data: DatasetIndex,
    parts: Parts,
    source: _Pixels | _Rows,
    run: Run,
    before: Progress,
    followers: Sequence[keras.callbacks.Callback],
) -> dict[str, Any]:
    """Trains the parts and leaves the best epoch's weights in them.

    The best model so far is saved at most every half minute, at the end, and
    when the user interrupts.

    Returns:
        The number of the best epoch, the number of epochs and the seconds.
    """
    recipe = plan.recipe
    keeper = _keeper(plan, data, parts, run)
    meters = meters_of(parts.learner)
    kept = Checkpoints(
        run.checkpoint_path if run.writes else None,
        parts.learner,
        keeper,
        recipe.epochs,
        before.key,
        meters,
    )
    if before.state is not None:
        kept.go_on(before.state)
    together = find_hosts() is not None
    with frozen_stays_frozen(parts.whole), delayed(together):
        try:
            for batches, span in _stretches(source, before, recipe.epochs):
                fit(
                    parts.learner,
                    batches,
                    source.validation,
                    recipe,
                    [keeper, *followers, kept],
                    class_weights(recipe, data.splits[TRAIN].labels),
                    replace(span, meters=meters),
                )
                if parts.learner.stop_training:
                    break
        except (KeyboardInterrupt, TlkitError):
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


def _stretches(
    source: _Pixels | _Rows, before: Progress, epochs: int
) -> Iterator[tuple[tf.data.Dataset, Span]]:
    """Yields what is still to be trained: batches and numbers of epochs."""
    if before.state is not None and before.state.over:
        return
    first = before.first_epoch
    if before.skipped:
        # The rest of an epoch has fewer steps than those after it.
        yield source.batches(first, before.skipped), Span(first, first + 1)
        first += 1
    if first < epochs:
        yield source.batches(first), Span(first)


def _keeper(
    plan: ResolvedPlan, data: DatasetIndex, parts: Parts, run: Run
) -> BestEpoch:
    # The whole model, although only its upper part may be trained: what is
    # saved must take raw pixels.
    def save() -> None:
        if not run.writes:
            return
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


class _Pixels:
    """The source of a training that sends all images through the network."""

    def __init__(
        self, plan: ResolvedPlan, data: DatasetIndex, share: Share | None
    ) -> None:
        self.plan, self.data, self.share = plan, data, share
        self.frame = plan.network.frame
        self.decoded = keep_pixels(data, self.frame)
        # No view: validation comes in the order of the index, unaugmented.
        self.validation = make_view_batches(
            data.splits[VALIDATION],
            self.frame,
            plan.recipe.batch_size,
            decoded=self.decoded.get(VALIDATION),
            portion=Portion(0, share),
        )

    def batches(self, epoch: int, skipped: int = 0) -> tf.data.Dataset:
        """Returns the batches of an epoch and of those after it.

        Args:
            epoch: Number of the epoch, from 0.
            skipped: Number of its batches that are left out.
        """
        return make_epochs(
            self.data.splits[TRAIN],
            self.frame,
            self.plan.recipe.batch_size,
            View(self.plan.augmentation, self.plan.seed, epoch),
            self.decoded.get(TRAIN),
            Portion(skipped, self.share),
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
        share: Share | None,
        cut: CutModel,
    ) -> None:
        self.plan, self.data, self.share = plan, data, share
        self.frame = plan.network.frame
        self.rows = _extract(plan, data, cut)
        self.validation = self._held_out(Portion(0, share))

    def batches(self, epoch: int, skipped: int = 0) -> tf.data.Dataset:
        """Returns the batches of an epoch and of those after it.

        Args:
            epoch: Number of the epoch, from 0.
            skipped: Number of its batches that are left out.
        """
        return make_row_batches(
            self.rows.train,
            self.data.splits[TRAIN].labels,
            self.plan.recipe.batch_size,
            self.plan.seed,
            epoch,
            Portion(skipped, self.share),
        )

    def _held_out(self, portion: Portion = EVERYTHING) -> tf.data.Dataset:
        return make_row_batches(
            [self.rows.validation],
            self.data.splits[VALIDATION].labels,
            self.plan.recipe.batch_size,
            portion=portion,
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
        return np.asarray(upper.predict(self._held_out(), verbose=0))


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
