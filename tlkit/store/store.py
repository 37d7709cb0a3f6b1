"""The store: arrays computed from images, kept under what determines them.

Whatever determines a value, except the image itself, is written into a
recipe; its hash names a folder. In it lie shards: some hundred rows each, and
beside each shard a manifest that says which image every row belongs to. So
nothing stale can be read, a folder that has grown costs only its new images,
a renamed one costs nothing, and whoever is interrupted loses one shard.

    <store>/<key>/recipe.json   what the values depend on
    <store>/<key>/<shard>.npy   shape (rows, ...)
    <store>/<key>/<shard>.json  the images of the rows, and the SHA-256 of the
                                array; written last: without it nothing counts
    <store>/<key>.lock          held while somebody computes
    <store>/<key>.*.use         held by a process for as long as it reads
"""

from __future__ import annotations

import contextlib
import hashlib
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
from tlkit.base.errors import TlkitError

#: Rows of a shard: what an interruption costs at most.
SHARD_ROWS = 256
_RECIPE = "recipe.json"
_SHARD = re.compile(r"[0-9a-f]{16}")


def store_folder() -> Path:
    """Returns where the store is.

    The environment variable `TLKIT_STORE`, else the platform's cache folder.
    """
    chosen = os.environ.get("TLKIT_STORE")
    return Path(chosen or Path(platformdirs.user_cache_dir("tlkit"), "store"))


class Place(NamedTuple):
    """Where a row lies: in which shard, and how far down."""

    shard: str
    row: int


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows of the store, read from the disk as they are asked for.

    Args:
        shards: the arrays, memory-mapped.
        places: int64 `(count, 2)`: the number of the shard, and the row in
            it.
    """

    shards: Sequence[np.ndarray]
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(count, ...)`, as of one array that holds all rows."""
        return (len(self), *self.shards[0].shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of the stored values."""
        return self.shards[0].dtype

    def row(self, number: int) -> np.ndarray:
        """Reads one row into memory.

        Args:
            number: which, 0 to `len(self) - 1`.
        """
        shard, row = self.places[number]
        return np.array(self.shards[shard][row])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Reads some rows into memory, in the order asked for.

        Args:
            rows: a slice, or an array of row numbers or of truth values.
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
            raise ValueError("Stored rows can only be copied into an array.")
        return self[:].astype(dtype or self.dtype, copy=False)


class Store:
    """The part of the store that holds the values of one recipe.

    Args:
        recipe: everything that determines a value besides the image; what
            JSON can hold.
        root: folder of the store; None for `store_folder()`.
    """

    def __init__(
        self, recipe: Mapping[str, Any], root: Path | None = None
    ) -> None:
        self.recipe = dict(recipe)
        text = json.dumps(self.recipe, sort_keys=True)
        self.key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.root = root or store_folder()
        self.folder = self.root / self.key
        self._sound: dict[str, bool] = {}

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Holds the right to write; others wait, and then find the rows.

        Raises:
            TlkitError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TlkitError(
                f"Cannot make the store: {error.strerror}.",
                where=self.root,
                remedy="Name another folder in the variable TLKIT_STORE.",
            ) from error
        lock = filelock.FileLock(f"{self.folder}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            from tlkit.base.console import (
                say,  # loads Keras: not for a store alone
            )

            say("another process computes the same; waiting for it")
            lock.acquire()
        try:
            # Pruning may have taken the folder while this process waited.
            self.folder.mkdir(exist_ok=True)
            self._sweep()
            if not (self.folder / _RECIPE).exists():
                write_json(self.folder / _RECIPE, self.recipe)
            yield
        finally:
            lock.release()

    def fill(self, ids: Sequence[str], batches: Iterable[np.ndarray]) -> None:
        """Writes rows in shards, each as soon as it is full.

        Args:
            ids: what the rows belong to.
            batches: the rows, some at a time.

        Raises:
            TlkitError: the disk is full or the folder cannot be written.
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
        """Takes away what a process that was killed has left."""
        for path in [*self.folder.glob(".partial-*"), *self._orphans()]:
            path.unlink(missing_ok=True)

    def _orphans(self) -> list[Path]:
        arrays = self.folder.glob("*.npy")
        return [x for x in arrays if not x.with_suffix(".json").exists()]

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Says which rows are not there, and drops damaged shards.

        Call it while `computing`.

        Args:
            ids: what rows belong to; the same twice is asked for once.
        """
        known = self._places()
        for name, sound in self._sound.items():
            if not sound:
                for suffix in (".json", ".npy"):
                    path = self.folder / f"{name}{suffix}"
                    path.unlink(missing_ok=True)
        return [name for name in dict.fromkeys(ids) if name not in known]

    def add(self, ids: Sequence[str], rows: np.ndarray) -> None:
        """Writes one shard.

        Args:
            ids: what each row belongs to.
            rows: shape `(len(ids), ...)`.

        Raises:
            TlkitError: the disk is full or the folder cannot be written.
        """
        name = secrets.token_hex(8)
        with atomic_path(self.folder / f"{name}.npy") as partial:
            np.save(partial, rows)
            digest = file_digest(partial)
        body = {"sha256": digest, "ids": list(ids)}
        write_json(
            self.folder / f"{name}.json", {**body, "check": _check(body)}
        )
        self._sound[name] = True

    def open(self, ids: Sequence[str]) -> StoredRows:
        """Opens rows for reading; as long as they are in use, none is pruned.

        Call it while `computing`, so that nobody prunes in between.

        Args:
            ids: of rows that are there.

        Raises:
            KeyError: a row is missing.
        """
        os.utime(self.folder / _RECIPE)
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
        weakref.finalize(rows, _put_back, self._mark_as_used())
        return rows

    def _mark_as_used(self) -> filelock.FileLock:
        """A lock of this reader's own; the system frees it if it is killed."""
        mark = filelock.FileLock(
            f"{self.folder}.{secrets.token_hex(4)}.use", thread_local=False
        )
        mark.acquire()
        return mark

    def _places(self) -> dict[str, Place]:
        """Where every row of a sound shard lies."""
        places = {}
        for path in shard_manifests(self.folder):
            ids = self._ids(path)
            for row, name in enumerate(ids):
                places[name] = Place(path.stem, row)
        return places

    def _ids(self, manifest: Path) -> list[str]:
        """The rows of a shard; none if it is damaged."""
        ids, digest = read_manifest(manifest)
        if manifest.stem not in self._sound:
            sound = digest is not None and digest == file_digest(
                manifest.with_suffix(".npy")
            )
            self._sound[manifest.stem] = sound
        return ids if self._sound[manifest.stem] else []


def _put_back(mark: filelock.FileLock) -> None:
    mark.release(force=True)
    Path(mark.lock_file).unlink(missing_ok=True)


def shard_manifests(folder: Path) -> list[Path]:
    """Lists the manifests of a key's shards.

    Not the recipe, and not what a process that was killed was writing.
    """
    found = folder.glob("*.json")
    return sorted(path for path in found if _SHARD.fullmatch(path.stem))


def read_manifest(path: Path) -> tuple[list[str], str | None]:
    """Reads which rows a shard holds, and the digest of its array.

    Args:
        path: of a shard's manifest.

    Returns:
        No rows and None if it is damaged.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
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
