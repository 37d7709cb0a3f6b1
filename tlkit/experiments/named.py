"""Studies by name or file, as the command runs them.

A study is a function that makes its points, and a line here: the command's
help and its errors follow from the line. Nothing heavy is imported before a
study is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tlkit.base.choices import check_known, did_you_mean
from tlkit.base.errors import UsageError
from tlkit.base.imports import import_name
from tlkit.base.records import shorten

if TYPE_CHECKING:
    from tlkit.experiments.images import ImageArrays
    from tlkit.experiments.points import Outcome, Point


@dataclass(frozen=True)
class NamedStudy:
    """A study that comes with tlkit.

    Args:
        title: What it does, in a few words.
        home: File in this folder and function in it that makes the points,
            with a dot between them. The file has a function `notes`, too.
        data: Name of the data set that it is about.
        repeats: Number of seeds from which each network is trained, unless
            the form is the quick one, which has a single seed.
    """

    title: str
    home: str
    data: str
    repeats: int = 3

    @property
    def make_points(self) -> Callable[[bool], list[Point]]:
        """The function from "is it quick" to the networks to be trained."""
        return import_name(f"{__package__}.{self.home}")

    @property
    def make_notes(self) -> Callable[[bool], tuple[str, ...]]:
        """The function from "is it quick" to what a reader must know."""
        file = self.home.partition(".")[0]
        return import_name(f"{__package__}.{file}.notes")


DEFAULT_STUDY = "lenet"
"""The study where none is named."""

DEFAULT_DATA = "fashion-mnist"
"""The data set of a sweep file where none is named."""

STUDIES: Mapping[str, NamedStudy] = MappingProxyType(
    {
        "lenet": NamedStudy(
            "LeNet with one setting changed at a time",
            "lenet.lenet_points",
            DEFAULT_DATA,
        ),
        "lenet-best": NamedStudy(
            "a better network of LeNet's size",
            "small_networks.lenet_best_points",
            DEFAULT_DATA,
        ),
        "lenet5-mnist": NamedStudy(
            "LeNet-5 as published in 1998, on handwritten digits",
            "small_networks.lenet5_points",
            "mnist",
        ),
    }
)
"""The studies that come with tlkit, by name."""


@dataclass(frozen=True, repr=False)
class Study:
    """A study, ready to be run.

    Args:
        name: Name of the study, for titles and folders.
        points: The networks to train, and how.
        repeats: Number of seeds from which each of them is trained.
        notes: Paragraphs that a reader must know.
        seed: The first of the seeds.
    """

    name: str
    points: Sequence[Point]
    repeats: int
    notes: tuple[str, ...]
    seed: int = 0

    def __repr__(self) -> str:
        return (
            f"Study({shorten(self.name)!r}: {len(self.points)} points, "
            f"repeats {self.repeats})"
        )

    def run(
        self,
        data: ImageArrays,
        folder: Path,
        processes: int | None = None,
        engine: str = "local",
    ) -> list[Outcome]:
        """Trains what is not in the folder yet; see `run_points`.

        Args:
            data: The images to train and test on.
            folder: Folder in which results are kept.
            processes: Number of networks trained at the same time; None for
                one a core.
            engine: What trains them; see `run_cells`.
        """
        from tlkit.experiments.points import run_points

        how = processes, engine
        return run_points(
            self.points, data, folder, self.repeats, self.seed, *how
        )


def open_study(
    name: str,
    quick: bool = False,
    repeats: int | None = None,
    only: Sequence[str] = (),
) -> Study:
    """Finds a study by its name, or reads it from a sweep file.

    Args:
        name: A key of `STUDIES`, or the path of a `.json` file; see
            `tlkit.experiments.sweep.read_sweep`.
        quick: Whether to open the form of a few minutes, which the studies
            that come with tlkit have.
        repeats: Number of seeds; None for what the study has.
        only: Axes to keep; none keeps all.

    Raises:
        UsageError: There is no such study or axis, or a sweep file has no
            quick form.
        TlkitError: The file is not a sweep.
    """
    study = _open_named(name, quick) if name in STUDIES else _read(name, quick)
    return replace(
        study,
        points=_only(study.points, only),
        repeats=study.repeats if repeats is None else repeats,
    )


def _open_named(name: str, quick: bool) -> Study:
    found = STUDIES[name]
    repeats = 1 if quick else found.repeats
    points, notes = found.make_points(quick), found.make_notes(quick)
    return Study(name, points, repeats, notes)


def _read(name: str, quick: bool) -> Study:
    if not name.endswith(".json"):
        raise UsageError(
            f"There is no study {name!r}.",
            where="STUDY",
            expected=f"{', '.join(STUDIES)}, or a .json file",
            remedy=did_you_mean(name, STUDIES),
        )
    if quick:
        raise UsageError(
            "A sweep file has no quick form.",
            where="--quick",
            remedy="Write fewer values or epochs into the file.",
        )
    from tlkit.experiments.points import READINGS
    from tlkit.experiments.sweep import read_sweep

    sweep = read_sweep(name)
    stem = Path(name).stem
    return Study(stem, sweep.points(), sweep.repeats, (READINGS,), sweep.seed)


def _only(points: Sequence[Point], only: Sequence[str]) -> list[Point]:
    axes = list(dict.fromkeys(point.axis for point in points))
    for name in only:
        check_known("axis", name, axes)
    return [point for point in points if not only or point.axis in only]
