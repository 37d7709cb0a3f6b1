"""What can be asked of a study; light, as the command's help reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tlkit.base.choices import names_in
from tlkit.base.fields import Checked, Option, field
from tlkit.cluster.engines import ENGINES
from tlkit.experiments.named import DEFAULT_DATA, STUDIES


def _repeats() -> str:
    usual = sorted({study.repeats for study in STUDIES.values()})
    return " or ".join(map(str, usual))


@dataclass(frozen=True)
class StudyOptions(Checked):
    """How a study is run, on what, and where its results go.

    Args:
        data: A `.npz` file, or the name of a data set that is kept as one.
            None takes the data set that the study is about.
        quick: Whether to run the form of a few minutes.
        repeats: Number of seeds; None for what the study has.
        output: Folder of the results, which also holds what is finished of
            an interrupted study. None takes `studies/` and the study's name.
        only: Axes to keep; none keeps all.
        processes: Number of networks trained at the same time; None for one a
            core.
        engine: What trains them: processes of this machine, or Ray.
    """

    data: str | None = field(
        None,
        Option(
            "A .npz file of images, or the name of a data set that is kept as "
            "one.",
            open=f"the one the study is about; for a file, {DEFAULT_DATA}",
            metavar="DATA",
            first=True,
        ),
    )
    quick: bool = field(
        False,
        Option(
            "Run a short form with fewer epochs and fewer values, which takes "
            "a few minutes; it says what it leaves out.",
            first=True,
        ),
    )
    repeats: int | None = field(
        None,
        Option(
            "Train every network this many times, from different seeds, for "
            "means and intervals.",
            open=f"{_repeats()}; with --quick 1; for a file, what it says",
            at_least=1,
            first=True,
        ),
    )
    output: Path | None = field(
        None,
        Option(
            "Folder of the results. What is finished there is not trained "
            "again, so that an interrupted study goes on.",
            open="studies/STUDY",
            metavar="FOLDER",
            first=True,
        ),
    )
    only: tuple[str, ...] = field(
        (),
        Option(
            "Change only these settings, with commas between, such as "
            "batch_size,pooling.",
            open="all of the study",
            parse=names_in,
            metavar="SETTING,...",
        ),
    )
    processes: int | None = field(
        None,
        Option(
            "Train this many networks at the same time.",
            open="one for each core",
            at_least=1,
        ),
    )
    engine: str = field(
        "local",
        Option(
            "What trains the networks: processes of this machine, or Ray on "
            "it or, by RAY_ADDRESS, on a cluster.",
            choices=lambda: ENGINES,
        ),
    )
