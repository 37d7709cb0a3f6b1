"""A terminal for tests: a real pseudo-terminal, and what a person sees on it.

The screen understands what tlkit's displays use of ECMA-48, and fails on
anything else.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

#: A control sequence, a control character, or a text in between.
_PARTS = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([\x00-\x1f])|([^\x00-\x1f]+)")


class Screen:
    """What stands on a terminal of so many columns, without an end below."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.cursor_shown = True
        #: The longest line that was ever on it.
        self.widest = 0

    def feed(self, text):
        for given, order, control, plain in _PARTS.findall(text):
            if order:
                self._obey(given, order)
            elif control:
                self._control(control)
            else:
                self._write(plain)

    def _obey(self, given, order):
        if order == "A":
            self.row -= int(given or 1)
            assert self.row >= 0
        elif order == "K":
            assert given == "2"
            self.lines[self.row] = ""
        elif (given, order) in (("?25", "h"), ("?25", "l")):
            self.cursor_shown = order == "h"
        else:
            assert order == "m", (given, order)

    def _control(self, control):
        if control == "\r":
            self.column = 0
        elif control == "\n":
            self._next_line()
        else:
            raise AssertionError(repr(control))

    def _next_line(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def _write(self, plain):
        for letter in plain:
            if self.column == self.columns:
                self.column = 0
                self._next_line()
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = (
                line[: self.column] + letter + line[self.column + 1 :]
            )
            self.column += 1
            self.widest = max(self.widest, len(self.lines[self.row]))

    def shown(self):
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")


class Terminal:
    """A process on a pseudo-terminal.

    Its standard error is the terminal, and its standard output as well.
    """

    def __init__(self, arguments, columns=80, **given):
        self._own, there = pty.openpty()
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(there, termios.TIOCSWINSZ, size)
        environment = {**os.environ, "TERM": "xterm", **given}
        for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH", "TLKIT_LOG"):
            if name not in given:
                environment.pop(name, None)
        self.screen = Screen(columns)
        self.pictures = []
        #: The beginning of what has not arrived as a whole.
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=there,
            stdout=there,
            stderr=there,
            env=environment,
            start_new_session=True,
        )
        os.close(there)

    def wait_for(self, pattern, seconds=60):
        """Reads until the screen shows a text, or the process ends."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.screen.shown()):
            assert self._read(end), f"{pattern}:\n{self.screen.shown()}"

    def wait(self, seconds=60):
        """Reads until the process ends; returns its exit code."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        return self.process.wait(10)

    def interrupt(self):
        """Presses Ctrl-C: the terminal shows it, and the process hears."""
        self.screen.feed("^C")
        self.process.send_signal(signal.SIGINT)

    def _read(self, end):
        left = end - time.monotonic()
        assert left > 0, self.screen.shown()
        ready, _, _ = select.select([self._own], [], [], left)
        try:
            text = os.read(self._own, 65536) if ready else b""
        except OSError:  # Linux says so where nobody writes any more
            text = b""
        self._feed(self._rest + text)
        self.pictures.append(self.screen.shown())
        return bool(text)

    def _feed(self, text):
        cut = re.search(rb"(\x1b(\[[?\d;]*)?|[\xc0-\xff][\x80-\xbf]*)$", text)
        whole = len(text)
        if cut:
            try:
                cut[0].decode()
                whole = cut.start() if cut[0][0] == 0x1B else whole
            except UnicodeDecodeError:
                whole = cut.start()
        self._rest = text[whole:]
        self.screen.feed(text[:whole].decode())
