"""Runs a function over items as tasks of Ray."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from tlkit.base.errors import TlkitError
from tlkit.base.machine import library_versions
from tlkit.cluster.engines import failures_in_words, keeping_ray, started_ray
from tlkit.cluster.shares import find_share
from tlkit.cluster.worker import prepare


def run_tasks(
    work: Callable[[Any, Any], Any],
    shared: Any,
    items: Sequence[Any],
    at_once: int | None = None,
) -> Generator[tuple[int, Any], None, None]:
    """Calls a function for every item, and yields results as they come.

    A task whose process has died is run again, three times at most.

    Args:
        work: Function of `shared` and an item.
        shared: What all calls need, such as arrays; it is sent once.
        items: The items.
        at_once: Number of tasks at the same time; None for one a core of the
            cluster, or one a GPU where it has any.

    Yields:
        The number of an item, from 0, and what `work` returned for it.

    Raises:
        TlkitError: The work raised it, a task has died several times, or a
            host has other versions of libraries.
    """
    with keeping_ray():
        ray = started_ray()
        submit = _submission(ray, work, shared)
        running: dict[Any, int] = {}
        try:
            with failures_in_words(ray):
                for number, item in enumerate(items):
                    if len(running) == at_once:
                        yield _next_result(ray, running)
                    running[submit(item)] = number
                while running:
                    yield _next_result(ray, running)
        finally:
            for left in running:
                ray.cancel(left, force=True)


def _submission(
    ray: Any, work: Callable[[Any, Any], Any], shared: Any
) -> Callable[[Any], Any]:
    """Returns the function that makes a task of an item."""
    gpus = find_share(ray, 1).gpus
    task = ray.remote(num_cpus=1, num_gpus=gpus)(_run)
    sent, here = ray.put((work, shared)), library_versions()
    return lambda item: task.remote([sent, ray.put(item)], 1, here)


def _next_result(ray: Any, running: dict[Any, int]) -> tuple[int, Any]:
    (done, *_), _ = ray.wait(list(running))
    number, answer = running.pop(done), ray.get(done)
    if isinstance(answer, TlkitError):
        raise answer
    return number, answer


def _run(given: list[Any], threads: int, versions: dict[str, str]) -> Any:
    """Runs in a process of Ray; a `TlkitError` is returned, not raised."""
    try:
        prepare(threads, versions)
        import ray

        # In a list, as else Ray would unpickle them, and with them import
        # TensorFlow, before this function is called.
        (work, shared), item = ray.get(given)
        return work(shared, item)
    except TlkitError as error:
        return error
