"""The store: arrays computed from images, found by what determines them.

Everything that determines a value, except the image itself, is the identity
of values. The hash of the identity is the key: it names a folder. The folder
holds shards of some hundred rows each, and beside each shard a manifest that
says which image every row belongs to. This has four consequences: a value of
other settings is never read by mistake; a data set that has grown costs only
its new images; a renamed one costs nothing; and an interruption loses at most
one shard. A store that this process may not write, such as one that another
user has filled, serves the rows that it has.

No file is ever changed and no name used twice, so that processes may share a
store without a lock: two that compute the same write it twice, and that is
all. Locks spare that work, and keep what is being read from being pruned.

    <store>/<key>/recipe.json   what the values depend on
    <store>/<key>/<shard>.npy   array of shape (rows, ...)
    <store>/<key>/<shard>.json  the manifest: the images of the rows, and the
                                SHA-256 of the array. It is written last; a
                                shard without one does not count.
    <store>/<key>.lock          held by the process that computes rows
    <store>/<key>.*.use         held by a process while it reads rows
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs
from filelock import BaseFileLock

from tlkit.base.atomic import atomic_path, write_json
from tlkit.base.console import say
from tlkit.base.disk import disk_errors, names_in, reason
from tlkit.base.errors import TlkitError
from tlkit.base.locks import NoLocksError, try_lock, wait_for_lock
from tlkit.store.cap import store_cap

#: Rows in a shard; an interruption loses at most as many.
SHARD_ROWS = 256
#: Its name since 0.1, when it was called a recipe.
_IDENTITY = "recipe.json"
_MANIFEST = re.compile(r"[0-9a-f]{16}\.json")
#: Seconds after which a file that is not finished belongs to no living
#: process: a shard is written in a few.
_LONG_AGO = 3600


_COMPUTED_AGAIN = (
    "Run the same command again: rows that have gone are computed again."
)


def store_folder() -> Path:
    """Returns the folder of the store.

    Returns:
        The folder that the environment variable `TLKIT_STORE` names, else
        `tlkit/store` in the platform's cache folder.
    """
    chosen = os.environ.get("TLKIT_STORE")
    usual = Path(platformdirs.user_cache_dir("tlkit"), "store")
    # A path that was relative would change with the working folder.
    return Path(chosen or usual).absolute()


class Place(NamedTuple):
    """Where a row is kept: the shard, and the position in it."""

    shard: str
    row: int


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows of the store, which are read from the disk when they are needed.

    Args:
        shards: The arrays of the shards, memory-mapped.
        places: Array of shape `(count, 2)`, int64: for each row the number of
            its shard and its position in the shard.
    """

    shards: Sequence[np.ndarray]
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape `(count, ...)` of an array that would hold all rows."""
        return (len(self), *self.shards[0].shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the stored values."""
        return self.shards[0].dtype

    def row(self, number: int) -> np.ndarray:
        """Reads one row into memory.

        Args:
            number: Number of the row, 0 to `len(self) - 1`.

        Returns:
            The values of the row, in an array of its own.
        """
        shard, row = self.places[number]
        return np.array(self.shards[shard][row])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Reads rows into memory, in the order in which they are asked for.

        Args:
            rows: A slice, an array of row numbers, or an array of one truth
                value for each row.

        Returns:
            Array of shape `(number of rows, ...)`.
        """
        places = self.places[rows].reshape(-1, 2)
        read = np.empty((len(places), *self.shape[1:]), self.dtype)
        for number in np.unique(places[:, 0]):
            here = places[:, 0] == number
            read[here] = self.shards[number][places[here, 1]]
        return read

    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> np.ndarray:
        if copy is False:
            # NumPy demands a ValueError where `copy=False` is impossible.
            raise ValueError("Stored rows can only be copied into an array.")
        return self[:].astype(dtype or self.dtype, copy=False)


class Store:
    """The part of the store that holds the values of one identity.

    A row is named by an id: the digest of its image, followed by the number
    of a view where rows are kept for several views of an image.

    Args:
        identity: Everything that determines a value besides the image. It may
            hold only what JSON can hold.
        root: Folder of the store; None for `store_folder()`.
    """

    def __init__(
        self, identity: Mapping[str, Any], root: Path | None = None
    ) -> None:
        self.identity = dict(identity)
        # Sorted, so that the order of the entries does not change the key.
        text = json.dumps(self.identity, sort_keys=True)
        self.key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.root = root or store_folder()
        self.folder = self.root / self.key
        # What `check_shard` says of each shard. It reads the whole shard, so
        # it is asked once.
        self._sound: dict[str, bool | None] = {}
        # Why nothing can be written here; None where it can.
        self._unwritable: OSError | None = None

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Locks this part of the store for writing while the block runs.

        Other processes that want the same rows wait, and then find them; on
        a disk without locks they compute them, too. Where nothing can be
        written there is no lock, and the rows that are there can be used.

        Raises:
            TlkitError: The folder cannot be made or written.
            UsageError: How large the store may be is no size.
        """
        lock = self._lock_if_writable()
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def _lock_if_writable(self) -> BaseFileLock | None:
        self._unwritable = None
        # One that means nothing is an error before hours of work.
        store_cap()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self._waited_for()
            try:
                self._prepare()
            except BaseException:
                if lock is not None:
                    lock.release()
                raise
        except OSError as error:
            if not os.path.exists(self.folder / _IDENTITY):
                raise _cannot_write(
                    "Cannot write to the store", self.root, error
                ) from error
            self._unwritable = error
            return None
        return lock

    def _waited_for(self) -> BaseFileLock | None:
        path = f"{self.folder}.lock"
        try:
            lock = try_lock(path)
            if lock is None:
                say("another process is computing the same; waiting for it")
                lock = wait_for_lock(path)
        except NoLocksError:
            return None
        return lock

    def _prepare(self) -> None:
        # Pruning may have removed the folder while this process waited.
        self.folder.mkdir(exist_ok=True)
        if not os.path.exists(self.folder / _IDENTITY):
            write_json(self.folder / _IDENTITY, self.identity)
        self._sweep(self._use())

    def _use(self) -> float:
        """Notes that this part is used; returns the time that it is now.

        It is the time of the identity file, by which pruning goes. The disk
        itself gives it, so that the clocks of several machines do not matter.
        """
        identity = self.folder / _IDENTITY
        # Where nothing can be written, nothing needs to be kept from pruning.
        with contextlib.suppress(OSError):
            os.utime(identity)
            return identity.stat().st_mtime
        return 0.0

    def fill(self, ids: Sequence[str], batches: Iterable[np.ndarray]) -> None:
        """Writes rows in shards, each as soon as it is full.

        Args:
            ids: The id of each row.
            batches: The rows, in batches of any size, in the order of `ids`.

        Raises:
            TlkitError: The disk is full or the folder cannot be written.
        """
        waiting: list[np.ndarray] = []
        start = stop = 0
        for batch in batches:
            waiting.append(batch)
            stop += len(batch)
            if stop - start >= SHARD_ROWS or stop == len(ids):
                self.add(ids[start:stop], np.concatenate(waiting))
                start, waiting = stop, []

    def _sweep(self, now: float) -> None:
        """Removes what processes have left that were killed long ago.

        What is young may be another's that is writing it: the lock does not
        reach other machines on every disk.
        """
        names = names_in(self.folder)
        for name in names:
            orphan = name.endswith(".npy") and f"{name[:-4]}.json" not in names
            if orphan or name.startswith(".partial-"):
                path = self.folder / name
                with contextlib.suppress(OSError):
                    if now - path.stat().st_mtime > _LONG_AGO:
                        path.unlink()

    def lacking(self, ids: Iterable[str]) -> list[str]:
        """Lists the rows that are not there, and changes nothing.

        Args:
            ids: Ids of the rows that are needed. One that occurs twice is
                listed once.

        Returns:
            The ids that have no undamaged row, in the order of `ids`.
        """
        known = self._places()
        return [name for name in dict.fromkeys(ids) if name not in known]

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Lists the rows that are not there, and removes damaged shards.

        To be called inside `computing`.

        Args:
            ids: Ids of the rows that are needed.

        Returns:
            What `lacking` returns.

        Raises:
            TlkitError: There are some, and the store cannot be written. This
                is found before they are computed.
        """
        # This fills `_sound`, which the loop reads.
        lacking = self.lacking(ids)
        if self._unwritable is not None:
            if lacking:
                raise _cannot_write(
                    f"The store lacks {len(lacking)} of the rows and cannot "
                    "be written",
                    self.root,
                    self._unwritable,
                ) from self._unwritable
            return []
        # One that cannot be read now may be readable again later.
        damaged = [x for x, sound in self._sound.items() if sound is False]
        for name in damaged:
            for suffix in (".json", ".npy"):
                # It does not count, whether it is there or not.
                with contextlib.suppress(OSError):
                    (self.folder / f"{name}{suffix}").unlink()
        return lacking

    def add(self, ids: Sequence[str], rows: np.ndarray) -> None:
        """Writes one shard.

        Args:
            ids: The id of each row.
            rows: Array of shape `(len(ids), ...)`.

        Raises:
            TlkitError: The disk is full or the folder cannot be written.
        """
        name = secrets.token_hex(8)
        # NumPy's own writing to a file does not say that the disk is full.
        array = io.BytesIO()
        np.save(array, rows)
        with atomic_path(self.folder / f"{name}.npy") as partial:
            partial.write_bytes(array.getbuffer())
            digest = file_digest(partial)
        # The manifest comes last: whoever finds it finds a complete array.
        body = {"sha256": digest, "ids": list(ids)}
        write_json(
            self.folder / f"{name}.json", {**body, "check": _check(body)}
        )
        self._sound[name] = True

    def open(self, ids: Sequence[str]) -> StoredRows:
        """Opens rows for reading; while they are in use, none is pruned.

        To be called inside `computing`, so that no other process prunes
        between finding the rows and opening them.

        Args:
            ids: Ids of rows that are there.

        Returns:
            The rows, in the order of `ids`.

        Raises:
            TlkitError: A row is missing, or cannot be read.
        """
        self._use()
        known = self._places()
        gone = [name for name in ids if name not in known]
        if gone:
            raise TlkitError(
                f"{len(gone)} rows of the store have gone or cannot be read.",
                where=self.folder,
                remedy=_COMPUTED_AGAIN,
            )
        places = [known[name] for name in ids]
        names = list(dict.fromkeys(place.shard for place in places))
        numbers = {name: number for number, name in enumerate(names)}
        found = [(numbers[shard], row) for shard, row in places]
        with disk_errors(
            "Cannot open a shard of the store", None, _COMPUTED_AGAIN
        ):
            shards = [
                np.load(self.folder / f"{name}.npy", mmap_mode="r")
                for name in names
            ]
        rows = StoredRows(shards, np.array(found, np.int64).reshape(-1, 2))
        # Where nothing can be written, or locked, nothing is pruned.
        with contextlib.suppress(OSError):
            self._mark_as_used(rows)
        return rows

    def _mark_as_used(self, rows: StoredRows) -> None:
        """Takes a lock of these rows' own, which tells others not to prune.

        It goes when they are no longer referred to, or at exit. It is not
        bound to a thread, as garbage collection may release it from another.
        """
        name = f"{self.folder}.{secrets.token_hex(4)}.use"
        mark = try_lock(name, any_thread=True)
        if mark is not None:
            weakref.finalize(rows, _put_back, mark)

    def _places(self) -> dict[str, Place]:
        """Returns where the rows of all undamaged shards are."""
        places = {}
        for path in shard_manifests(self.folder):
            ids = self._ids(path)
            for row, name in enumerate(ids):
                places[name] = Place(path.stem, row)
        return places

    def _ids(self, manifest: Path) -> list[str]:
        """Returns the ids of a shard's rows; none if it is damaged."""
        if manifest.stem not in self._sound:
            self._sound[manifest.stem] = check_shard(manifest)
        # It is small, and was readable a moment ago.
        with contextlib.suppress(OSError):
            if self._sound[manifest.stem]:
                return read_manifest(manifest)[0]
        return []


