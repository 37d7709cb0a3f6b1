"""`tlkit data`: look at data, fetch it, draw it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tlkit.cli.command import data_app, errors_in_words, verb
from tlkit.cli.generated import (
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
from tlkit.data.public.catalogue import PUBLIC
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
        help="Folder for the sheets. [default: sheets/<data set>/]",
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
        "Draw a contact sheet, and one image augmented many times.",
    )
)


@verb(data_app)
def fetch(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(PUBLIC)}.")],
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
