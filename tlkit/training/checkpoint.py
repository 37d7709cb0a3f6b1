"""The checkpoint: everything that the rest of a training depends on.

The order of the images, their views and the schedule are functions of the
number of the epoch, and the random numbers of dropout are variables of the
model. So the variables of model and optimizer, the number of the epoch and
the best weights are enough for a training that goes on to end with the same
weights, to the bit, as one that was never interrupted. Keras's
`BackupAndRestore` keeps neither the seeds nor the best epoch.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tlkit.base.atomic import atomic_path
from tlkit.base.console import say
from tlkit.base.interruption import raise_if_asked
from tlkit.models.digests import weights_digest
from tlkit.training.best_epoch import BestEpoch
from tlkit.training.meters import Meters

#: To be raised when a training computes something else from the same state.
_FORMAT = 2
#: Times its own duration that must have passed before a state is taken again,
#: or written again, so that both together cost 2 % of the training at most.
_RARELY = 100
#: Bytes a second that are expected of the first one.
_RATE = 2e8
#: Seconds after which a state is written within an epoch.
_SECONDS_WITHIN = 300.0


@dataclass(frozen=True, eq=False)
class State:
    """A training after one of its epochs, or of the steps within one.

    Args:
        begun_as: What the training began with, in 32 hexadecimal digits; a
            state is of use only for a training that began alike.
        epoch: Number of epochs that are finished.
        over: Whether the training ended with this epoch.
        seconds: Seconds of training so far.
        rows: The history, one row for each epoch.
        variables: Values of the variables of model and optimizer.
        best: Weights of the best epoch.
        step: Number of steps that are finished of the epoch after them.
        meters: What these steps have measured, see `Meters.values`.
    """

    begun_as: str
    epoch: int
    over: bool
    seconds: float
    rows: Sequence[dict[str, float]]
    variables: Sequence[np.ndarray]
    best: Sequence[np.ndarray]
    step: int = 0
    meters: Sequence[float] = ()


def write_state(path: Path, state: State) -> None:
    """Writes a checkpoint, completely or not at all.

    Args:
        path: The `.npz` file to write.
        state: What is written. Dtypes that NumPy does not have, such as
            bfloat16, are written as their bits.

    Raises:
        TlkitError: The disk is full or the folder cannot be written.
    """
    with atomic_path(path) as partial:
        _save(partial, state)


def pack_state(state: State) -> bytes:
    """Returns a state as the bytes of a file, for another host."""
    file = io.BytesIO()
    _save(file, state)
    return file.getvalue()


def unpack_state(content: bytes) -> State:
    """Returns the state of which `pack_state` has made bytes."""
    return _read(io.BytesIO(content))


def _save(file: Any, state: State) -> None:
    values = [*state.variables, *state.best]
    about = {
        "format": _FORMAT,
        "begun_as": state.begun_as,
        "epoch": state.epoch,
        "over": state.over,
        "seconds": state.seconds,
        "rows": list(state.rows),
        "step": state.step,
        "meters": list(state.meters),
        "variables": len(state.variables),
        "dtypes": [str(value.dtype) for value in values],
    }
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    arrays = [text, *map(_as_bits, values)]
    np.savez(file, *arrays, sha256=np.array(weights_digest(arrays)))


def read_state(path: Path) -> State | None:
    """Reads a checkpoint.

    Args:
        path: The `.npz` file.

    Returns:
        What was written; None where there is no such file, and where it is
        damaged, which a line says.
    """
    if not path.exists():
        return None
    # A damaged file can make NumPy raise nearly anything.
    try:
        return _read(path)
    except Exception as error:
        say(f"{path} is damaged and is not used: {error}")
        return None


def _read(file: Any) -> State:
    with np.load(file) as archive:
        count = len(archive.files) - 1
        arrays = [archive[f"arr_{number}"] for number in range(count)]
        if str(archive["sha256"]) != weights_digest(arrays):
            raise ValueError("its content is not what was written")
    about = json.loads(arrays[0].tobytes())
    if about.pop("format") != _FORMAT:
        raise ValueError("another version of tlkit has written it")
    dtypes, variables = about.pop("dtypes"), about.pop("variables")
    values = [
        array.view(np.dtype(dtype))
        for array, dtype in zip(arrays[1:], dtypes, strict=True)
    ]
    return State(**about, variables=values[:variables], best=values[variables:])


def _as_bits(value: np.ndarray) -> np.ndarray:
    # NumPy's files name such a dtype no more than by its size.
    if value.dtype.kind == "V":
        return value.view(f"u{value.dtype.itemsize}")
    return value


class Checkpoints(keras.callbacks.Callback):
    """Writes what a training needs to go on, after its epochs.

    It stands behind all other callbacks, so that it sees whether one of them
    has ended the training. Short epochs are not all written: see `_RARELY`;
    within long ones it writes every five minutes, and where the training is
    asked to end.

    Args:
        path: The file to write; None where another host writes it.
        learner: The model, compiled, whose optimizer is built.
        keeper: The callback that keeps the best epoch.
        epochs: Number of epochs that are planned.
        begun_as: See `State`.
        meters: What takes up the measurements of an epoch.
    """

    def __init__(
        self,
        path: Path | None,
        learner: keras.Model,
        keeper: BestEpoch,
        epochs: int,
        begun_as: str,
        meters: Meters,
    ) -> None:
        super().__init__()
        self.path, self.keeper, self.meters = path, keeper, meters
        self.epochs, self.begun_as = epochs, begun_as
        self._variables = _all_variables(learner)
        size = sum(int(np.prod(v.shape)) * 4 for v in self._variables)
        now = time.monotonic()
        self._taking, self._taken_at = size / _RATE / 10, now
        self._writing, self._written_at = size / _RATE, now
        self._started = now
        self._state: State | None = None
        self._epoch = self._skipped = 0
        self._before: State | None = None

    def go_on(self, state: State) -> None:
        """Puts everything back to what it was.

        Args:
            state: A state for which `fits` is true.
        """
        for variable, value in zip(
            self._variables, state.variables, strict=True
        ):
            variable.assign(value)
        self.keeper.go_on(state.rows, list(state.best) or None)
        self._started -= state.seconds
        self._before = state if state.step else None

    @property
    def seconds(self) -> float:
        """Seconds of training, those before an interruption included."""
        return time.monotonic() - self._started

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Notes which steps are those of this epoch."""
        self._epoch = epoch
        self._skipped = self._before.step if self._before else 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ends the training here if the command was asked to end."""
        if self._before is not None:
            # Not earlier: Keras makes its metrics in the first step.
            self.meters.join(self._before.meters)
            self._before = None
        # After the last step nothing would be left of the epoch but what is
        # measured at its end.
        within = batch + 1 < (self.params.get("steps") or 0)
        try:
            raise_if_asked()
        except KeyboardInterrupt:
            if within:
                self._take(self._epoch, self._skipped + batch + 1)
            raise
        least = max(_SECONDS_WITHIN, _RARELY * self._writing)
        late = time.monotonic() - self._written_at > least
        if within and late and self.path is not None:
            self._take(self._epoch, self._skipped + batch + 1)
            self.write()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ends it while it measures, too."""
        raise_if_asked()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Takes the state, and writes it, if that was long enough ago."""
        now = time.monotonic()
        if now - self._taken_at < _RARELY * self._taking:
            return
        self._take(epoch + 1)
        self._taking = self._taken_at - now
        if now - self._written_at >= _RARELY * self._writing:
            self.write()

    def write(self) -> None:
        """Writes the last state that was taken, unless it is written."""
        if self._state is None or self.path is None:
            return
        started = time.monotonic()
        write_state(self.path, self._state)
        self._state = None
        self._written_at = time.monotonic()
        self._writing = self._written_at - started

    def _take(self, epoch: int, step: int = 0) -> None:
        over = bool(self.model.stop_training) or epoch == self.epochs
        self._state = State(
            self.begun_as,
            epoch,
            over and not step,
            self.seconds,
            [*self.keeper.rows],
            [variable.numpy() for variable in self._variables],
            self.keeper.best_weights or [],
            step,
            self.meters.values.tolist() if step else (),
        )
        self._taken_at = time.monotonic()


def fits(state: State, learner: keras.Model, begun_as: str) -> bool:
    """Returns whether a training can go on from a state.

    Args:
        state: The state.
        learner: The model that is trained, compiled.
        begun_as: What the training begins with; see `State`.
    """
    expected = [(v.shape, str(v.dtype)) for v in _all_variables(learner)]
    found = [(v.shape, str(v.dtype)) for v in state.variables]
    return state.begun_as == begun_as and found == expected


def _all_variables(learner: keras.Model) -> list[Any]:
    """Lists what a step reads and changes, in a fixed order."""
    return [*learner.variables, *learner.optimizer.variables]
