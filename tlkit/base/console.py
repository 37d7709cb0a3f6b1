"""Tells a person, or a program, how far the work is.

On a terminal a display is drawn, which vanishes when the work is done, and
lines stand above it; elsewhere there are the lines alone; and where JSON is
asked for, each of them is an object, whose `event` says what it is about.

All of it goes to standard error, so that a program can read the results alone
from standard output.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tlkit.base.choices import check_known
from tlkit.base.records import plain, readable

LOG_FORMS = ("text", "json")
"""The forms in which progress can be told."""

#: In the environment, as the processes that this one starts tell theirs, too.
_LOG = "TLKIT_LOG"
#: A display does not need to be newer, in seconds.
_DRAWN_EVERY = 0.25
#: Times its own duration that must pass before something is done again, so
#: that it takes 0.5 % of the time at most.
_RARELY = 200
#: Longer bars tell no more, and shorter ones nothing.
_LONGEST_BAR, _SHORTEST_BAR = 30, 5


def _on_a_terminal() -> bool:
    """Returns whether a person watches the output.

    The process's own stream is asked, since notebooks replace `sys.stderr` by
    one that claims to be a terminal.
    """
    try:
        return os.isatty(sys.__stderr__.fileno())  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        return False


class _Progress(Console):
    """A console whose reader may leave: what it reports on goes on."""

    def on_broken_pipe(self) -> None:
        """Writes no more; rich would end the process, and a training with it.

        `tlkit features DATA 2>&1 | head -1` closes the pipe at its second
        line.
        """
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())


_console = _Progress(
    stderr=True,
    highlight=False,
    force_terminal=_on_a_terminal(),
    # In notebooks rich would make a block of HTML of each line.
    force_jupyter=False,
)


def use_log(form: str | None) -> None:
    """Sets the form of what this process, and those it starts, tell.

    Args:
        form: One of `LOG_FORMS`; None leaves it as it is.

    Raises:
        UsageError: There is no such form.
    """
    if form is not None:
        check_known("log", form, LOG_FORMS)
        os.environ[_LOG] = form


def be_silent(silent: bool = True) -> None:
    """Prints nothing any more, as another process prints the same.

    Args:
        silent: False prints again, such as an error of this process alone.
    """
    _console.quiet = silent


def _as_json() -> bool:
    return os.environ.get(_LOG) == "json"


def say(text: str, event: Mapping[str, Any] | None = None) -> None:
    """Tells the person who waits something, beside the results.

    Args:
        text: What is printed.
        event: What is printed in its place where JSON is asked for; None for
            a note that holds the text.
    """
    if _as_json():
        _print(_json(event or {"event": "note", "text": text}))
    else:
        _print("\n".join(map(readable, text.split("\n"))))


def log(event: Mapping[str, Any]) -> None:
    """Tells a program something that a person sees anyway.

    Args:
        event: What is printed where JSON is asked for; elsewhere nothing is.
    """
    if _as_json():
        _print(_json(event))


def _json(event: Mapping[str, Any]) -> str:
    return json.dumps(plain(event))


def _print(line: str) -> None:
    # As a `Text`, since rich would take `[...]` in a path for an order and
    # `:smile:` for a picture; and unwrapped, as a wrapped line would be two
    # lines in a log file.
    _console.print(Text(line), soft_wrap=True)


def say_at_once(text: str) -> None:
    """Tells something from within the handler of a signal.

    The handler may have broken into `say` itself, which must not be entered a
    second time, so this writes to standard error without it. A display that
    is drawn moves down.

    Args:
        text: One line.
    """
    line = _json({"event": "note", "text": text}) if _as_json() else text
    _write(f"{_erase()}{line}\n" + "\n" * (_Drawn.lines - 1))


def erase_at_once() -> None:
    """Removes a display as the process is about to end without more ado."""
    _write(_erase())


def _erase() -> str:
    # The cursor stands at the end of the last line.
    up = "\x1b[1A\x1b[2K" * (_Drawn.lines - 1)
    return f"\r\x1b[2K{up}" if _Drawn.lines else ""


def _write(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


def fitting(*texts: str) -> str:
    """Returns the first of several texts that fits a terminal's line.

    Args:
        texts: The longest first. It is returned where there is no terminal,
            and the last one where none fits.
    """
    return _fitting(texts, _console.width) if drawable() else texts[0]


def drawable() -> bool:
    """Returns whether a display can be drawn: a person watches a terminal."""
    usable = _console.is_terminal and not _console.is_dumb_terminal
    return usable and not _console.quiet and not _as_json()


def _fitting(texts: tuple[str, ...], width: int) -> str:
    fit = (text for text in texts if len(text) <= width)
    return next(fit, texts[-1])


class Seldom:
    """Does something so rarely that it costs little.

    Args:
        seconds: Seconds that pass at least until it is done again.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next = seconds, 0.0

    def do(self, action: Callable[[], None]) -> None:
        """Does it, unless that was a moment ago."""
        now = time.monotonic()
        if now >= self._next:
            action()
            after = time.monotonic()
            rest = max(self._seconds, _RARELY * (after - now))
            self._next = after + rest


