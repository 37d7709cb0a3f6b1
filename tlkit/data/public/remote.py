"""Downloads one file over HTTP: resumable, limited in size and checked."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.client
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

from tlkit.base.console import Bar, Display, drawable, say
from tlkit.base.errors import TlkitError
from tlkit.data.public.catalogue import RemoteFile

#: Called with what is being done, how much of it is done, and the whole.
Progress = Callable[[str, int, int], None]

_CHUNK = 256 * 2**10
_ATTEMPTS = 5


def obtain(
    file: RemoteFile, folder: Path, report: Progress, timeout: float
) -> Path:
    """Returns the checked file in `folder`, downloaded if it is not there.

    Args:
        file: The file to get.
        folder: The folder to keep it in. The part of an interrupted download
            stays there under the same name with `.partial` added.
        report: Function that is told of the bytes that arrive.
        timeout: Seconds to wait for an answer of the server before giving
            up.

    Raises:
        TlkitError: The download failed, there is no space for it, or the
            file is not the expected one.
    """
    archive = folder / file.filename
    if not archive.exists():
        _Download(file, archive, report, timeout).run()
        return archive
    received = _sha256(archive)
    if received != file.sha256:
        raise TlkitError(
            f"{file.filename} is not the file it should be.",
            where=archive,
            expected=f"{file.size:,} bytes, sha256 {file.sha256}",
            received=f"{_size(archive):,} bytes, sha256 {received}",
            remedy="Move it away and run the same command again to download "
            f"it, or put the right file there, from {file.url}",
        )
    return archive


@contextlib.contextmanager
def reporting(progress: Progress | None) -> Iterator[Progress]:
    """Gives the function to report progress to while the block runs.

    Args:
        progress: The caller's own function, which is given back. None draws
            bars in a terminal and prints plain lines elsewhere, both to
            stderr.

    Yields:
        The function.
    """
    if progress is not None:
        yield progress
    elif drawable():
        with _bars() as report:
            yield report
    else:
        yield _plain_lines()


@contextlib.contextmanager
def _bars() -> Iterator[Progress]:
    display = Display()
    try:
        yield lambda what, done, total: display.show(
            lambda: Bar(what, done, total, unit=None)
        )
    finally:
        display.close()


def _plain_lines() -> Progress:
    """Prints a line each time another quarter is done.

    Bars would fill a log file with thousands of redrawn lines.
    """
    printed: dict[str, int] = {}

    def report(what: str, done: int, total: int) -> None:
        quarter = 4 * done // max(total, 1)
        if quarter > printed.get(what, -1):
            printed[what] = quarter
            say(f"{what}: {25 * quarter} %")

    return report


class _TransferError(Exception):
    """Says in a few words what went wrong in the transfer."""


@dataclasses.dataclass(frozen=True)
class _Download:
    """A file on its way into the folder of archives."""

    file: RemoteFile
    archive: Path
    report: Progress
    timeout: float

    @property
    def partial(self) -> Path:
        return self.archive.with_name(self.archive.name + ".partial")

    def run(self) -> None:
        """Completes the partial file and renames it if its hash is right."""
        if _size(self.partial) > self.file.size:
            self.partial.unlink()
        resumed = _size(self.partial) > 0
        self.fill()
        received = _sha256(self.partial)
        if received == self.file.sha256:
            os.replace(self.partial, self.archive)
            return
        self.partial.unlink()
        if not resumed:
            raise self.failed(f"what was received has sha256 {received}")
        # The resumed part may have come from an older version of the file, so
        # the download starts once more from the beginning.
        self.run()

    def fill(self) -> None:
        """Downloads what is missing until the partial file is complete.

        A broken connection is opened again a few times, as long as each one
        brings some data.
        """
        self.require_room()
        failures = 0
        while (before := _size(self.partial)) != self.file.size:
            try:
                self.receive()
            except _TransferError as error:
                failures += 1
                if failures == _ATTEMPTS or _size(self.partial) <= before:
                    raise self.failed(error) from error

    def require_room(self) -> None:
        missing = self.file.size - _size(self.partial)
        free = shutil.disk_usage(self.partial.parent).free
        if free < missing:
            raise TlkitError(
                f"Not enough space on the disk for {self.file.filename}.",
                where=self.partial.parent,
                expected=f"{missing:,} bytes",
                received=f"{free:,} bytes free",
                remedy="Free some space, or name another folder in the "
                "environment variable TLKIT_DATA.",
            )

    def receive(self) -> None:
        """Appends the data of one connection to the partial file."""
        size, what = self.file.size, f"Downloading {self.file.filename}"
        response, done = self.connect(_size(self.partial))
        with response, open(self.partial, "ab" if done else "wb") as out:
            self.report(what, done, size)
            for chunk in _chunks(response):
                done += len(chunk)
                if done > size:
                    # The file is the wrong one: nothing of it may be resumed.
                    out.truncate(0)
                    raise _TransferError(f"it has more than {size:,} bytes")
                out.write(chunk)
                self.report(what, done, size)
            out.flush()
            os.fsync(out.fileno())
        if done < size:
            raise _TransferError(
                f"the connection ended after {done:,} of {size:,} bytes"
            )

    def connect(self, start: int) -> tuple[http.client.HTTPResponse, int]:
        """Asks for the file from byte `start` on.

        Returns:
            The response, and the position at which its body begins: 0 if the
            server cannot resume.
        """
        headers = {"User-Agent": "tlkit"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = urllib.request.Request(self.file.url, headers=headers)
        try:
            response = urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            unsatisfiable = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            # The server has no byte `start`: start again from 0.
            if start and error.code == unsatisfiable:
                return self.connect(0)
            answer = f"the server answered {error.code} {error.reason}"
            raise _TransferError(answer) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _TransferError(_reason(error, self.timeout)) from error
        return self.continued(response, start)

    def continued(
        self, response: http.client.HTTPResponse, start: int
    ) -> tuple[http.client.HTTPResponse, int]:
        """Checks which part of the file a response holds."""
        size = self.file.size
        if start and response.status == HTTPStatus.PARTIAL_CONTENT:
            part = response.headers.get("Content-Range", "")
            if re.fullmatch(rf"bytes {start}-[0-9]+/({size}|\*)", part):
                return response, start
            response.close()
            return self.connect(0)
        length = response.headers.get("Content-Length")
        if length is not None and length != str(size):
            # Often a login page. Writing it would destroy the partial file.
            response.close()
            raise _TransferError(
                f"the server offers {length} bytes instead of {size:,}"
            )
        return response, 0

    def failed(self, reason: object) -> TlkitError:
        return TlkitError(
            f"Cannot download {self.file.filename}: {reason}.",
            where=self.file.url,
            expected=f"{self.file.size:,} bytes, sha256 {self.file.sha256}",
            remedy="Run the same command again; what has arrived is kept. "
            "Without a network, get the file another way, put it at "
            f"{self.archive} and run the same command again.",
        )


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yields the body of a response, and marks its errors as transfer errors.

    Errors while writing to the disk must not be reported as the network's.
    """
    while True:
        try:
            # `read` would wait for a full chunk, and a stall would lose what
            # has arrived of it. `read1` returns it at once.
            chunk = response.read1(_CHUNK)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _TransferError(_reason(error)) from error
        if not chunk:
            return
        yield chunk


def _reason(error: Exception, timeout: float | None = None) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        wait = f" for {timeout:g} seconds" if timeout else ""
        return f"the server said nothing{wait}"
    return getattr(cause, "strerror", None) or str(cause) or repr(cause)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def _size(path: Path) -> int:
    """Returns the size in bytes, 0 if there is no file."""
    return path.stat().st_size if path.exists() else 0
