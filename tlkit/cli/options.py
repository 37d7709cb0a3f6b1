"""Options of verbs that are no part of a plan, declared as plans are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tlkit.base.fields import About, Checked, field
from tlkit.data.names import dataset_names


@dataclass(frozen=True)
class Fractions(Checked):
    """How data without splits of their own are divided.

    Args:
        validation_fraction: Share of validation images.
        test_fraction: Share of test images.
    """

    validation_fraction: float = field(
        0.2,
        About(
            "Share of validation images, if DATA has no such split.",
            above=0,
            below=1,
            group="data",
        ),
    )
    test_fraction: float = field(
        0.2,
        About(
            "Share of test images, if DATA has no splits at all.",
            at_least=0,
            below=1,
            group="data",
        ),
    )


def given_fractions(
    validation_fraction: float | None, test_fraction: float | None
) -> Fractions:
    """Makes the fractions of what was given, None where nothing was."""
    told = {
        "validation_fraction": validation_fraction,
        "test_fraction": test_fraction,
    }
    return Fractions(**{n: v for n, v in told.items() if v is not None})


@dataclass(frozen=True)
class Places(Checked):
    """Where a run writes.

    Args:
        run: Folder of the run, which must not exist yet.
        store: Folder of the store.
    """

    run: str | None = field(
        None,
        About(
            "New folder for the run. [default: one in runs/, by time]",
            metavar="FOLDER",
            group="training",
            first=True,
        ),
    )
    store: str | None = field(
        None,
        About(
            "Folder of the store. [default: $TLKIT_STORE, or the platform's "
            "cache]",
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
        About(
            "Try heads first, by cross-validation on the training images: "
            "with and without a hidden layer, and two values each of dropout, "
            "learning rate and L2. What is given is kept, the rest is tried.",
            group="network",
            first=True,
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
    typer.Option(help="Layers, with commas between; else a choice of them."),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--store",
        callback=lambda folder: use_store(folder) or folder,
        help="Folder of the store; else $TLKIT_STORE or the platform's cache.",
    ),
]
Model = Annotated[
    Path,
    typer.Argument(metavar="RUN|MODEL", help="A run folder or .keras file."),
]
