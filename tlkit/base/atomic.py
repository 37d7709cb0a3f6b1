"""Files that are either whole or not there.

No save of Keras or NumPy is atomic: a process killed while it writes leaves
half a file under the final name. Everything tlkit writes goes to a temporary
name in the same folder, is synced to the disk and renamed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlkit.base.errors import TlkitError


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path that becomes `target` when the block succeeds.

    The temporary name ends like `target`, since Keras and NumPy choose the
    format by it. If the block fails, the temporary file is removed
    and `target` stays what it was.

    Args:
        target: the file to be written; its folder is made if missing.

    Yields:
        The path to write to.

    Raises:
        TlkitError: the disk is full or the folder cannot be written.
    """
    target = Path(target)
    name = f".partial-{secrets.token_hex(4)}-{target.name}"
    partial = target.with_name(name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, target)
    except OSError as error:
        raise TlkitError(
            f"Cannot write {target.name}: {error.strerror or error}.",
            where=target.parent,
            remedy="Free some space or choose another folder, then run the "
            "same command again; nothing was left half-written.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(target: str | os.PathLike[str], text: str) -> None:
    r"""Writes `text` as UTF-8 to `target`, whole or not at all.

    What UTF-8 cannot hold, as in the name of a file that is not UTF-8, is
    written as `\udc80` to `\udcff`.
    """
    with atomic_path(target) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(target: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` as indented JSON to `target`, whole or not at all."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
