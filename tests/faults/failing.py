"""Makes one system call of a process fail, as a broken or full disk would.

Python tells of most calls before it makes them, by audit events, and a hook
may raise an error instead; `fsync` and the writing of bytes have no event, so
this process's own are put in their place. It is for forks of a test alone: a
hook cannot be taken away.
"""

import builtins
import errno
import io
import os
import sys
import threading
from collections import Counter

#: What a disk may answer, by kind of call; they take turns.
ANSWERS = {
    "open": (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT),
    "write": (errno.ENOSPC, errno.EIO, errno.EDQUOT),
    "fsync": (errno.EIO, errno.ENOSPC),
    "rename": (errno.EIO, errno.EROFS, errno.ENOSPC),
    "make": (errno.ENOSPC, errno.EROFS, errno.EDQUOT),
    "lock": (errno.ENOLCK, errno.EIO, errno.EOPNOTSUPP),
    "remove": (errno.EROFS, errno.EIO, errno.EACCES),
    "touch": (errno.EROFS, errno.EACCES),
    "read": (errno.EIO, errno.ESTALE, errno.EACCES),
    "list": (errno.EIO, errno.ESTALE),
}
_EVENTS = {
    "os.rename": "rename",
    "os.mkdir": "make",
    "os.remove": "remove",
    "os.rmdir": "remove",
    "os.listdir": "list",
    "os.scandir": "list",
    "os.utime": "touch",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Failing:
    """Counts the system calls below a folder; from some on, they fail.

    Args:
        folder: Calls on paths elsewhere are neither counted nor failed.
        kind: A key of `ANSWERS`; None lets all calls be made.
        number: Which call of this kind fails, counted from 1.
        lasting: Whether all later ones of the kind fail, too, as on a full
            disk.
        name: Only calls on files of this name fail; None takes any.
    """

    def __init__(self, folder, kind=None, number=1, lasting=False, name=None):
        self.folder = os.path.realpath(folder)
        self.kind, self.number, self.lasting = kind, number, lasting
        self.name = name
        self.counts = Counter()
        self._lock = threading.Lock()

    @property
    def answer(self):
        """The error that the chosen call gets."""
        answers = ANSWERS[self.kind]
        return answers[self.number % len(answers)]

    def install(self):
        """From now on the calls of this process are counted and fail."""
        sys.addaudithook(self._hear)
        builtins.open = io.open = self._open
        self._fsync, os.fsync = os.fsync, self._sync

    def met(self, kind, path):
        """Counts a call, and raises the error if it is the one that fails."""
        if not isinstance(path, str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(path))
        if not path.startswith(self.folder + os.sep):
            return
        if self.name and not path.endswith(self.name):
            return
        with self._lock:
            self.counts[kind] += 1
            count = self.counts[kind]
        late = self.lasting and count > self.number
        if kind == self.kind and (late or count == self.number):
            raise OSError(self.answer, os.strerror(self.answer), path)

    def _hear(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            self.met("open" if flags & _WRITING else "read", path)
        elif event in _EVENTS:
            # Where a file goes matters as much as where it comes from.
            self.met(_EVENTS[event], arguments[0])
        elif event == "fcntl.flock":
            self.met("lock", _path_of(arguments[0]))

    def _sync(self, file):
        self.met("fsync", _path_of(file))
        self._fsync(file)

    def _open(
        self,
        file,
        mode="r",
        buffering=-1,
        encoding=None,
        errors=None,
        newline=None,
        closefd=True,
        opener=None,
    ):
        raw = _Raw(
            file, mode.replace("b", "").replace("t", ""), closefd, opener
        )
        raw.faults = self
        if buffering == 0:
            return raw
        if "+" in mode:
            whole = io.BufferedRandom(raw)
        elif "r" in mode:
            whole = io.BufferedReader(raw)
        else:
            whole = io.BufferedWriter(raw)
        if "b" in mode:
            return whole
        return io.TextIOWrapper(whole, encoding, errors, newline)


class _Raw(io.FileIO):
    faults = None

    def write(self, data):
        if self.faults is not None:
            self.faults.met("write", self.name)
        return super().write(data)


def _path_of(file):
    number = file if isinstance(file, int) else file.fileno()
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return None
