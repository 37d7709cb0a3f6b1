"""Saying what is in picture files, bad ones among them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit.base.errors import UsageError
from tlkit.data.decode import why_unreadable
from tlkit.reuse.classifier import Classifier


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one picture.

    Args:
        path: the picture.
        ranked: pairs of class name and probability, most probable first.
    """

    path: Path
    ranked: tuple[tuple[str, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """Returns the prediction as JSON can hold it."""
        name, share = self.ranked[0]
        return {
            "image": str(self.path),
            "class": name,
            "probability": share,
            "probabilities": dict(self.ranked),
        }


def find_files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Returns the files themselves and those inside folders, in order.

    Args:
        paths: files and folders; hidden files inside folders are skipped.

    Raises:
        UsageError: a path does not exist, or there is no file at all.
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
) -> tuple[list[Prediction], list[tuple[Path, str]]]:
    """Classifies every file that is an image.

    Args:
        classifier: from `tlkit.load_classifier`.
        files: paths of files.

    Returns:
        The predictions in order, and the unreadable files with reasons.
    """
    reasons = {path: why_unreadable(path) for path in files}
    readable = [path for path in files if reasons[path] is None]
    unreadable = [(path, why) for path, why in reasons.items() if why]
    if not readable:
        return [], unreadable
    probabilities = classifier.predict(readable)
    names = classifier.class_names or tuple(
        f"class {number}" for number in range(probabilities.shape[1])
    )
    predictions = [
        Prediction(
            path,
            tuple(
                (names[label], float(row[label]))
                for label in (-row).argsort(kind="stable")
            ),
        )
        for path, row in zip(readable, probabilities, strict=True)
    ]
    return predictions, unreadable
