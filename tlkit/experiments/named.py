"""Studies by name or file, as the command runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlkit.base.choices import check_known, did_you_mean
from tlkit.base.errors import UsageError
from tlkit.base.machine import cores
from tlkit.base.records import shorten
from tlkit.experiments import lenet, small_networks
from tlkit.experiments.images import ImageArrays
from tlkit.experiments.points import Outcome, Point, run_points
from tlkit.experiments.sweep import read_sweep


@dataclass(frozen=True, repr=False)
class Study:
    """A study, ready to be run.

    Args:
        name: for titles and folders.
        points: what is trained.
        repeats: from how many seeds.
        notes: what a reader must know, a paragraph each.
        seed: the first of the seeds.
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
        self, data: ImageArrays, folder: Path, processes: int | None = None
    ) -> list[Outcome]:
        """Trains what is not in the folder yet; see `run_points`.

        Args:
            data: the images.
            folder: where results are kept.
            processes: how many networks are trained at the same time; None
                for one a core.
        """
        processes = cores() if processes is None else processes
        return run_points(
            self.points, data, folder, self.repeats, self.seed, processes
        )


#: Points of the built-in studies, quick or not, and how often each repeats.
_BUILT_IN: Mapping[str, tuple[Callable[[bool], list[Point]], int]] = {
    "lenet": (lenet.lenet_points, 3),
    "lenet-best": (small_networks.lenet_best_points, 3),
    "lenet5-mnist": (small_networks.lenet5_points, 3),
}
NAMES = tuple(_BUILT_IN)
"""The built-in studies."""


def open_study(
    name: str,
    quick: bool = False,
    repeats: int | None = None,
    only: Sequence[str] = (),
) -> Study:
    """Finds a study by its name, or reads it from a sweep file.

    Args:
        name: one of `NAMES`, or the path of a `.json` file, see
            `tlkit.experiments.sweep.read_sweep`.
        quick: the form of a few minutes, of a built-in study.
        repeats: from how many seeds; None for what the study has.
        only: axes to keep; none for all.

    Raises:
        UsageError: there is no such study or axis, or a sweep file has no
            quick form.
        TlkitError: the file is not a sweep.
    """
    if name in _BUILT_IN:
        make_points, usual = _BUILT_IN[name]
        study = Study(
            name, make_points(quick), 1 if quick else usual, _notes(name, quick)
        )
    else:
        study = _open_file(name, quick)
    points = _only(study.points, only)
    return Study(
        study.name,
        points,
        study.repeats if repeats is None else repeats,
        study.notes,
        study.seed,
    )


def _notes(name: str, quick: bool) -> tuple[str, ...]:
    if name == "lenet":
        quickly = (lenet.QUICK_NOTE,) if quick else ()
        return lenet.READINGS, lenet.NOTE, *quickly
    few = "This is the quick form: 3 epochs, so its figures are far too low."
    return lenet.READINGS, *((few,) if quick else ())


def _open_file(name: str, quick: bool) -> Study:
    if not name.endswith(".json"):
        raise UsageError(
            f"There is no study {name!r}.",
            where="STUDY",
            expected=f"{', '.join(NAMES)}, or a .json file",
            remedy=did_you_mean(name, NAMES),
        )
    if quick:
        raise UsageError(
            "A sweep file has no quick form.",
            where="--quick",
            remedy="Write fewer values or epochs into the file.",
        )
    sweep = read_sweep(name)
    stem = Path(name).stem
    notes = (lenet.READINGS,)
    return Study(stem, sweep.points(), sweep.repeats, notes, sweep.seed)


def _only(points: Sequence[Point], only: Sequence[str]) -> list[Point]:
    axes = list(dict.fromkeys(point.axis for point in points))
    for name in only:
        check_known("axis", name, axes)
    return [point for point in points if not only or point.axis in only]
