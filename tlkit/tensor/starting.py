"""Loads TensorFlow without its start-up messages, and Keras on top of it.

tlkit computes with TensorFlow, with channels last and in float32. Keras can be
set to others, by the environment or by a file of the user's, and every part
of tlkit would then fail in its own way.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlkit.base.console import say
from tlkit.base.errors import UsageError

_BACKEND = "KERAS_BACKEND"
#: What tlkit needs of Keras, by the names in Keras's own `keras.json`.
_NEEDED: dict[str, Any] = {
    "backend": "tensorflow",
    "image_data_format": "channels_last",
    "floatx": "float32",
    # The loss is clipped by it, so that another one trains another model.
    "epsilon": 1e-7,
}


def start_tensorflow(threads: int | None = None) -> None:
    """Imports TensorFlow and hides what it prints meanwhile.

    Some of its messages are written to the process's standard error before
    its log is set up, so no setting turns them off, and they would bury
    tlkit's own lines. Its later warnings are about the code that calls it,
    which the user has not written.

    Args:
        threads: Number of threads that an operation is divided among, and of
            operations at the same time; None leaves it to TensorFlow, which
            takes all cores.

    Raises:
        UsageError: Keras is set to compute in another way; see
            `settle_keras`.
        RuntimeError: TensorFlow has computed already, and cannot change the
            number of its threads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    settle_keras()
    with silence():
        tensorflow = _import("tensorflow")
        if threads is not None:
            own = tensorflow.config.threading
            own.set_intra_op_parallelism_threads(threads)
            own.set_inter_op_parallelism_threads(threads)
        # Looking for GPUs prints an error on machines that have none.
        tensorflow.config.list_physical_devices()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Sends standard error nowhere while the block runs."""
    # The C++ code of TensorFlow, and of Ray, writes to file descriptor 2
    # itself, so replacing
    # sys.stderr would not be enough.
    sys.stderr.flush()
    standard_error = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)


def settle_keras() -> None:
    """Makes Keras compute as tlkit needs it, or says why it cannot.

    What stands in the user's `keras.json` is set aside for this process, and
    a line says so; the file is left as it is. What the user has set for this
    process alone, by the environment or in Python, is not changed.

    Raises:
        UsageError: `KERAS_BACKEND` names another backend, or Keras has been
            imported already and computes in another way.
    """
    if "keras" in sys.modules:
        _check_imported(sys.modules["keras"])
        return
    _check_environment(os.environ.get(_BACKEND))
    asked = _read_keras_json()
    other = {
        name: value
        for name, value in asked.items()
        if value != _NEEDED.get(name, value)
    }
    if os.environ.get(_BACKEND):
        other.pop("backend", None)
    if other:
        _set_aside(other)


def _check_environment(backend: str | None) -> None:
    if backend and backend != _NEEDED["backend"]:
        raise UsageError(
            "tlkit computes with TensorFlow, and Keras is set to another "
            "backend.",
            where=f"the environment variable {_BACKEND}",
            expected=_NEEDED["backend"],
            received=backend,
            remedy=f"Unset it, or set {_BACKEND}={_NEEDED['backend']}.",
        )


def _check_imported(keras: Any) -> None:
    """Checks a Keras that has been imported, and maybe set up, already."""
    config = keras.config
    for name, needed in _NEEDED.items():
        found = getattr(config, name)()
        if found != needed:
            raise UsageError(
                f"Keras is set to another {name} than tlkit computes with.",
                where=f"keras.config.{name}()",
                expected=needed,
                received=found,
                remedy=_remedy(name, needed),
            )


def _remedy(name: str, needed: str) -> str:
    if name == "backend":
        how = f"Before Keras is imported, set {_BACKEND}={needed}"
    else:
        how = f"Call keras.config.set_{name}({needed!r})"
    if _read_keras_json().get(name, needed) != needed:
        how += f", or change it in {_keras_json()}"
    return f"{how}."


def _keras_json() -> Path:
    home = os.environ.get("KERAS_HOME")
    return Path(home or "~/.keras").expanduser() / "keras.json"


def _read_keras_json() -> dict[str, Any]:
    """Returns what the user's `keras.json` says, as Keras would read it."""
    try:
        found = json.loads(_keras_json().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _set_aside(other: dict[str, Any]) -> None:
    """Sets Keras up for this process in place of what a file says."""
    needed = {name: _NEEDED[name] for name in other}
    if "backend" in needed:
        # Keras reads it when it is imported, and cannot change it later.
        os.environ[_BACKEND] = needed.pop("backend")
    if needed:
        keras = _import("keras")
        for name, value in needed.items():
            getattr(keras.config, f"set_{name}")(value)
    used = ", ".join(f"{name} {_NEEDED[name]}" for name in other)
    said = ", ".join(f"{name} {value}" for name, value in other.items())
    say(
        f"note: tlkit computes with {used}; {said} of {_keras_json()} is set "
        "aside for this process."
    )


def _import(name: str) -> Any:
    """Imports Keras, or TensorFlow, which reads Keras's file by itself."""
    try:
        with silence():
            return importlib.import_module(name)
    except (AssertionError, AttributeError, TypeError, ValueError) as error:
        if not _keras_json().is_file():
            raise
        raise UsageError(
            "Keras does not start with what this file says.",
            where=_keras_json(),
            received=str(error) or type(error).__name__,
            remedy="Correct the file, or remove it: Keras then makes another.",
        ) from error
