"""Saying what is in picture files, bad ones among them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tlkit.base.errors import UsageError
from tlkit.data.decode import why_unreadable
from tlkit.reuse.classifier import Classifier
from tlkit.reuse.predictions import Predictions


def find_files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Returns the files themselves and those inside folders, in order.

    Args:
        paths: Files and folders; hidden files inside folders are skipped.

    Raises:
        UsageError: A path does not exist, or there is no file at all.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(
                inside
                for inside in path.rglob("*")
                if not inside.is_dir() and not inside.name.startswith(".")
            )
        elif path.exists():
            files.append(path)
        else:
            raise UsageError("No such image.", where=path)
    if not files:
        raise UsageError(
            "There are no files to classify.",
            where=", ".join(map(str, paths)),
        )
    return files


def classify_files(
    classifier: Classifier, files: Sequence[Path]
) -> tuple[Predictions, list[tuple[Path, str]]]:
    """Classifies every file that is an image.

    Args:
        classifier: The model, from `tlkit.load_classifier`.
        files: The files' paths; some may be no images.

    Returns:
        The predictions in order, and the unreadable files with reasons.
    """
    reasons = {path: why_unreadable(path) for path in files}
    readable = [path for path in files if reasons[path] is None]
    unreadable = [(path, why) for path, why in reasons.items() if why]
    if not readable:
        return Predictions(), unreadable
    return classifier.classify(readable), unreadable
