"""Finds image files, of which some may be unreadable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tlkit.base.errors import UsageError
from tlkit.data.decode import why_unreadable
from tlkit.data.index import LeftOut
from tlkit.data.scan import image_files, why_skipped


def find_images(
    paths: Sequence[str | os.PathLike[str]],
) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Finds images among files, and inside folders.

    Args:
        paths: Paths of files and folders. The files inside a folder come in
            the order of their paths, and by the rules by which training
            finds them: without hidden files and those that operating systems
            leave behind.

    Returns:
        The images, as often as they are given, and pairs of a file or folder
        that cannot be read and the reason.

    Raises:
        UsageError: A path does not exist, or there is no file at all.
    """
    left_out: list[LeftOut] = []
    files = _find_files(paths, left_out)
    # Tried first, as one unreadable file would otherwise end a whole batch.
    reasons = {path: why_unreadable(path) for path in files}
    unreadable = [
        (Path(path), reason)
        for path, reason in left_out
        # What training passes over is nothing that anyone misses here.
        if why_skipped(Path(path)) is None
    ]
    unreadable += [(path, why) for path, why in reasons.items() if why]
    return [path for path in files if reasons[path] is None], unreadable


def _find_files(
    paths: Sequence[str | os.PathLike[str]], left_out: list[LeftOut]
) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += image_files(path, left_out)
        elif path.exists():
            files.append(path)
        else:
            raise UsageError("No such image.", where=path)
    if not files:
        raise UsageError(
            "There are no files to classify.",
            where=", ".join(map(str, paths)),
            received="; ".join(
                f"{Path(path).name}: {reason}" for path, reason in left_out[:5]
            )
            or None,
        )
    return files
