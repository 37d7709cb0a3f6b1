"""Pictures explained from the model's file to the page: all in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit.explain.files import explain_files, pick_files
from tlkit.explain.options import ExplainOptions
from tlkit.explain.sheets import check_folder, write_sheet
from tlkit.explain.through_epochs import write_animations
from tlkit.reuse.classifier import Classifier, load_classifier


@dataclass(frozen=True)
class Explained:
    """What came out of an explanation.

    Args:
        written: The page, or the animations.
        records: What the page says of each heat map, such as its class and
            the box of its hot region; empty for animations.
        unreadable: Files that cannot be read, each with the reason.
    """

    written: Sequence[Path]
    records: Sequence[dict[str, Any]]
    unreadable: list[tuple[Path, str]]


def explain_pictures(
    model: Path,
    pictures: Sequence[Path],
    options: ExplainOptions | None = None,
) -> Explained:
    """Explains picture files and writes what is to be seen.

    Args:
        model: Run folder or `.keras` file of the model.
        pictures: Picture files, and folders of them.
        options: What is explained, how, and where it is written; None takes
            the defaults of `ExplainOptions`.

    Raises:
        UsageError: There is no such model, picture, class or layer, or the
            folder holds something other than explanations.
        TlkitError: A file is damaged, or the folder cannot be written.
    """
    options = options or ExplainOptions()
    classifiers = [load_classifier(path) for path in (model, *options.beside)]
    first, wanted = classifiers[0], options.class_name
    files, unreadable = pick_files(first, pictures, wanted, options.top)
    folder = options.output or Path("explained") / first.name
    if options.through:
        drawn = _animate(first, files, options.through, options, folder)
        return Explained(drawn, [], unreadable)
    records = _write_page(classifiers, files, options, folder)
    return Explained([folder / "sheet.html"], records, unreadable)


def _animate(
    classifier: Classifier,
    files: Sequence[Path],
    checkpoints: Path,
    options: ExplainOptions,
    folder: Path,
) -> list[Path]:
    return list(
        write_animations(
            classifier,
            checkpoints,
            files,
            options.method,
            options.class_name,
            options.layer,
            folder,
        )
    )


def _write_page(
    classifiers: Sequence[Classifier],
    files: Sequence[Path],
    options: ExplainOptions,
    folder: Path,
) -> list[dict[str, Any]]:
    check_folder(folder)
    found = explain_files(
        classifiers, files, options.method, options.class_name, options.layer
    )
    title = f"What {classifiers[0].name} looks at"
    return write_sheet(folder, found, title)
