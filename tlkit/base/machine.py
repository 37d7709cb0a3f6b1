"""Facts about this machine, and about processes on it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

AUTO, CPU, ALL = DEVICES = ("auto", "cpu", "all")
"""Words for a number of devices that compute; a plan's `Machine` explains."""


#: Libraries whose versions can change a result.
_LIBRARIES = (
    "tlkit",
    "tensorflow",
    "keras",
    "numpy",
    "opencv-python-headless",
    "pillow",
)


def library_versions() -> dict[str, str]:
    """Returns the versions of the libraries that can change a result."""
    # It takes longer to import than the help of the command needs.
    from importlib.metadata import version

    return {name: version(name) for name in _LIBRARIES}


def cores() -> int:
    """Returns the number of cores that this process may use."""
    # In a container or a batch job it may be fewer than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def process_mark(pid: int | None = None) -> dict[str, Any]:
    """Returns what a process can be recognised by.

    Args:
        pid: Number of the process; None takes this one.

    Returns:
        Its `pid`, the name of its `host`, the time when it `started` in the
        clock ticks of Linux, the `boot` of the machine, and the `space` in
        which the number counts, as each container has numbers of its own;
        None where the system does not tell.
    """
    number = os.getpid() if pid is None else pid
    _, started = _state_and_start(number)
    return {
        "pid": number,
        "host": platform.node(),
        "started": started,
        "boot": _boot(),
        "space": _space(),
    }


def is_gone(mark: Mapping[str, Any]) -> bool:
    """Returns whether a process has certainly ended.

    Of a process on another machine, or in another container, nothing is
    known, so it counts as going on. Machines are told apart by their names.

    Args:
        mark: What `process_mark` returned while the process was running.
    """
    if mark.get("host") != platform.node():
        return False
    # Marks of earlier versions do not have these.
    if _boot() and mark.get("boot") not in (None, _boot()):
        return True
    if mark.get("space") not in (None, _space()):
        return False
    pid = mark["pid"]
    if Path("/proc/self/stat").exists():
        state, started = _state_and_start(pid)
        # The number of a process that has ended is given to others. One that
        # was killed stays, as Z, until its parent takes note.
        return state in ("", "Z", "X") or started != mark["started"]
    return not _answers(pid)


def _boot() -> str | None:
    """Returns what Linux makes anew each time a machine is started."""
    with contextlib.suppress(OSError):
        path = Path("/proc/sys/kernel/random/boot_id")
        return path.read_text("ascii").strip()
    return None


def _space() -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return None


def _state_and_start(pid: int) -> tuple[str, int | None]:
    """Reads the third and the 22nd field of Linux's record of a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", None
    # The second field, the name in brackets, may hold spaces and brackets.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _answers(pid: int) -> bool:
    # On Windows the signal 0 would end the process.
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # someone else's
        pass
    return True
