"""Sends items through actors of Ray Data, and returns arrays in their order.

Ray Data hands an item to whichever actor is free, starts an actor that has
died anew and gives it its item again, and stops handing out when results wait
to be fetched, so that no more than some of them are in memory.
"""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np

from tlkit.base.errors import TlkitError
from tlkit.base.machine import library_versions
from tlkit.cluster.engines import failures_in_words, keeping_ray, started_ray
from tlkit.cluster.shares import find_share
from tlkit.cluster.worker import prepare

Work = Callable[[Any], Iterator[np.ndarray]]
"""A function from an item to its arrays, such as an object with a network."""

#: So many actors may die of one item. Ray Data would give it out again for
#: ever, also where an image kills every process that reads it.
_MOST_TRIES = 4


def stream(
    make: Callable[[], Work], items: Sequence[Any]
) -> Generator[np.ndarray, None, None]:
    """Yields what actors give for items, in the order of the items.

    Args:
        make: Function that makes what an actor works with; it is sent to the
            cluster once and called once by every actor. It can be pickled,
            such as a `functools.partial` of a class.
        items: The items, small and such as can be pickled.

    Yields:
        The arrays of each item, in their order. They are the same whatever
        the number of actors is, and whether or not some of them have died.

    Raises:
        TlkitError: The work raised it, actors have died several times with
            one item, or a host has other versions of libraries.
    """
    with keeping_ray():
        ray = started_ray()
        # Referred to until the end, as an actor that is started anew needs it.
        made = ray.put(make)
        # It needs no core, and it survives the death of its host.
        tries = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(
            _Tries
        ).remote()
        given = [made, tries], library_versions()
        rows = _dataset(ray, given, items).iter_rows()
        with failures_in_words(ray):
            for row in rows:
                answer = pickle.loads(row["answer"])
                if isinstance(answer, TlkitError):
                    raise answer
                yield answer


def _dataset(ray: Any, given: tuple[Any, ...], items: Sequence[Any]) -> Any:
    share = find_share(ray)
    # A copy, as the user's own data sets in this process have their settings.
    context = copy.deepcopy(ray.data.DataContext.get_current())
    context.execution_options.preserve_order = True
    rows = [{"item": pickle.dumps(item)} for item in items]
    with ray.data.DataContext.current(context):
        return ray.data.from_items(
            rows, override_num_blocks=len(rows)
        ).map_batches(
            _Actor,
            batch_size=1,
            fn_constructor_args=(share.cores, *given),
            compute=ray.data.ActorPoolStrategy(
                size=min(share.workers, len(items))
            ),
            num_cpus=share.cores,
            num_gpus=share.gpus,
        )


class _Tries:
    """An actor that counts how often each item has been begun."""

    def __init__(self) -> None:
        self._counts: Counter[bytes] = Counter()

    def begin(self, item: bytes) -> int:
        """Returns how often an item has been begun, this time included."""
        self._counts[item] += 1
        return self._counts[item]


class _Actor:
    """A process with what it works with, which it makes at its first item."""

    def __init__(
        self, threads: int, given: list[Any], versions: dict[str, str]
    ) -> None:
        self._threads, self._versions = threads, versions
        self._made, self._tries = given
        self._work: Work | None = None

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the pickled arrays of an item, or the pickled error."""
        # As bytes, which Ray Data passes on as they are: arrays of several
        # shapes, and float16, would depend on its own formats.
        (item,) = batch["item"]
        try:
            for array in self._ready(item)(pickle.loads(item)):
                yield {"answer": [pickle.dumps(array, pickle.HIGHEST_PROTOCOL)]}
        except TlkitError as error:
            yield {"answer": [pickle.dumps(error)]}

    def _ready(self, item: bytes) -> Work:
        import ray

        if ray.get(self._tries.begin.remote(item)) > _MOST_TRIES:
            raise TlkitError(
                f"{_MOST_TRIES} processes of Ray have died of the same work.",
                received=f"item {pickle.loads(item)}",
                remedy="If memory was short, use a smaller network; the "
                "engine local shows what else it is.",
            )
        if self._work is None:
            prepare(self._threads, self._versions)
            self._work = ray.get(self._made)()
        return self._work
