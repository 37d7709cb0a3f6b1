"""The store: arrays computed from images, found by what determines them.

Everything that determines a value, except the image itself, is the identity
of values. The hash of the identity is the key: it names a folder. The folder
holds shards of some hundred rows each, and beside each shard a manifest that
says which image every row belongs to. This has four consequences: a value of
other settings is never read by mistake; a data set that has grown costs only
its new images; a renamed one costs nothing; and an interruption loses at most
one shard. A store that this process may not write, such as one that another
user has filled, serves the rows that it has.

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

import filelock
import numpy as np
import platformdirs

from tlkit.base.atomic import atomic_path, write_json
from tlkit.base.console import say
from tlkit.base.errors import TlkitError

#: Rows in a shard; an interruption loses at most as many.
SHARD_ROWS = 256
#: Its name since 0.1, when it was called a recipe.
_IDENTITY = "recipe.json"
_SHARD = re.compile(r"[0-9a-f]{16}")


def store_folder() -> Path:
    """Returns the folder of the store.

    Returns:
        The folder that the environment variable `TLKIT_STORE` names, else
        `tlkit/store` in the platform's cache folder.
    """
    chosen = os.environ.get("TLKIT_STORE")
    return Path(chosen or Path(platformdirs.user_cache_dir("tlkit"), "store"))


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
        # Whether each shard matches its digest. Comparing means reading the
        # whole shard, so it is done once.
        self._sound: dict[str, bool] = {}
        # Why nothing can be written here; None where it can.
        self._unwritable: Exception | None = None

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Locks this part of the store for writing while the block runs.

        Other processes that want the same rows wait, and then find them.
        Where nothing can be written there is no lock, and the rows that are
        there can be used.

        Raises:
            TlkitError: The folder cannot be made.
        """
        lock = self._lock_if_writable()
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def _lock_if_writable(self) -> filelock.FileLock | None:
        self._unwritable = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self._waited_for()
            try:
                self._prepare()
            except BaseException:
                lock.release()
                raise
        # A disk without file locks is a NotImplementedError to filelock.
        except (OSError, NotImplementedError) as error:
            if not (self.folder / _IDENTITY).exists():
                raise _cannot_write(
                    "Cannot make the folder of the store", self.root, error
                ) from error
            self._unwritable = error
            return None
        return lock

    def _waited_for(self) -> filelock.FileLock:
        # The system frees the lock if its holder is killed. Tried without
        # waiting first, so that a wait can be announced.
        lock = filelock.FileLock(f"{self.folder}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            say("another process is computing the same; waiting for it")
            lock.acquire()
        return lock

    def _prepare(self) -> None:
        # Pruning may have removed the folder while this process waited.
        self.folder.mkdir(exist_ok=True)
        self._sweep()
        if not (self.folder / _IDENTITY).exists():
            write_json(self.folder / _IDENTITY, self.identity)

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

    def _sweep(self) -> None:
        """Removes what a killed process has left.

        Called only under the lock, so no file of a living process is removed.
        """
        for path in [*self.folder.glob(".partial-*"), *self._orphans()]:
            path.unlink(missing_ok=True)

    def _orphans(self) -> list[Path]:
        arrays = self.folder.glob("*.npy")
        return [x for x in arrays if not x.with_suffix(".json").exists()]

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
        for name, sound in self._sound.items():
            if not sound:
                for suffix in (".json", ".npy"):
                    path = self.folder / f"{name}{suffix}"
                    path.unlink(missing_ok=True)
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
            KeyError: A row is missing.
        """
        # The time of the identity file is the last use, by which pruning goes.
        # Where nothing can be written, nothing needs to be kept from pruning.
        with contextlib.suppress(OSError):
            os.utime(self.folder / _IDENTITY)
        known = self._places()
        places = [known[name] for name in ids]
        names = list(dict.fromkeys(place.shard for place in places))
        numbers = {name: number for number, name in enumerate(names)}
        found = [(numbers[shard], row) for shard, row in places]
        rows = StoredRows(
            [
                np.load(self.folder / f"{name}.npy", mmap_mode="r")
                for name in names
            ],
            np.array(found, np.int64).reshape(-1, 2),
        )
        # The mark goes when the rows are no longer referred to, or at exit.
        with contextlib.suppress(OSError, NotImplementedError):
            weakref.finalize(rows, _put_back, self._mark_as_used())
        return rows

    def _mark_as_used(self) -> filelock.FileLock:
        """Takes a lock of this reader's own, which tells others not to prune.

        The system frees it if the reader is killed. It is not bound to a
        thread, because garbage collection may release it from another one.
        """
        mark = filelock.FileLock(
            f"{self.folder}.{secrets.token_hex(4)}.use", thread_local=False
        )
        mark.acquire()
        return mark

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
        ids, digest = read_manifest(manifest)
        if manifest.stem not in self._sound:
            sound = digest is not None and digest == file_digest(
                manifest.with_suffix(".npy")
            )
            self._sound[manifest.stem] = sound
        return ids if self._sound[manifest.stem] else []


def _cannot_write(problem: str, root: Path, error: Exception) -> TlkitError:
    reason = getattr(error, "strerror", None) or error
    return TlkitError(
        f"{problem}: {reason}.",
        where=root,
        remedy="Name a folder that can be written, with --store or in the "
        "environment variable TLKIT_STORE.",
    )


def _put_back(mark: filelock.FileLock) -> None:
    mark.release(force=True)
    Path(mark.lock_file).unlink(missing_ok=True)


def shard_manifests(folder: Path) -> list[Path]:
    """Lists the manifests of the shards in a folder.

    The identity and unfinished files of killed processes are not listed.

    Args:
        folder: Folder of one identity.
    """
    found = folder.glob("*.json")
    return sorted(path for path in found if _SHARD.fullmatch(path.stem))


def read_manifest(path: Path) -> tuple[list[str], str | None]:
    """Reads which rows a shard holds, and the digest of its array.

    Args:
        path: The manifest of the shard.

    Returns:
        The ids of the rows and the SHA-256 of the array; an empty list and
        None if the manifest is damaged.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        # A flipped bit in an id would be valid JSON and give an image the row
        # of another one, so the manifest has a digest of its own.
        body = {name: manifest[name] for name in ("sha256", "ids")}
        if manifest.get("check") != _check(body):
            return [], None
        return body["ids"], body["sha256"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [], None


def _check(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str | None:
    """Returns the SHA-256 of a file; None if it cannot be read."""
    try:
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError:
        return None
    return digest.hexdigest()
