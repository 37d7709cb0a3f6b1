"""Walking through class folders: every file is read, hashed and judged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tlkit.data.decode import why_unreadable
from tlkit.data.index import LeftOut, digest

_RUBBISH = {"thumbs.db", "desktop.ini", "__macosx"}


def scan_classes(
    root: Path, left_out: list[LeftOut]
) -> dict[str, list[tuple[Path, str]]]:
    """Finds the usable images of each class folder of `root`.

    Args:
        root: a folder of class folders; images may lie deeper inside.
        left_out: what is not used is appended here, with its reason.

    Returns:
        `{class name: [(path, digest), ...]}`, classes by name, images by
        path; classes without a usable image are not in it.
    """
    candidates: list[tuple[str, Path]] = []
    real = Path(os.path.realpath(root))
    above = {str(folder) for folder in (real, *real.parents)}
    for child in sorted(root.iterdir()):
        if reason := _rubbish(child):
            left_out.append(LeftOut(str(child), reason))
        elif not os.path.isdir(child):
            left_out.append(LeftOut(str(child), "not in a class folder"))
        else:
            files = list(_files(child, left_out, above))
            candidates += [(child.name, path) for path in files]
            if not files:
                left_out.append(LeftOut(str(child), "empty class folder"))
    return _judge(candidates, left_out)


def _judge(
    candidates: list[tuple[str, Path]], left_out: list[LeftOut]
) -> dict[str, list[tuple[Path, str]]]:
    """Decodes all candidates on every core and sorts them."""
    found: dict[str, list[tuple[Path, str]]] = {}
    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        verdicts = pool.map(_inspect, (path for _, path in candidates))
        for (name, path), (digest, reason) in zip(
            candidates, verdicts, strict=True
        ):
            if reason is None:
                found.setdefault(name, []).append((path, digest))
            else:
                left_out.append(LeftOut(str(path), reason))
    return found


def _inspect(path: Path) -> tuple[str, str | None]:
    reason = why_unreadable(path)
    if reason is not None:
        return "", reason
    return digest(path.read_bytes()), None


def _files(
    folder: Path, left_out: list[LeftOut], seen: set[str]
) -> Iterator[Path]:
    """Yields the files below `folder` in order; a link loop is cut.

    `seen` are the folders that it lies in: a link to one of those would show
    its files once more, and those of other classes under the wrong name.
    """
    real = os.path.realpath(folder)
    if real in seen:
        left_out.append(LeftOut(str(folder), "a link back to its own folder"))
        return
    seen = seen | {real}
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        left_out.append(LeftOut(str(folder), str(error.strerror).lower()))
        return
    for child in children:
        if reason := _rubbish(child):
            left_out.append(LeftOut(str(child), reason))
        # Unlike `Path.is_dir`, this does not fail in a closed folder.
        elif os.path.isdir(child):
            yield from _files(child, left_out, seen)
        else:
            yield child


def _rubbish(path: Path) -> str | None:
    if path.name.startswith("."):
        return "hidden file"
    if path.name.lower() in _RUBBISH:
        return "left by the operating system"
    return None
