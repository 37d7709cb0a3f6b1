"""Ends a command in good order when it is asked to, by Ctrl-C or SIGTERM.

Only the command listens (`listening`). In Python, Ctrl-C stays what it is, a
`KeyboardInterrupt` at once, and SIGTERM ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import types
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tlkit.base.console import erase_at_once, say_at_once

#: Seconds after which a signal that came at a bad moment comes again.
_SOON = 0.05


class Interrupted(KeyboardInterrupt):
    """The command was asked to end.

    Args:
        number: Number of the signal, such as `signal.SIGTERM`.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_code(error: KeyboardInterrupt) -> int:
    """Returns the exit code by which shells know a signal: 130 or 143."""
    return 128 + int(getattr(error, "number", signal.SIGINT))


@dataclass
class _State:
    """What the handler needs to know.

    Attributes:
        delaying: Whether something is being finished before the end.
        asked: Number of the signal that has come; None before.
        together: Whether this process ends only when others do.
        agreed: Number of the signal at which they end; None before.
    """

    delaying: bool = False
    asked: int | None = None
    together: bool = False
    agreed: int | None = None


_state = _State()


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into `Interrupted` inside the block.

    A signal that this process was told to ignore, as `nohup` does, stays
    ignored. Outside the main thread nothing changes, as Python allows
    handlers nowhere else.
    """
    _state.asked = _state.agreed = None
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, _handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        _state.asked = _state.agreed = None


def listen_again() -> None:
    """Takes the signals back from a library that has taken them over."""
    for number in (int(signal.SIGINT), int(signal.SIGTERM)):
        if signal.getsignal(number) is _handle:
            signal.signal(number, _handle)


@contextlib.contextmanager
def delayed(together: bool = False) -> Iterator[None]:
    """Lets the block go on to a place where it calls `raise_if_asked`.

    Args:
        together: Whether other processes do the same work step by step, so
            that all of them must end with the same step. A signal then counts
            when they have agreed on it, by `agree`.

    Raises:
        Interrupted: The block has come to its end first.
    """
    _state.delaying, _state.together = True, together
    try:
        yield
    finally:
        _state.delaying = _state.together = False
    raise_if_asked()


def asked() -> int:
    """Returns the number of the signal that has come; 0 where none has."""
    return _state.asked or 0


def agree(number: int) -> None:
    """Lets this process end, as one of those with which it works was asked to.

    Args:
        number: Number of the signal.
    """
    _state.agreed = number


def raise_if_asked() -> None:
    """Raises `Interrupted` if a signal has come while it was delayed."""
    number = _state.agreed if _state.together else _state.asked
    if number is not None:
        raise Interrupted(number)


def _handle(number: int, frame: types.FrameType | None) -> None:
    if _state.asked is not None:
        _end_at_once(number)
    if _state.delaying:
        _state.asked = number
        say_at_once("Finishing the step and saving; once more ends at once.")
        return
    if _would_be_lost(frame):
        later = threading.Timer(_SOON, os.kill, (os.getpid(), number))
        later.daemon = True
        later.start()
        return
    _state.asked = number
    raise Interrupted(number)


def _would_be_lost(frame: types.FrameType | None) -> bool:
    """Returns whether an error that is raised here goes nowhere.

    Python swallows what is raised while it removes an object, and prints a
    traceback. An import that is broken off leaves modules half made, and C
    code that was importing one prints a traceback of its own.
    """
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith("<frozen importlib"):
            return True
        if code.co_filename == weakref.__file__ or code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _end_at_once(number: int) -> None:
    erase_at_once()
    os._exit(128 + number)