def _cannot_write(problem: str, root: Path, error: OSError) -> TlkitError:
    return TlkitError(
        f"{problem}: {reason(error)}.",
        where=root,
        remedy="Name a folder that can be written, with --store or in the "
        "environment variable TLKIT_STORE.",
    )


def _put_back(mark: BaseFileLock) -> None:
    # A mark that nobody holds is removed by whoever prunes.
    with contextlib.suppress(OSError):
        mark.release(force=True)
        os.unlink(mark.lock_file)


def shard_manifests(folder: Path) -> list[Path]:
    """Lists the manifests of the shards in a folder.

    The identity and unfinished files of killed processes are not listed.

    Args:
        folder: Folder of one identity.

    Raises:
        TlkitError: The folder cannot be read.
    """
    names = names_in(folder)
    return [folder / name for name in names if _MANIFEST.fullmatch(name)]


def check_shard(manifest: Path) -> bool | None:
    """Reads a shard and compares it with its digest.

    Args:
        manifest: The manifest of the shard.

    Returns:
        Whether it is what was written; None if it cannot be read, or is no
        longer there, as another process has removed it.
    """
    try:
        digest = read_manifest(manifest)[1]
        return digest is not None and digest == file_digest(
            manifest.with_suffix(".npy")
        )
    except FileNotFoundError:
        return False if os.path.exists(manifest) else None
    except OSError:
        return None


def read_manifest(path: Path) -> tuple[list[str], str | None]:
    """Reads which rows a shard holds, and the digest of its array.

    Args:
        path: The manifest of the shard.

    Returns:
        The ids of the rows and the SHA-256 of the array; an empty list and
        None if the manifest is damaged.

    Raises:
        OSError: It cannot be read.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        # A flipped bit in an id would be valid JSON and give an image the row
        # of another one, so the manifest has a digest of its own.
        body = {name: manifest[name] for name in ("sha256", "ids")}
        if manifest.get("check") != _check(body):
            return [], None
        return body["ids"], body["sha256"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [], None


def _check(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
