"""Trains a plan of any way on a data set and leaves a finished run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras

from tlkit.base.choices import did_you_mean
from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.base.machine import ALL
from tlkit.base.wording import name_some
from tlkit.data.index import DatasetIndex
from tlkit.data.load import Source, load_again, load_dataset, what_is_unusual
from tlkit.plans.files import read_fingerprint, read_plan
from tlkit.plans.plan import Plan, ResolvedPlan
from tlkit.plans.resolve import resolve
from tlkit.plans.ways import WAYS
from tlkit.runs.run import Run, open_run, run_of
from tlkit.runs.unfinished import check_unfinished
from tlkit.tensor.hosts import are_described, is_chief
from tlkit.training.train import Build, train_parts
from tlkit.ways import augmented, features, finetune, scratch

BUILDERS: Mapping[str, Build] = {
    "scratch": scratch.build,
    "features": features.build,
    "augmented": augmented.build,
    "finetune": finetune.build,
}
"""The function of each way that builds its network."""


def train(
    plan: Plan | str | os.PathLike[str],
    data: DatasetIndex | Source,
    run_folder: str | os.PathLike[str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_start: Callable[[Run], None] | None = None,
) -> Run:
    """Trains a model as a plan says and leaves a finished run folder.

    Args:
        plan: A plan; or the name of a way, for all of its defaults; or the
            path of a plan's file, `.toml` or `.json`, such as another run's
            `config.json`.
        data: A data set, or a source that `load_dataset` can read.
        run_folder: A folder that does not exist yet, or that of an unfinished
            run of the same plan and data, which goes on. None goes on with
            the latest such run in `runs/`, or else makes
            `runs/<time>-<way>-<data set>`.
        callbacks: Keras callbacks, called after tlkit's own.
        on_start: Function that is called with the run before the training
            begins.

    Returns:
        The finished run; `run.model_path` is the saved classifier.

    Raises:
        UsageError: The plan is not possible, or the run folder exists and is
            not that of such a run. This is found before anything is
            computed.
        TlkitError: Weights or data cannot be read, the disk is full, or the
            training failed.

    Example:
        run = tlkit.train(tlkit.Plan("features"), "photos/")
        print(run.summary())
    """
    made = as_plan(plan)  # a mistake in it is found before the data are read
    if not isinstance(data, DatasetIndex):
        data = load_like(_like(plan, made), data)
    if not isinstance(plan, Plan) and plan not in WAYS:
        data = _with_note_on_plan(data, plan)
    resolved = resolve_for(made, data)
    data = _with_note_on_start(data, resolved)
    build = BUILDERS[resolved.way]
    return train_parts(resolved, data, build, run_folder, callbacks, on_start)


def resume(
    run_folder: str | os.PathLike[str],
    data: DatasetIndex | Source | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    devices: int | str | None = None,
) -> Run:
    """Goes on with a run that was interrupted, failed or killed.

    It goes on after the last epoch that its checkpoint has, and ends with the
    same weights, history and figures, to the bit, as if it had never been
    interrupted. A run without a checkpoint begins anew in its folder.

    Args:
        run_folder: Folder of the run.
        data: The data that the run was begun with, or where they lie now;
            None reads them from where they lay.
        callbacks: Keras callbacks, called after tlkit's own. They begin anew.
        devices: Devices that compute from now on, see `Machine`; None takes
            as many as the run was begun with, and on several hosts all. With
            another number the last digits may be others.

    Returns:
        The finished run.

    Raises:
        UsageError: There is no such run, it is finished, a living process
            works on it, or the data are others.
        TlkitError: See `train`.

    Example:
        run = tlkit.resume("runs/20260131-094500-scratch-photos")
        print(run.summary())
    """
    run = open_run(run_folder)
    if is_chief():
        check_unfinished(run)
    if devices is None and are_described():
        devices = ALL
    plan = run.plan
    if devices is not None:
        plan = replace(plan, machine=replace(plan.machine, devices=devices))
    if not isinstance(data, DatasetIndex):
        data = _read_again(run, data)
    build = BUILDERS[plan.way]
    return train_parts(
        resolve_for(plan, data), data, build, run.path, callbacks
    )


def _like(plan: Plan | str | os.PathLike[str], made: Plan) -> object:
    """Returns the run that a plan goes on from, or whose plan it is."""
    return made.start if isinstance(plan, Plan) else made.start or plan


def load_like(run: object, source: Source) -> DatasetIndex:
    """Loads a data set as a run has read it, if the run has read these data.

    Whoever goes on from a run wants its splits, and would else have to say
    again where labels and groups stand.

    Args:
        run: Path of the run, or of a file of its; other objects mean none.
        source: The source, see `tlkit.load_dataset`.

    Raises:
        UsageError: See `tlkit.load_dataset`.
        TlkitError: See `tlkit.load_dataset`.
    """
    known = run_of(run) if isinstance(run, str | os.PathLike) else None
    read_as = known.reads(source) if known else {}
    if known is None or not read_as:
        return load_dataset(source)
    words = what_is_unusual(read_as)
    index = load_again(read_as, source)
    if not words:
        return index
    return index.with_note(f"Read as for the run {known.path.name}: {words}.")


def _read_again(run: Run, source: Source | None) -> DatasetIndex:
    read_as = run.data.get("read_as", {})
    try:
        return load_again(read_as, source)
    except UsageError as error:
        if source is not None:
            raise
        raise UsageError(
            "The data of this run are not found.",
            where=run.path,
            received=error.problem,
            remedy=f"Name them: tlkit resume {run.path} DATA, or data= in "
            "Python.",
        ) from error


def as_plan(plan: Plan | str | os.PathLike[str]) -> Plan:
    """Returns a plan from a plan, the name of a way, or a plan's file.

    Args:
        plan: A plan, which is returned as it is; the name of a way; or the
            path of a `.toml` or `.json` file.

    Raises:
        UsageError: It is no such name, or there is no such file.
        TlkitError: The file cannot be read.
    """
    if isinstance(plan, Plan):
        return plan
    if plan in WAYS:
        return Plan(str(plan))
    path = Path(plan)
    if path.suffix not in (".toml", ".json"):
        raise UsageError(
            "No such plan.",
            where=plan,
            expected=f"a way ({', '.join(WAYS)}), or the path of a .toml or "
            ".json file, such as a run's config.json",
            received="another kind of file" if path.exists() else "nothing",
            remedy=did_you_mean(str(plan), WAYS),
        )
    return read_plan(path)


def resolve_for(plan: Plan, data: DatasetIndex) -> ResolvedPlan:
    """Resolves a plan, with the run it goes on from if it has one.

    Args:
        plan: The plan.
        data: The data set, which must have the classes of the run to go on
            from.

    Raises:
        UsageError: The plan is not possible (see
            `tlkit.plans.resolve.resolve`), its base cannot be built, or the
            run to go on from has other classes.
    """
    if isinstance(plan, ResolvedPlan):
        return plan
    started = open_run(plan.start) if plan.start else None
    if started is not None:
        _check_classes(started, data)
    resolved = resolve(plan, data, started.plan if started else None)
    # The convnet has no base to check, and fine-tuning goes on with one that
    # was built before.
    if "base" not in WAYS[plan.way].without | WAYS[plan.way].from_start:
        resolved.network.check()
    return resolved


def _check_classes(run: Run, data: DatasetIndex) -> None:
    # In the same order, too: the head that is trained further gives its
    # probabilities in the order of the first data set.
    trained = run.class_names
    if trained != list(data.class_names):
        raise UsageError(
            "The data have other classes than the run to go on from.",
            where=data.source,
            expected=name_some(trained, 10),
            received=name_some(data.class_names, 10),
        )


def _with_note_on_plan(
    data: DatasetIndex, plan: str | os.PathLike[str]
) -> DatasetIndex:
    """Says so if a run's plan is trained on other data than the run was."""
    made_on, here = read_fingerprint(Path(plan)), data.fingerprint()
    if made_on in (None, here):
        return data
    note = (
        f"The plan is that of a run on other data (fingerprint {made_on}, "
        f"here {here})."
    )
    say(note)
    return data.with_note(note)


def _with_note_on_start(data: DatasetIndex, plan: ResolvedPlan) -> DatasetIndex:
    """Notes how many test images trained the model to go on from."""
    test = data.splits.get("test")
    if not plan.start or test is None:
        return data
    seen = open_run(plan.start).training_digests()
    known = sum(digest in seen for digest in test.digests)
    if not known:
        return data
    return data.with_note(
        f"{known} test images trained the run that this one goes on from, so "
        "the accuracy is higher than it would be on new images."
    )
