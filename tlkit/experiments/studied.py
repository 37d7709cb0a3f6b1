"""A study from its name to its report: all in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlkit.cluster.engines import prepare_engine
from tlkit.experiments.images import load_images
from tlkit.experiments.named import (
    DEFAULT_DATA,
    DEFAULT_STUDY,
    STUDIES,
    open_study,
)
from tlkit.experiments.options import StudyOptions
from tlkit.experiments.points import Outcome
from tlkit.experiments.report import write_report


@dataclass(frozen=True)
class Studied:
    """What came out of a study.

    Args:
        outcomes: The networks with their results.
        notes: Paragraphs that a reader must know.
        page: The written report.
    """

    outcomes: Sequence[Outcome]
    notes: Sequence[str]
    page: Path


def run_study(
    name: str = DEFAULT_STUDY, options: StudyOptions | None = None
) -> Studied:
    """Trains what a study consists of and writes its report.

    Args:
        name: A key of `STUDIES`, or the path of a sweep file.
        options: How it is run, on what, and where its results go; None takes
            the defaults of `StudyOptions`.

    Raises:
        UsageError: There is no such study, axis or data set; or Ray is asked
            for and not installed.
        TlkitError: The file is not a sweep, the data cannot be read, or the
            folder cannot be written.
    """
    options = options or StudyOptions()
    prepare_engine(options.engine)
    study = open_study(name, options.quick, options.repeats, options.only)
    own = STUDIES[name].data if name in STUDIES else DEFAULT_DATA
    images = load_images(options.data or own)
    ending = "-quick" if options.quick else ""
    folder = options.output or Path("studies") / f"{study.name}{ending}"
    how = options.processes, options.engine
    outcomes = study.run(images, folder, *how)
    title = f"{study.name} on {images.name}"
    page, *_ = write_report(folder, title, outcomes, study.notes)
    return Studied(outcomes, study.notes, page)
