"""Writes files so that they are either complete or not there at all.

Neither Keras nor NumPy saves atomically: a process killed while it writes
leaves half a file under the final name. Everything tlkit writes goes to a
temporary name in the same folder, is synced to the disk and then renamed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlkit.base.disk import disk_errors
from tlkit.base.filenames import MOST_BYTES, last_bytes

AGAIN = (
    "Free some space or choose another folder, then run the same command "
    "again; nothing was left half-written."
)
"""What a reader can do where something could not be written."""


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path that becomes `target` when the block succeeds.

    The temporary name ends like `target`, because Keras and NumPy choose the
    format by the suffix. If the block fails, the temporary file is removed
    and `target` stays as it was.

    Args:
        target: The file to write; its folder is made if it is missing.

    Yields:
        The path to write to.

    Raises:
        TlkitError: The disk is full or the folder cannot be written.
    """
    target = Path(target)
    # In the same folder, since a rename is atomic only within one file
    # system. The random part keeps two writers of one file apart.
    start = f".partial-{secrets.token_hex(4)}-"
    # The target's name may be as long as names can be.
    end = last_bytes(target.name, MOST_BYTES - len(start))
    partial = target.with_name(start + end)
    try:
        with disk_errors(f"Cannot write {target.name}", target.parent, AGAIN):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            # Without the sync, a power cut after the rename could leave the
            # final name on a file whose content never reached the disk.
            with open(partial, "rb") as written:
                os.fsync(written.fileno())
            os.replace(partial, target)
    finally:
        # After a success there is nothing left to remove.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def sync_files(folder: Path) -> None:
    """Waits until every file below a folder has reached the disk.

    It is called before a new folder is renamed, for the reason for which
    `atomic_path` does so with a file.

    Args:
        folder: The folder.

    Raises:
        OSError: The disk refuses it.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as written:
                os.fsync(written.fileno())


def write_text(target: str | os.PathLike[str], text: str) -> None:
    r"""Writes `text` as UTF-8 to `target`, completely or not at all.

    Characters that UTF-8 cannot hold are written as `\udc80` to `\udcff`.
    Python uses them in paths for bytes that are not valid UTF-8.

    Args:
        target: The file to write; an existing one is replaced.
        text: The whole content of the file.

    Raises:
        TlkitError: The disk is full or the folder cannot be written.
    """
    with atomic_path(target) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(target: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` as indented JSON to `target`, completely or not at all.

    Args:
        target: The file to write; an existing one is replaced.
        value: Anything that the module `json` can write.

    Raises:
        TlkitError: The disk is full or the folder cannot be written.
    """
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
