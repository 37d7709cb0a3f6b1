"""Looks after the store: lists it, checks it and makes it smaller."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.records import (
    COUNT,
    SHAPE,
    Column,
    Field,
    Kind,
    Table,
    number_as,
    tabulate,
)
from tlkit.store.store import (
    file_digest,
    read_manifest,
    shard_manifests,
    store_folder,
)

_KEY = re.compile(r"[0-9a-f]{32}")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class Entry:
    """What the store holds for one identity.

    Attributes:
        folder: The folder that holds it.
        identity: Everything that the values depend on besides the image.
        rows: Number of rows.
        size: Size on the disk in bytes.
        used: Time at which it was last opened, in seconds since 1970.
    """

    folder: Path
    identity: Mapping[str, Any]
    rows: int
    size: int
    used: float


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _cut(entry: Entry) -> str:
    """Where the values are from, and what was done to the images before."""
    identity = entry.identity
    place = identity.get("cut", "").partition(" ")[0]
    views = "views" if identity.get("augmentation") else ""
    return ", ".join(filter(None, (place, views, identity.get("fit"))))


#: What `tlkit store ls` shows of an entry.
_COLUMNS: list[Field[Entry]] = [
    (Column("key"), lambda x: x.folder.name),
    (
        Column("base", spare=True),
        lambda x: x.identity.get("base") or x.identity.get("kind"),
    ),
    (Column("size", SHAPE, spare=True), lambda x: x.identity.get("image_size")),
    (Column("cut", spare=True), _cut),
    (Column("kept as", spare=True), lambda x: x.identity.get("dtype")),
    (Column("last used", Kind("time", _when, right=False)), lambda x: x.used),
    (Column("images", COUNT, spare=True), lambda x: x.rows),
    (Column("MB", number_as(",.1f")), lambda x: x.size / 1e6),
]


def store_table(entries: Sequence[Entry]) -> Table:
    """Tabulates what the store holds.

    Args:
        entries: What `list_store` returned.
    """
    total = sum(entry.size for entry in entries)
    return tabulate(f"{total / 1e6:,.1f} MB", _COLUMNS, entries)


def list_store() -> list[Entry]:
    """Lists what is in the store.

    Returns:
        One entry for each identity, the most recently used first.
    """
    root = store_folder()
    folders = root.iterdir() if root.is_dir() else ()
    # Locks and marks lie beside the folders; their names are longer.
    entries = [
        _entry(folder) for folder in folders if _KEY.fullmatch(folder.name)
    ]
    return sorted(entries, key=lambda entry: -entry.used)


def _entry(folder: Path) -> Entry:
    identity = folder / "recipe.json"
    try:
        content = json.loads(identity.read_text(encoding="utf-8"))
        used = identity.stat().st_mtime
    except (OSError, ValueError):
        # Without its identity, a folder counts as unused since 1970: it is the
        # first to be pruned.
        content, used = {}, 0.0
    files = [path for path in folder.iterdir() if path.is_file()]
    rows = sum(len(read_manifest(path)[0]) for path in shard_manifests(folder))
    size = sum(path.stat().st_size for path in files)
    return Entry(folder, content, rows, size, used)


def verify_store() -> tuple[int, list[Path]]:
    """Reads every shard and compares it with its digest.

    Nothing is changed. The rows of a damaged shard count as missing, and are
    computed again when they are needed.

    Returns:
        The number of shards, and the manifests of the damaged ones.
    """
    manifests = [
        path for entry in list_store() for path in shard_manifests(entry.folder)
    ]
    return len(manifests), [path for path in manifests if not _is_sound(path)]


def _is_sound(manifest: Path) -> bool:
    digest = read_manifest(manifest)[1]
    return digest is not None and digest == file_digest(
        manifest.with_suffix(".npy")
    )


def prune_store(most: int) -> list[Entry]:
    """Removes the least recently used entries until the store is small enough.

    Entries that a process is reading or computing at the moment are kept.

    Args:
        most: Number of bytes that the store may hold afterwards.

    Returns:
        The entries that were removed.
    """
    entries = list_store()
    total = sum(entry.size for entry in entries)
    removed = []
    for entry in reversed(entries):
        if total <= most:
            break
        if _remove(entry.folder):
            removed.append(entry)
            total -= entry.size
    return removed


def _remove(folder: Path) -> bool:
    """Removes the folder of one identity, unless it is in use.

    Returns:
        Whether it was removed.
    """
    # The lock is beside the folder, so that removing the folder leaves it to
    # those who wait for it.
    lock = filelock.FileLock(f"{folder}.lock")
    # Not waited for: whoever holds it is computing rows that will be used.
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    try:
        if _in_use(folder):
            return False
        shutil.rmtree(folder)
        return True
    except OSError as error:
        raise TlkitError(
            f"Cannot remove this part of the store: {error.strerror}.",
            where=folder,
        ) from error
    finally:
        lock.release()


def _in_use(folder: Path) -> bool:
    for path in folder.parent.glob(f"{folder.name}.*.use"):
        mark = filelock.FileLock(path)
        try:
            mark.acquire(timeout=0)
        except filelock.Timeout:
            return True
        # Nobody holds the mark: its reader was killed before it could remove
        # it.
        mark.release()
        path.unlink(missing_ok=True)
    return False


def store_cap() -> int:
    """Returns how many bytes the store may hold.

    Returns:
        The value of the environment variable `TLKIT_STORE_CAP`, such as
        "20G", else 50 GB.

    Raises:
        UsageError: The variable is not a size.
    """
    return read_size(os.environ.get("TLKIT_STORE_CAP", "50G"))


def read_size(text: str) -> int:
    """Reads a number of bytes such as "500M" or "20G".

    Args:
        text: A number, optionally followed by K, M, G or T (powers of 1,000)
            and a B.

    Returns:
        The number of bytes.

    Raises:
        UsageError: The text is not a size.

    Example:
        >>> read_size("1.5G")
        1500000000
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", text.upper())
    if found is None:
        raise UsageError(
            "This is not a size in bytes.",
            expected="a number, optionally with K, M, G or T, such as 20G",
            received=text,
        )
    return int(float(found[1]) * _UNITS[found[2]])
