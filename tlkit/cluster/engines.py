"""Where work that can be divided is done: here, or by Ray.

Ray is an extra: `pip install 'tlkit[ray]'`. It is a Ray of this machine's own,
which lives as long as it is needed, unless the environment variable
`RAY_ADDRESS` names a cluster.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.interruption import Interrupted
from tlkit.tensor.starting import silence

RAY = "ray"
ENGINES = ("local", RAY)
"""The engines by name; `local` is this process."""

#: Bytes of shared memory of a Ray of this machine's own. What is on its way is
#: a few megabytes for each actor; Ray's own choice, a third of the memory,
#: would let it pile up.
_OBJECT_STORE = 2**30
#: Set where the user has not set them, before Ray is imported: it sends no
#: statistics, draws no bars beside tlkit's own, and what its core has to say
#: stays in its log files and does not come between a command's results. Its
#: workers have the priority of the command: Ray would give way to everything
#: else that runs on the machine.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_worker_niceness": "0",
}
#: Variables that begin like this change what a network computes, or how it is
#: made; workers on other machines get them, too.
_PASSED_ON = ("TF_", "ONEDNN_", "DNNL_", "XLA_", "KERAS_", "TLKIT_")
#: It describes the processes of a training, to which no worker belongs.
_NOT_PASSED_ON = ("TF_CONFIG",)


@dataclass
class _State:
    """What is known of Ray in this process.

    Attributes:
        blocks: Number of `keeping_ray` blocks that are being run.
        started: Whether Ray was started in one of them.
    """

    blocks: int = 0
    started: bool = False


_state = _State()


def prepare_engine(engine: str) -> None:
    """Makes sure that an engine can be used, before anything is computed.

    Args:
        engine: One of `ENGINES`.

    Raises:
        UsageError: Ray is not installed, or `RAY_ADDRESS` has a form that
            tlkit cannot use.
    """
    if engine != RAY:
        return
    # TensorFlow would take all memory of a GPU for this process, and leave
    # none to the actors. It asks when the first tensor is made.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    import_ray()
    if "://" in _address():
        raise UsageError(
            "tlkit runs inside the cluster, and not as a client of it.",
            where="the environment variable RAY_ADDRESS",
            expected="HOST:PORT of the cluster's head, or auto",
            received=_address(),
            remedy="Give the command on a host of the cluster.",
        )


def import_ray() -> Any:
    """Imports Ray and Ray Data, and returns Ray.

    Raises:
        UsageError: They are not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError(
            "The engine ray needs Ray, which is not installed.",
            where="engine",
            received=str(error),
            remedy="Run: pip install 'tlkit[ray]'",
        ) from error
    return ray


@contextlib.contextmanager
def keeping_ray() -> Iterator[None]:
    """Keeps a Ray that is started inside the block until the block ends.

    Starting it takes seconds, so that what needs it several times begins with
    this. Blocks may lie in each other. A Ray that was running before is left
    running.
    """
    _state.blocks += 1
    try:
        yield
    finally:
        _state.blocks -= 1
        if _state.blocks == 0 and _state.started:
            _state.started = False
            import_ray().shutdown()


def started_ray() -> Any:
    """Returns Ray, which is running; to be called inside `keeping_ray`.

    Raises:
        UsageError: Ray is not installed.
        TlkitError: The cluster does not answer, or Ray does not start.
    """
    ray = import_ray()
    if not ray.is_initialized():
        _state.started = True
        # Ray's core says that it will say little.
        with _signals_kept(), silence():
            _start(ray)
    return ray


def _start(ray: Any) -> None:
    own: dict[str, Any] = {}
    if _address() == "local":
        own = {
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE,
        }
    else:
        _check_answers(_address())
    try:
        ray.init(
            address=_address(),
            logging_level=logging.CRITICAL,
            # What workers print would be printed between tlkit's own lines.
            log_to_driver=False,
            runtime_env={"env_vars": _variables()},
            **own,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise TlkitError(
            "Ray does not start."
            if own
            else "This Ray cluster cannot be used.",
            where=None if own else f"RAY_ADDRESS={_address()}",
            received=str(error).strip().split("\n")[0],
            remedy=_remedy(error),
        ) from error
    # Ray Data sets up its log when it is imported.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)


def _remedy(error: Exception) -> str | None:
    # Ray says so in the error before this one only.
    if "Authentication" not in f"{error.__context__}":
        return None
    return (
        "The cluster asks for a token: set RAY_AUTH_MODE=token, and let this "
        "host have the cluster's token; docs/ray.md says how."
    )


def _check_answers(address: str) -> None:
    """Raises TlkitError where nothing listens; Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # "auto" stands for a Ray that runs on this host
    try:
        socket.create_connection((host.strip("[]"), int(port)), 10).close()
    except (OSError, OverflowError) as error:
        raise TlkitError(
            "The Ray cluster does not answer.",
            where=f"RAY_ADDRESS={address}",
            received=getattr(error, "strerror", None) or error,
            remedy="Start it: ray start --head. To use this machine alone, "
            "unset RAY_ADDRESS.",
        ) from error


def _address() -> str:
    return os.environ.get("RAY_ADDRESS") or "local"


def _variables() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_PASSED_ON) and name not in _NOT_PASSED_ON
    }


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Keeps what SIGTERM does; Ray sets a handler of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:  # that handler, before it could be put back
        raise Interrupted(signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextlib.contextmanager
def failures_in_words(ray: Any) -> Iterator[None]:
    """Turns the death of workers, and of Ray itself, into `TlkitError`.

    Args:
        ray: The module.
    """
    try:
        yield
    # An error in the code of tlkit, or of the user, is told as it is.
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as error:
        raise TlkitError(
            "A process of Ray has died several times, or cannot be reached.",
            received=str(error).strip().split("\n")[0] or type(error).__name__,
            remedy="Give the same command again: what is finished is kept. "
            "If memory was short, use fewer processes or a smaller network.",
        ) from error
