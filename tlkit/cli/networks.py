"""Networks: their sums, and the same one trained in many ways."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlkit.cli.command import app, verb
from tlkit.cli.requests import listed
from tlkit.tensor.starting import start_tensorflow


@verb(app)
def describe(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|NAME",
            help="A .keras file, a run folder, or a network such as vgg16, "
            "lenet5, alexnet, googlenet or resnet18.",
        ),
    ],
    input_shape: Annotated[
        str | None,
        typer.Option("--input", help="Such as 224x224x3; else its own."),
    ] = None,
    batch: Annotated[
        int, typer.Option(help="Images in a step of training.")
    ] = 32,
    out: Annotated[
        Path | None, typer.Option(help="Folder for pictures of it.")
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER:ROW,COLUMN", help="Say what this unit sees."
        ),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="Image to draw what it sees on.")
    ] = None,
) -> None:
    """Work a network out: sizes, parameters, sums, memory, what units see."""
    start_tensorflow()
    from tlkit.cli.tables import print_table
    from tlkit.sums import names, picture

    shape = names.read_input_shape(input_shape) if input_shape else None
    network = names.describe(model, shape)
    table = network.table(batch)
    chosen = picture.read_unit(network, unit) if unit else None
    drawn = picture.draw_pictures(network, out, chosen, image)
    print_table(table)
    for line in (chosen, *drawn) if chosen else drawn:
        typer.echo(line)


@verb(app)
def facts(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for curves of activations and losses."),
    ] = None,
) -> None:
    """Two sums on why convnets look as they do."""
    start_tensorflow()
    from tlkit.cli.tables import print_table
    from tlkit.sums.curves import draw_curves
    from tlkit.sums.facts import bottleneck, two_small_kernels

    for fact in (bottleneck(), two_small_kernels()):
        print_table(fact.table())
    for path in draw_curves(out) if out else ():
        typer.echo(path)


@verb(app)
def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="lenet (the article's), lenet-best, lenet5-mnist, or a "
            "sweep file such as mine.json.",
        ),
    ] = "lenet",
    data: Annotated[
        str,
        typer.Option(
            help="A .npz file, or the name of a data set that is kept as one."
        ),
    ] = "fashion-mnist",
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer values and epochs.")
    ] = False,
    repeats: Annotated[
        int | None,
        typer.Option(help="From so many seeds each; else what it has."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="AXIS,...", help="Only these axes, such as batch_size."
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(help="Networks trained side by side; else one a core."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder; else studies/<study>/. What is finished there is "
            "not repeated."
        ),
    ] = None,
) -> None:
    """Train small networks many times over: one factor after the other."""
    start_tensorflow()
    from tlkit.cli.tables import print_table
    from tlkit.experiments.images import load_images
    from tlkit.experiments.named import open_study
    from tlkit.experiments.report import (
        by_axis,
        outcomes_table,
        write_report,
    )

    chosen = open_study(name, quick, repeats, listed(only) if only else ())
    images = load_images(data)
    ending = "-quick" if quick else ""
    folder = output or Path("studies") / f"{chosen.name}{ending}"
    outcomes = chosen.run(images, folder, processes)
    title = f"{chosen.name} on {images.name}"
    written = write_report(folder, title, outcomes, chosen.notes)
    for axis, own in by_axis(outcomes).items():
        print_table(outcomes_table(axis, own))
    for note in chosen.notes:
        typer.echo(note)
    typer.echo(written[0])
