"""How far an unfinished run has come, and where it goes on."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from tlkit.base.console import say
from tlkit.base.errors import TlkitError
from tlkit.data.index import TRAIN, VALIDATION, DatasetIndex, digest
from tlkit.models.digests import weights_digest
from tlkit.models.saving import load_model
from tlkit.runs.run import Run
from tlkit.runs.unfinished import changed_libraries
from tlkit.tensor.hosts import find_hosts, from_chief
from tlkit.training.checkpoint import (
    State,
    fits,
    pack_state,
    read_state,
    unpack_state,
)
from tlkit.training.parts import Parts


@dataclass(frozen=True)
class Progress:
    """How far a run has come before.

    Args:
        key: What the training begins with: see `State.begun_as`.
        state: The state from which it goes on; None begins with the first
            epoch.
        trained: Facts of a training that is over, whose model only has to be
            judged; else empty.
    """

    key: str
    state: State | None = None
    trained: dict[str, Any] = field(default_factory=dict)

    @property
    def first_epoch(self) -> int:
        """Number of the first epoch to train, from 0."""
        return self.state.epoch if self.state else 0

    @property
    def skipped(self) -> int:
        """Number of steps of that epoch that are finished."""
        return self.state.step if self.state else 0


def find_progress(
    run: Run | None, parts: Parts, data: DatasetIndex, epochs: int
) -> Progress:
    """Finds out where a training goes on, and says it in a line.

    Args:
        run: The run that goes on; None for a new one.
        parts: What is trained, with its first weights. Where the training is
            over they are replaced by the best ones.
        data: The data set.
        epochs: Number of epochs that are planned.
    """
    key = _key(parts, data)
    if run is None:
        return Progress(key)
    changed = changed_libraries(run)
    if changed:
        say(
            "note: libraries have changed since this run began, so the last "
            f"digits may be others: {'; '.join(changed)}"
        )
    trained = _put_back(run, parts)
    if trained:
        say(f"{run.path} goes on: it is trained, and is judged now")
        return Progress(key, trained=trained)
    state = read_state(run.checkpoint_path)
    if state is not None and not fits(state, parts.learner, key):
        say(
            f"{run.checkpoint_path} is not used: the first weights, or the "
            "order of the images, were others"
        )
        state = None
    if state is None:
        say(f"{run.path} begins anew")
    else:
        within = f", step {state.step}" if state.step else ""
        say(f"{run.path} goes on after epoch {state.epoch} of {epochs}{within}")
    return Progress(key, state)


def as_the_chief(before: Progress) -> Progress:
    """Returns how far the chief's run has come, on every host.

    Args:
        before: What `find_progress` returned. Only the chief looks for a run.

    Raises:
        TlkitError: This host begins with other images or weights.
    """
    if find_hosts() is None:
        return before
    if from_chief(before.key.encode()) != before.key.encode():
        raise TlkitError(
            "This host does not train the same as the chief: its images, or "
            "the first weights, are others.",
            remedy="Give the same command on all hosts, on the same data.",
        )
    state = from_chief(pack_state(before.state) if before.state else b"")
    trained = from_chief(json.dumps(before.trained).encode())
    return Progress(
        before.key,
        unpack_state(state) if state else None,
        json.loads(trained),
    )


def _key(parts: Parts, data: DatasetIndex) -> str:
    """Identifies the weights and the order of images that are begun with."""
    images = [data.splits[name].digests for name in (TRAIN, VALIDATION)]
    weights = weights_digest(parts.whole.get_weights())
    return digest(repr((weights, images)).encode())


def _put_back(run: Run, parts: Parts) -> dict[str, Any]:
    """Loads the best weights of a training that is over.

    Returns:
        The facts of the training; empty if it is not over, or if one of the
        files has been damaged since.
    """
    with contextlib.suppress(TlkitError):
        about = run.trained
        if about:
            best = load_model(run.model_path)
            parts.whole.set_weights(best.get_weights())
        return about
    return {}
