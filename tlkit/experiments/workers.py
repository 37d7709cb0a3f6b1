"""Cells in parallel processes, each with its share of the cores.

An operation of a small network is too small to be divided among cores; two
networks side by side are not.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.machine import cores
from tlkit.experiments.images import ImageArrays
from tlkit.tensor.starting import start_tensorflow

# A new process reads this file before it can say how TensorFlow is to start.
if TYPE_CHECKING:
    from tlkit.experiments.cells import Cell, Result


def run_cells(
    cells: Sequence[Cell], data: ImageArrays, processes: int = 1
) -> Generator[tuple[Cell, Result], None, None]:
    """Trains cells, and gives each as soon as it is finished.

    Args:
        cells: in the order in which they are begun.
        data: the images.
        processes: how many cells are trained at the same time; 1 trains in
            this process, with all cores.

    Yields:
        Cells with their results.

    Raises:
        UsageError: fewer than one process, a network that cannot be built,
            or, with several processes, a builder that another process
            cannot import.
        TlkitError: a process has ended before its cell was finished.
    """
    if processes < 1:
        raise UsageError(
            "A study needs a process to run in.",
            where="processes",
            expected="1 or more",
            received=processes,
        )
    processes = min(processes, len(cells))
    if processes <= 1:
        from tlkit.experiments.cells import run_cell

        for cell in cells:
            yield cell, run_cell(cell, data)
        return
    _check_pickles(cells)
    threads = max(1, cores() // processes)
    workers = [_start(data, threads) for _ in range(processes)]
    try:
        yield from _hand_out(cells, workers)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()
            worker.connection.close()


@dataclass
class _Worker:
    """A process, the way to it, and the cell it works at."""

    process: Any
    connection: Connection
    cell: Cell | None = None


def _check_pickles(cells: Sequence[Cell]) -> None:
    for build in {cell.case.build for cell in cells}:
        try:
            pickle.dumps(build)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                "Another process cannot import this builder.",
                where=build.__qualname__,
                expected="a function of a module, not one made within another",
                remedy="Move it to the top of its file, or pass processes=1.",
            ) from error


def _start(data: ImageArrays, threads: int) -> _Worker:
    # A forked process would inherit TensorFlow's threads half dead.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(
        target=_work, args=(there, data, threads, os.getpid()), daemon=True
    )
    with _interrupts_wait():
        process.start()
    there.close()
    return _Worker(process, here)


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Holds Ctrl-C back; what is started meanwhile never hears of it.

    A terminal sends Ctrl-C to every process. A new one needs a second or two
    for its imports, before it could say by itself that it leaves interrupts
    to its parent, and complains if its parent stops in the middle of
    starting it. Windows has no mask to be inherited.
    """
    held: list[Any] = []
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        handler = signal.signal(signal.SIGINT, lambda *_: held.append(True))
    if hasattr(signal, "pthread_sigmask"):
        # The first process begins this one too, which would lift the mask.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, handler)
    if held:
        raise KeyboardInterrupt


def _hand_out(
    cells: Sequence[Cell], workers: Sequence[_Worker]
) -> Iterator[tuple[Cell, Result]]:
    waiting = list(cells)
    for worker in workers:
        _hand_next(worker, waiting)
    while busy := [worker for worker in workers if worker.cell is not None]:
        ready = wait([worker.connection for worker in busy])
        for worker in busy:
            if worker.connection in ready:
                cell = worker.cell
                assert cell is not None
                result = _receive(worker)
                _hand_next(worker, waiting)
                yield cell, result


def _hand_next(worker: _Worker, waiting: list[Cell]) -> None:
    worker.cell = waiting.pop(0) if waiting else None
    if worker.cell is not None:
        worker.connection.send(worker.cell)


def _receive(worker: _Worker) -> Result:
    try:
        answer = worker.connection.recv()
    except (EOFError, OSError) as error:
        worker.process.join()
        raise TlkitError(
            "A process of the study has ended before its cell was finished.",
            received=f"exit code {worker.process.exitcode}",
            remedy="Run the same command again: finished cells are kept. If "
            "memory was short, let fewer processes run.",
        ) from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def _work(
    connection: Connection, data: ImageArrays, threads: int, parent: int
) -> None:
    """What a process does until it is ended, or its parent is."""
    # Ctrl-C is the parent's, which ends this process; see `_interrupts_wait`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start_tensorflow()
    import tensorflow as tf

    from tlkit.experiments.cells import run_cell

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    def leave_with_parent() -> None:
        if os.getppid() != parent:
            os._exit(1)

    while True:
        try:
            cell = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Any = run_cell(cell, data, leave_with_parent)
        except TlkitError as error:
            answer = error
        connection.send(answer)
