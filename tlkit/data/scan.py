"""Walks through class folders: every file is read, checked and hashed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tlkit.data.decode import why_unreadable
from tlkit.data.index import LeftOut, digest

# Files and folders that Windows and macOS leave behind, in lower case.
_RUBBISH = {"thumbs.db", "desktop.ini", "__macosx"}


def scan_classes(
    root: Path, left_out: list[LeftOut]
) -> dict[str, list[tuple[Path, str]]]:
    """Finds the usable images of each class folder of `root`.

    Args:
        root: A folder of class folders. Images may lie in folders inside
            these.
        left_out: A list to which files and folders that are not used are
            appended, each with its reason.

    Returns:
        `{class name: [(path, digest), ...]}`, with the classes sorted by name
        and the images by path. Classes without a usable image are missing.
    """
    candidates: list[tuple[str, Path]] = []
    # A link to one of the folders above would lead back here.
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
    """Decodes the candidates on all cores; keeps those that can be read."""
    found: dict[str, list[tuple[Path, str]]] = {}
    # Threads are enough: Pillow decodes without holding the interpreter lock.
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
    """Yields the files below `folder` in order, without following link loops.

    `seen` are the folders that `folder` lies in. A link to one of them would
    list its files a second time, and those of other classes under the wrong
    class.
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
        # `Path.is_dir` would raise in a folder that may not be entered.
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


def image_files(folder: Path, left_out: list[LeftOut]) -> list[Path]:
    """Finds the files below a folder that may be images, in order.

    Hidden files and what operating systems leave behind are passed over.

    Args:
        folder: The folder.
        left_out: A list to which folders that cannot be read are appended,
            each with the reason.
    """
    found: list[LeftOut] = []
    files = list(_files(folder, found, set()))
    left_out += [one for one in found if _rubbish(Path(one.path)) is None]
    return files
