"""Who follows a training: the display, the trackers, and the user's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from tlkit.base.console import log, say
from tlkit.data.index import TRAIN, DatasetIndex
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.run import Run
from tlkit.runs.standing import Best
from tlkit.training.display import TrainingDisplay
from tlkit.training.progress import Progress
from tlkit.training.trackers import Forgiving


@contextlib.contextmanager
def followed(
    plan: ResolvedPlan,
    data: DatasetIndex,
    run: Run,
    before: Progress,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Iterator[list[keras.callbacks.Callback]]:
    """Lets a training be followed, from its beginning to its end.

    At the end, whatever it is, the terminal is left clean, and trackers and
    programs that read the log are told.

    Args:
        plan: The plan of the training, with nothing left open.
        data: The data set.
        run: The run, which is finished inside the block.
        before: How far it had come before.
        callbacks: The user's own callbacks.

    Yields:
        The callbacks to train with, the user's last.
    """
    if before.state is not None and callbacks:
        say("callbacks of your own begin anew: no checkpoint has them")
    log(_begin(plan, data, run, before))
    display = _display(plan, data, run, before)
    trackers = [Forgiving(name, plan, run) for name in plan.machine.track]
    state, error = "failed", None
    try:
        yield [display, *trackers, *callbacks]
        state = "finished"
    except KeyboardInterrupt:
        state = "interrupted"
        raise
    except BaseException as caught:
        error = str(caught) or type(caught).__name__
        raise
    finally:
        display.close()
        for tracker in trackers:
            tracker.end_run(state)
        log(_end(run, state, error))


def _display(
    plan: ResolvedPlan, data: DatasetIndex, run: Run, before: Progress
) -> TrainingDisplay:
    best = Best()
    for row in before.state.rows if before.state else ():
        best = best.after(row)
    recipe = plan.recipe
    images = len(data.splits[TRAIN])
    return TrainingDisplay(run, recipe.epochs, images, recipe.batch_size, best)


def _begin(
    plan: ResolvedPlan, data: DatasetIndex, run: Run, before: Progress
) -> dict[str, Any]:
    return {
        "event": "begin",
        "run": str(run.path),
        "way": plan.way,
        "data": data.name,
        "images": data.counts(),
        "epoch": before.first_epoch + 1,
        "epochs": plan.recipe.epochs,
    }


def _end(run: Run, state: str, error: str | None) -> dict[str, Any]:
    about = {"event": "end", "run": str(run.path), "state": state}
    if state != "finished":
        return about if error is None else {**about, "error": error}
    measured = run.metrics
    names = ("split", "count", "accuracy", "accuracy_interval")
    return {
        **about,
        "model": str(run.model_path),
        **{name: measured[name] for name in names},
    }
