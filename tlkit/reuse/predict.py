"""Classifies image files, of which some may be unreadable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tlkit.base.errors import UsageError
from tlkit.data.decode import why_unreadable
from tlkit.data.index import LeftOut
from tlkit.data.scan import image_files
from tlkit.reuse.classifier import Classifier
from tlkit.reuse.predictions import Predictions


def find_files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Returns files, in place of folders the files inside them.

    Args:
        paths: Paths of files and folders. The files inside a folder come in
            the order of their paths, and by the rules by which training
            finds them: without hidden files and those that operating systems
            leave behind.

    Raises:
        UsageError: A path does not exist, or there is no file at all.
    """
    files: list[Path] = []
    passed_over: list[LeftOut] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += image_files(path, passed_over)
        elif path.exists():
            files.append(path)
        else:
            raise UsageError("No such image.", where=path)
    if not files:
        raise UsageError(
            "There are no files to classify.",
            where=", ".join(map(str, paths)),
            received="; ".join(
                f"{Path(path).name}: {reason}"
                for path, reason in passed_over[:5]
            )
            or None,
        )
    return files


def readable_files(
    files: Sequence[Path],
) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Tells files that are images from those that cannot be read.

    Args:
        files: Paths of the files.

    Returns:
        The images, as often and in the order in which they are given, and
        pairs of an unreadable file and the reason.
    """
    reasons = {path: why_unreadable(path) for path in files}
    unreadable = [(path, why) for path, why in reasons.items() if why]
    return [path for path in files if reasons[path] is None], unreadable


def classify_files(
    classifier: Classifier, files: Sequence[Path]
) -> tuple[Predictions, list[tuple[Path, str]]]:
    """Classifies every file that is an image.

    Args:
        classifier: The model, from `tlkit.load_classifier`.
        files: Paths of the files, some of which may not be images.

    Returns:
        The predictions in the order of the files, and pairs of an unreadable
        file and the reason.
    """
    # Tried first, as one unreadable file would otherwise end the whole batch.
    readable, unreadable = readable_files(files)
    if not readable:
        return Predictions(), unreadable
    return classifier.classify(readable), unreadable
