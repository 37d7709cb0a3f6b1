"""What a process of Ray does before its first work."""

from __future__ import annotations

import contextlib
import functools
import platform

from tlkit.base.errors import TlkitError
from tlkit.base.machine import library_versions
from tlkit.tensor.starting import start_tensorflow


def prepare(threads: int, expected: dict[str, str]) -> None:
    """Starts TensorFlow in this process, with its share of the cores.

    To be called before anything that needs TensorFlow is unpickled.

    Args:
        threads: Number of threads that TensorFlow computes with.
        expected: What `library_versions` returns where the command was given.

    Raises:
        TlkitError: This host has other versions.
    """
    found = library_versions()
    if found != expected:
        names = [name for name in expected if found[name] != expected[name]]
        raise TlkitError(
            "A host of the cluster has other versions of libraries, and might "
            "compute other values.",
            where=platform.node(),
            expected=", ".join(f"{name} {expected[name]}" for name in names),
            received=", ".join(f"{name} {found[name]}" for name in names),
        )
    _start(threads)


@functools.cache
def _start(threads: int) -> None:
    # A process that has done other work keeps the threads that it had then:
    # TensorFlow cannot change their number any more.
    with contextlib.suppress(RuntimeError):
        start_tensorflow(threads)
