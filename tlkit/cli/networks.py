"""Networks: described in numbers, and one trained in many ways."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlkit.base.console import use_log
from tlkit.cli.command import STUDY, app
from tlkit.cli.options import Telling
from tlkit.cli.verbs import verb
from tlkit.experiments.named import DEFAULT_STUDY, STUDIES
from tlkit.experiments.options import StudyOptions
from tlkit.models.classic_specs import NETWORKS
from tlkit.models.specs import BASES
from tlkit.sums.sizes import BATCH_SIZE
from tlkit.tensor.starting import start_tensorflow

_STUDIES = "; ".join(f"{name} ({own.title})" for name, own in STUDIES.items())


@verb(app, STUDY)
def describe(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="The folder of a run, a .keras file, or the name of a "
            f"network: {', '.join(dict.fromkeys([*NETWORKS, *BASES]))}, or "
            "any other of keras.applications.",
        ),
    ],
    input_shape: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="HEIGHTxWIDTHxCHANNELS",
            help="Shape of the images that go in, such as 224x224x3. "
            "[default: the network's own]",
        ),
    ] = None,
    batch: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Number of images in a step of training, which decides how "
            "much memory it needs.",
        ),
    ] = BATCH_SIZE,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Draw the network to scale into this folder.",
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER:ROW,COLUMN",
            help="Tell which pixels of the image this unit of a layer sees, "
            "such as block3_conv3:10,12.",
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the pixels that --unit sees on this image, into the "
            "folder --out.",
        ),
    ] = None,
) -> None:
    """Describe a network layer by layer: sizes, parameters, memory.

    Also the operations that each layer needs, and its receptive field: the
    part of the image that one of its units sees.
    """
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


@verb(app, STUDY)
def facts(
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Draw the curves of activation functions and of losses into "
            "this folder.",
        ),
    ] = None,
) -> None:
    """Show in numbers why convnets use 1x1 and 3x3 convolutions."""
    start_tensorflow()
    from tlkit.cli.tables import print_table
    from tlkit.sums.curves import draw_curves
    from tlkit.sums.facts import bottleneck, two_small_kernels

    for fact in (bottleneck(), two_small_kernels()):
        print_table(fact.table())
    for path in draw_curves(out) if out else ():
        typer.echo(path)


@verb(app, STUDY)
def study(
    options: StudyOptions,
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help=f"Name of a study: {_STUDIES}. Or a .json file that says "
            "which network is trained and what is changed.",
        ),
    ] = DEFAULT_STUDY,
    *,
    telling: Telling,
) -> None:
    """Train a small network often, one setting changed at a time."""
    use_log(telling.log)
    start_tensorflow()
    from tlkit.cli.tables import print_table
    from tlkit.experiments.report import by_axis, outcomes_table
    from tlkit.experiments.studied import run_study

    done = run_study(name, options)
    for axis, outcomes in by_axis(done.outcomes).items():
        print_table(outcomes_table(axis, outcomes))
    for line in (*done.notes, done.page):
        typer.echo(line)
