"""Looks after the store: lists it, checks it and makes it smaller."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit.base.console import say
from tlkit.base.disk import disk_errors, names_in
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.locks import try_lock
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
from tlkit.store.cap import store_cap
from tlkit.store.store import (
    check_shard,
    read_manifest,
    shard_manifests,
    store_folder,
)

_KEY = re.compile(r"[0-9a-f]{32}")
#: What has been pruned has such a name until it is gone.
_REMOVED = ".removed-"


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

    Raises:
        TlkitError: The store cannot be read.
    """
    root = store_folder()
    # Locks and marks lie beside the folders; their names are longer.
    keys = [name for name in names_in(root) if _KEY.fullmatch(name)]
    # Another process may prune one meanwhile.
    entries = [_entry(root / key) for key in keys if os.path.isdir(root / key)]
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
    rows = sum(map(_count_rows, shard_manifests(folder)))
    size = sum(_size(folder / name) for name in names_in(folder))
    return Entry(folder, content, rows, size, used)


def _count_rows(manifest: Path) -> int:
    with contextlib.suppress(OSError):
        return len(read_manifest(manifest)[0])
    return 0


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def verify_store() -> tuple[int, list[Path]]:
    """Reads every shard and compares it with its digest.

    Nothing is changed. The rows of a damaged shard count as missing, and are
    computed again when they are needed.

    Returns:
        The number of shards, and the manifests of those that are damaged or
        cannot be read.

    Raises:
        TlkitError: The store cannot be read.
    """
    manifests = [
        path for entry in list_store() for path in shard_manifests(entry.folder)
    ]
    doubtful = [path for path in manifests if not check_shard(path)]
    # What another process has pruned meanwhile is not damaged.
    return len(manifests), [path for path in doubtful if os.path.exists(path)]


def prune_store(most: int) -> list[Entry]:
    """Removes the least recently used entries until the store is small enough.

    Entries that a process is reading or computing at the moment are kept.

    Args:
        most: Number of bytes that the store may hold afterwards.

    Returns:
        The entries that were removed.

    Raises:
        TlkitError: Something cannot be removed; on a disk without locks,
            anything, as others may be using it.
    """
    _finish_removing()
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


def prune_to_cap() -> None:
    """Makes the store as small as its user wants it.

    What cannot be removed is told in a line: the work that has filled the
    store does not depend on it.
    """
    try:
        prune_store(store_cap())
    except UsageError:
        raise
    except TlkitError as error:
        say(f"the store is larger than it may be: {error.problem}")


def _remove(folder: Path) -> bool:
    """Removes the folder of one identity, unless it is in use.

    Returns:
        Whether it was removed.
    """
    with disk_errors(
        "Cannot remove this part of the store",
        folder,
        "Remove it yourself while no process uses the store.",
    ):
        # The lock is beside the folder, so that removing the folder leaves it
        # to those who wait for it. It is not waited for: whoever has it is
        # computing rows that will be used.
        lock = try_lock(f"{folder}.lock")
        if lock is None:
            return False
        try:
            return not _in_use(folder) and _take_away(folder)
        finally:
            lock.release()


def _take_away(folder: Path) -> bool:
    # All at once, so that nobody finds a half of it.
    removed = folder.with_name(f"{_REMOVED}{secrets.token_hex(8)}")
    try:
        folder.rename(removed)
    except FileNotFoundError:  # another process was faster
        return False
    shutil.rmtree(removed)
    return True


def _finish_removing() -> None:
    """Removes what processes have left that were killed while they pruned."""
    root = store_folder()
    for name in names_in(root):
        if name.startswith(_REMOVED):
            shutil.rmtree(root / name, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    for name in names_in(folder.parent):
        if name.startswith(f"{folder.name}.") and name.endswith(".use"):
            path = folder.with_name(name)
            mark = try_lock(path)
            if mark is None:
                return True
            # Nobody holds the mark: its reader was killed before it could
            # remove it.
            mark.release()
            path.unlink(missing_ok=True)
    return False