class Rate:
    """How fast something is counted.

    The first part is left out, as TensorFlow compiles while it is computed.
    """

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._last: tuple[int, float] = (0, 0.0)

    def note(self, done: int) -> None:
        """Notes that so many are done by now."""
        self._last = done, time.monotonic()
        self._first = self._first or self._last

    @property
    def per_second(self) -> float | None:
        """How many are done in a second; None as long as nobody knows."""
        if self._first is None or self._last[1] <= self._first[1]:
            return None
        done = self._last[0] - self._first[0]
        return done / (self._last[1] - self._first[1]) or None


@dataclass(frozen=True)
class Bar:
    """What a display shows: a bar with its figures, and a line below.

    Args:
        name: What is being done.
        done: Number of things that are done.
        total: Number of things that there are.
        unit: What they are, in the plural; None shows no numbers of them.
        rate: How many are done in a second, if that is known.
        left: Seconds until the end, if they are known.
        below: Texts for the line below, of which the first that fits is
            shown; without texts there is no such line.
    """

    name: str
    done: int
    total: int
    unit: str | None = "images"
    rate: float | None = None
    left: float | None = None
    below: tuple[str, ...] = ()

    @property
    def lines(self) -> int:
        """Number of lines that it takes."""
        return 2 if self.below else 1

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        """Gives rich the parts, fitted to the width of the terminal."""
        width = options.max_width
        figures = "  ".join(self._figures())
        room = width - len(self.name) - len(figures) - 3
        if room < _SHORTEST_BAR:
            yield _one_line(f"{self.name} {figures}")
        else:
            bar = ProgressBar(
                max(self.total, 1), self.done, min(room, _LONGEST_BAR)
            )
            row = Table.grid(padding=(0, 1, 0, 0))
            row.add_row(Text(readable(self.name)), bar, Text(figures))
            yield row
        if self.below:
            yield _one_line(_fitting(self.below, width))

    def _figures(self) -> Iterator[str]:
        if self.unit is None:
            yield f"{100 * self.done // max(self.total, 1)} %"
        else:
            yield f"{self.done:,}/{self.total:,}"
            if self.rate is not None:
                yield f"{in_digits(self.rate)} {self.unit}/s"
        if self.left is not None:
            yield f"{clock(self.left)} left"


def _one_line(text: str) -> Text:
    return Text(readable(text), no_wrap=True, overflow="ellipsis")


def in_digits(rate: float) -> str:
    """Writes a rate with as many digits as it deserves.

    Example:
        >>> in_digits(1234.5), in_digits(1.234)
        ('1,234', '1.2')
    """
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def clock(seconds: float) -> str:
    """Writes a duration as clocks do.

    Example:
        >>> clock(133), clock(7333)
        ('2:13', '2:02:13')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes}:{rest:02d}"
    return f"{hours}:{minutes:02d}:{rest:02d}"


class _Drawn:
    """Number of lines that are drawn, which a signal's handler must know."""

    lines = 0


class Display:
    """A bar that is drawn anew in its place, on a terminal; else nothing.

    It is drawn by the one who calls `show`: a thread of its own would compete
    with the work.
    """

    def __init__(self) -> None:
        self._seldom = Seldom(_DRAWN_EVERY)
        self._live: Live | None = None

    def show(self, bar: Callable[[], Bar]) -> None:
        """Draws a bar, unless one has been drawn a moment ago.

        Args:
            bar: Function that returns the bar; it is called if it is drawn.
        """
        if drawable():
            self._seldom.do(lambda: self._draw(bar()))

    def replace(self, bar: Callable[[], Bar]) -> None:
        """Replaces what is drawn, at once if a line is printed next.

        Args:
            bar: Function that returns the bar; it is called if one is drawn.
        """
        if self._live is not None:
            now = bar()
            self._live.update(now)
            _Drawn.lines = now.lines

    def close(self) -> None:
        """Removes what is drawn."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            _Drawn.lines = 0

    def _draw(self, bar: Bar) -> None:
        if self._live is None:
            if _Drawn.lines:
                return  # another display has the place
            self._live = Live(
                # Empty lines: what is interrupted while it is printed, rich
                # prints again, and only its first picture erases nothing.
                Text("\n" * (bar.lines - 1)),
                console=_console,
                auto_refresh=False,
                transient=True,
                # What is printed goes above the display; but results that go
                # to a file must stay there.
                redirect_stdout=sys.stdout.isatty(),
            )
            self._live.start(refresh=True)
            # A process that is killed would leave a terminal without one.
            _console.show_cursor(True)
        self._live.update(bar, refresh=True)
        _Drawn.lines = bar.lines


@contextlib.contextmanager
def counting(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Draws a bar on a terminal while images are worked on.

    Args:
        name: What is being done with them.
        total: Number of images.

    Yields:
        A function that is told how many images more are done.
    """
    display, rate, done = Display(), Rate(), 0

    def draw() -> Bar:
        speed = rate.per_second
        left = (total - done) / speed if speed else None
        return Bar(name, done, total, rate=speed, left=left)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        rate.note(done)
        display.show(draw)

    try:
        display.show(draw)
        yield advance
    finally:
        display.close()
