"""Classifies image files, of which some may be unreadable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tlkit.base.errors import UsageError
from tlkit.data.decode import why_unreadable
from tlkit.reuse.classifier import Classifier
from tlkit.reuse.predictions import Predictions


def find_files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Returns files, in place of folders the files inside them.

    Args:
        paths: Paths of files and folders. The files inside a folder come in
            the order of their paths; hidden ones are skipped.

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
        files: Paths of the files, some of which may not be images.

    Returns:
        The predictions in the order of the files, and pairs of an unreadable
        file and the reason.
    """
    # Tried first, as one unreadable file would otherwise end the whole batch.
    reasons = {path: why_unreadable(path) for path in files}
    readable = [path for path in files if reasons[path] is None]
    unreadable = [(path, why) for path, why in reasons.items() if why]
    if not readable:
        return Predictions(), unreadable
    return classifier.classify(readable), unreadable
