"""Trains cells in parallel processes, each with its share of the cores.

The operations of a small network are too small to be divided among cores. Two
networks can be trained side by side: in processes of this machine, or as tasks
of Ray.
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
from tlkit.cluster.engines import RAY
from tlkit.cluster.tasks import run_tasks
from tlkit.experiments.images import ImageArrays
from tlkit.tensor.starting import start_tensorflow

# A new process imports this file before it can set how TensorFlow starts, so
# nothing here may import TensorFlow at the top.
if TYPE_CHECKING:
    from tlkit.experiments.cells import Cell, Result


def run_cells(
    cells: Sequence[Cell],
    data: ImageArrays,
    processes: int | None = 1,
    engine: str = "local",
) -> Generator[tuple[Cell, Result], None, None]:
    """Trains cells, and yields each as soon as it is finished.

    Args:
        cells: The cells, in the order in which they are started.
        data: The images to train and test on.
        processes: Number of cells to train at the same time; None for one a
            core. 1 trains in this process, with all cores.
        engine: One of `tlkit.cluster.engines.ENGINES`. With `"ray"` each cell
            has one core of the cluster, or one GPU where it has any.

    Yields:
        Each cell with its result, in the order in which they finish.

    Raises:
        UsageError: There is fewer than one process, a network cannot be
            built, or, with several processes, another process cannot import
            a builder.
        TlkitError: A process ended before its cell was finished.
    """
    if processes is not None and processes < 1:
        raise UsageError(
            "A study needs one process or more to run in.",
            where="processes",
            expected="1 or more",
            received=processes,
        )
    if engine == RAY and cells:
        yield from _on_ray(cells, data, processes)
        return
    processes = min(processes or cores(), len(cells))
    if processes <= 1:
        from tlkit.experiments.cells import run_cell

        for cell in cells:
            yield cell, run_cell(cell, data)
        return
    _check_pickles(cells)
    threads = max(1, cores() // processes)
    workers = [_start(data, threads) for _ in range(processes)]
    # Also when the caller stops early or Ctrl-C is pressed. Killing loses only
    # the cells that are being trained.
    try:
        yield from _hand_out(cells, workers)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()
            worker.connection.close()


def _on_ray(
    cells: Sequence[Cell], data: ImageArrays, processes: int | None
) -> Iterator[tuple[Cell, Result]]:
    for number, result in run_tasks(_train, data, cells, processes):
        yield cells[number], result


def _train(data: ImageArrays, cell: Cell) -> Result:
    from tlkit.experiments.cells import run_cell

    return run_cell(cell, data)


@dataclass
class _Worker:
    """A process, the connection to it, and the cell that it is training."""

    process: Any
    connection: Connection
    cell: Cell | None = None


def _check_pickles(cells: Sequence[Cell]) -> None:
    # Checked here, because the error of a failed `send` would not say what to
    # do about it.
    for build in {cell.case.build for cell in cells}:
        try:
            pickle.dumps(build)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                "Another process cannot import this builder.",
                where=build.__qualname__,
                expected="a function at the top level of a module",
                remedy="Move it to the top of its file, or pass processes=1.",
            ) from error


def _start(data: ImageArrays, threads: int) -> _Worker:
    # A forked process would have a copy of TensorFlow without the threads
    # that it relies on.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(
        target=_work, args=(there, data, threads, os.getpid()), daemon=True
    )
    with _interrupts_wait():
        process.start()
    # Else this end would stay open here, and the death of the process would
    # not be noticed as the end of the connection.
    there.close()
    return _Worker(process, here)


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Delays Ctrl-C, and keeps it from processes that are started meanwhile.

    A terminal sends Ctrl-C to every process of the command. A new process
    needs a second or two for its imports before it can ignore interrupts by
    itself, and prints an error if its parent stops while starting it. So
    interrupts are masked during the start, and the new process inherits the
    mask. Windows has no such masks.
    """
    held: list[Any] = []
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        handler = signal.signal(signal.SIGINT, lambda *_: held.append(True))
    if hasattr(signal, "pthread_sigmask"):
        # `multiprocessing` starts this helper with the first process, and would
        # lift the mask while doing so. Hence it is started before.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, handler)
    # The interrupt that was held back.
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
                # Before the yield, so that the process goes on while the
                # caller writes the result.
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
            "A process of the study ended before its cell was finished.",
            received=f"exit code {worker.process.exitcode}",
            remedy="Run the same command again: finished cells are kept. If "
            "memory was short, use fewer processes.",
        ) from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def _work(
    connection: Connection, data: ImageArrays, threads: int, parent: int
) -> None:
    """Trains the cells that arrive, until this process or its parent ends."""
    # Ctrl-C is left to the parent, which ends this process; see
    # `_interrupts_wait`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start_tensorflow(threads)
    from tlkit.experiments.cells import run_cell

    # A parent that was killed cannot end its processes. They would train on
    # for hours.
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
