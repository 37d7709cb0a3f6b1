"""`tlkit data`: look at data, fetch it, draw it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlkit.cli.command import data_app, verb
from tlkit.cli.flags import read_data
from tlkit.cli.options import Data, TestFraction, ValidationFraction


@verb(data_app)
def show(
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the sheets; else sheets/<data set>/."),
    ] = None,
    validation_fraction: ValidationFraction = 0.2,
    test_fraction: TestFraction = 0.2,
) -> None:
    """Draw a contact sheet, and one image augmented many times."""
    index = read_data(data, validation_fraction, test_fraction)
    from tlkit import plots
    from tlkit.cli.tables import print_table
    from tlkit.data.augment import Augmentation

    folder = output or Path("sheets") / index.name
    print_table(index.table())
    for name, figure in (
        ("images.png", plots.draw_contact_sheet(index)),
        ("augmented.png", plots.draw_augmentation_sheet(index, Augmentation())),
    ):
        plots.save(figure, folder / name)
        typer.echo(folder / name)


@verb(data_app)
def fetch(
    name: Annotated[
        str, typer.Argument(help="cats-vs-dogs, fashion-mnist or mnist.")
    ],
    subset: Annotated[
        str | None,
        typer.Option(
            metavar="TRAIN/VALIDATION/TEST",
            help="Of cats-vs-dogs: so many images, e.g. 2000/1000/1000.",
        ),
    ] = None,
) -> None:
    """Download a public data set into data/ (or $TLKIT_DATA)."""
    import tlkit

    fetched = tlkit.fetch(name, subset)
    typer.echo(fetched.summary())


@verb(data_app)
def make(
    output: Annotated[
        Path, typer.Argument(help="New folder for the drawn images.")
    ],
    train: Annotated[int, typer.Option(help="Training images.")] = 200,
    validation: Annotated[int, typer.Option(help="Validation images.")] = 100,
    test: Annotated[int, typer.Option(help="Test images.")] = 400,
    image_size: Annotated[int, typer.Option(help="Side in pixels.")] = 128,
    seed: Annotated[int, typer.Option(help="Another seed, other animals.")] = 0,
) -> None:
    """Draw cats and dogs: the sample `cartoon` as a folder of PNG files."""
    from tlkit.drawn.make import write_sample

    counts = {"train": train, "validation": validation, "test": test}
    typer.echo(write_sample(output, counts, image_size, seed))
