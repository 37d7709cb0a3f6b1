"""Options of verbs that are no part of a plan, declared as plans are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tlkit.base.console import LOG_FORMS
from tlkit.base.fields import Checked, Option, field
from tlkit.cli.generated import help_of
from tlkit.data.names import (
    TEST_FRACTION,
    VALIDATION_FRACTION,
    dataset_names,
)
from tlkit.data.reading import Reading


@dataclass(frozen=True)
class Fractions(Reading):
    """How a folder is read, and divided where it has no splits of its own.

    Args:
        labels: See `Reading`.
        label_from: See `Reading`.
        group_by: See `Reading`.
        validation_fraction: Share of validation images.
        test_fraction: Share of test images.
    """

    validation_fraction: float = field(
        VALIDATION_FRACTION,
        Option(
            "Share of validation images, if DATA has no such split.",
            above=0,
            below=1,
            group="data",
        ),
    )
    test_fraction: float = field(
        TEST_FRACTION,
        Option(
            "Share of test images, if DATA has no splits at all.",
            at_least=0,
            below=1,
            group="data",
        ),
    )

    @property
    def reading(self) -> Reading:
        """How a folder is read, without the fractions."""
        return Reading(self.labels, self.label_from, self.group_by)


@dataclass(frozen=True)
class Places(Checked):
    """Where a run writes.

    Args:
        run: Folder of the run, which must not exist yet, or be that of an
            unfinished run of the same plan and data.
        store: Folder of the store.
    """

    run: Path | None = field(
        None,
        Option(
            "New folder for the run, or that of an unfinished run of the same "
            "plan and data, which goes on.",
            open="one in runs/: the latest such run, or a new one",
            metavar="FOLDER",
            group="training",
            first=True,
        ),
    )
    store: Path | None = field(
        None,
        Option(
            "Folder of the store, which keeps what the conv base computed.",
            open="$TLKIT_STORE, or the platform's cache",
            metavar="FOLDER",
            group="machine",
        ),
    )


@dataclass(frozen=True)
class Trials(Checked):
    """Whether heads are compared before one is trained.

    Args:
        head_grid: Whether a grid of heads is tried by cross-validation.
    """

    head_grid: bool = field(
        False,
        Option(
            "Try heads first, by cross-validation on the training images: "
            "with and without a hidden layer, and two values each of dropout, "
            "learning rate and L2. Where an option gives a value, only that "
            "one is tried.",
            group="network",
            first=True,
        ),
    )


@dataclass(frozen=True)
class Telling(Checked):
    """How it is told what happens.

    Args:
        log: One of `LOG_FORMS`.
    """

    log: str | None = field(
        None,
        Option(
            "Form of what is told on standard error: text, or json, one JSON "
            "object a line.",
            choices=lambda: LOG_FORMS,
            open="text, or what $TLKIT_LOG says",
            metavar="text|json",
            group="machine",
        ),
    )


def use_store(folder: Path | str | None) -> None:
    """Makes a folder the store of this process and of those it starts."""
    if folder:
        os.environ["TLKIT_STORE"] = str(folder)


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder of images, a .npz file, or the name of a data set: "
        f"{', '.join(dataset_names())}.",
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(
        metavar="LAYER,...",
        help="Names of layers, with commas between; `tlkit describe` lists "
        "them. [default: some from the first to the last]",
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FOLDER",
        callback=lambda folder: use_store(folder) or folder,
        help=help_of(Places, "store"),
    ),
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="The folder of a run, or a .keras file."
    ),
]
Images = Annotated[
    list[Path],
    typer.Argument(
        metavar="IMAGES", help="Image files, or folders that hold them."
    ),
]
