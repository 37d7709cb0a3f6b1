"""`tlkit data`: look at data, fetch it, draw it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tlkit.cli.command import data_app, errors_in_words
from tlkit.cli.generated import (
    FIRST,
    GroupedCommand,
    command,
    flags_of,
    parameter,
    values_of,
)
from tlkit.cli.options import Data, Fractions
from tlkit.cli.requests import (
    augmentation_flags,
    make_given_augmentation,
    read_data,
)
from tlkit.cli.verbs import verb
from tlkit.data.names import SAMPLE_SIZES, TEST, TRAIN, VALIDATION
from tlkit.data.public.catalogue import PUBLIC
from tlkit.drawn.sizes import IMAGE_SIZE
from tlkit.plans.ways import WAYS

_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _show(given: Mapping[str, Any]) -> None:
    with errors_in_words():
        index = read_data(given["data"], values_of(Fractions, given))
        from tlkit import plots
        from tlkit.cli.tables import print_table

        augmentation = make_given_augmentation(_LOOK, given)
        folder = given["output"] or Path("sheets") / index.name
        print_table(index.table())
        for name, figure in (
            ("images.png", plots.draw_contact_sheet(index)),
            (
                "augmented.png",
                plots.draw_augmentation_sheet(index, augmentation),
            ),
        ):
            plots.save(figure, folder / name)
            typer.echo(folder / name)


#: The sheet shows what the ways that augment do unless they are told.
_LOOK = WAYS["augmented"]
_OUTPUT = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder to write the pictures to. [default: sheets/DATA]",
        rich_help_panel=FIRST,
        show_default=False,
    ),
]
data_app.command("show", cls=GroupedCommand)(
    command(
        _show,
        [
            inspect.Parameter("data", _KEYWORD, annotation=Data),
            inspect.Parameter(
                "output", _KEYWORD, default=None, annotation=_OUTPUT
            ),
            *map(parameter, augmentation_flags(_LOOK) + flags_of(Fractions)),
        ],
        "Draw training images of each class, and two of them augmented.",
    )
)


@verb(data_app)
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help=f"The data set: {', '.join(PUBLIC)}."
        ),
    ],
    subset: Annotated[
        str | None,
        typer.Option(
            metavar="TRAIN/VALIDATION/TEST",
            help="Keep only so many images in each split, such as "
            "2000/1000/1000; for cats-vs-dogs. [default: all images]",
        ),
    ] = None,
) -> None:
    """Download a public data set.

    It goes into the folder data/, or the one that $TLKIT_DATA names. A
    download that was interrupted goes on where it stopped.
    """
    import tlkit

    fetched = tlkit.fetch(name, subset)
    typer.echo(fetched.summary())


def _count(split: str) -> Any:
    return typer.Option(metavar="N", help=f"Number of {split} images.")


@verb(data_app)
def make(
    output: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="New folder for the drawn images."
        ),
    ],
    train: Annotated[int, _count("training")] = SAMPLE_SIZES[TRAIN],
    validation: Annotated[int, _count("validation")] = SAMPLE_SIZES[VALIDATION],
    test: Annotated[int, _count("test")] = SAMPLE_SIZES[TEST],
    image_size: Annotated[
        int,
        typer.Option(metavar="PIXELS", help="Height and width of an image."),
    ] = IMAGE_SIZE,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Start of the random numbers: another one draws other "
            "animals.",
        ),
    ] = 0,
) -> None:
    """Draw the sample, cats and dogs, as a folder of PNG files."""
    from tlkit.drawn.make import write_sample

    counts = {TRAIN: train, VALIDATION: validation, TEST: test}
    typer.echo(write_sample(output, counts, image_size, seed))
