"""What can be done with a trained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlkit.base.choices import names_in
from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.cli.command import KEPT, LOOK, USE, app
from tlkit.cli.generated import FIRST
from tlkit.cli.options import Data, Fractions, Images, Layers, Model
from tlkit.cli.printing import left_out
from tlkit.cli.requests import read_data
from tlkit.cli.verbs import verb
from tlkit.data.names import SPLITS, TRAIN
from tlkit.data.reading import Reading
from tlkit.explain.options import FILTERS, PATTERN_SIZE, ExplainOptions
from tlkit.tensor.starting import start_tensorflow

if TYPE_CHECKING:
    from tlkit.data.index import DatasetIndex


@verb(app, USE)
def evaluate(
    model: Model,
    data: Data,
    *,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Images to measure on: {', '.join(SPLITS)}. DATA without "
            "splits are divided for it as for training. [default: the test "
            "images, or all where DATA has no splits]",
            rich_help_panel=FIRST,
        ),
    ] = None,
    fractions: Fractions,
) -> None:
    """Measure how often a model is right about labelled images.

    Prints its accuracy with the 95 % interval, over all images and class by
    class. DATA may have some of the model's classes only.
    """
    _check_fractions_mean_something(split, fractions)
    start_tensorflow()
    import tlkit
    from tlkit.cli.tables import print_table

    classifier = tlkit.load_classifier(model)
    index = _data_to_judge(model, data, split, fractions)
    print_table(tlkit.evaluate(classifier, index, split).table())


def _check_fractions_mean_something(
    split: str | None, fractions: Fractions
) -> None:
    # Labels can be told in any case.
    usual = Fractions(
        fractions.labels, fractions.label_from, fractions.group_by
    )
    if split is None and fractions != usual:
        raise UsageError(
            "Without --split nothing is divided, so fractions mean nothing.",
            where="--validation-fraction, --test-fraction",
            remedy="Leave them out, or name the split, such as --split test.",
        )


def _data_to_judge(
    model: Path, source: str, split: str | None, fractions: Fractions
) -> DatasetIndex:
    """Reads data and tells the user what was found."""
    from tlkit.data.load import load_labelled
    from tlkit.runs.run import run_of

    # Validation images may be taken from training images, from others not.
    if split == TRAIN:
        return read_data(source, fractions, model)
    reading = fractions.reading
    if (run := run_of(model)) and fractions == Fractions():
        # The labels of the run's own data stand where they stood then.
        reading = Reading.of(run.reads(source))
    index = load_labelled(source, reading)
    if split in SPLITS and split not in index.splits:
        return read_data(source, fractions, model)
    say(index.summary())
    return index


@verb(app, USE)
def predict(
    model: Model,
    images: Images,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print a JSON object for each image, one a line."
        ),
    ] = False,
) -> None:
    """Classify images with a trained model."""
    start_tensorflow()
    import tlkit
    from tlkit.cli.tables import print_table
    from tlkit.reuse.finding import find_images
    from tlkit.reuse.predictions import Predictions

    classifier = tlkit.load_classifier(model)
    files, unreadable = find_images(images)
    predictions = classifier.classify(files) if files else Predictions()
    if as_json:
        for prediction in predictions:
            typer.echo(json.dumps(prediction.to_dict(), ensure_ascii=False))
    elif predictions:
        print_table(predictions.table())
    left_out(unreadable)


@verb(app, LOOK)
def explain(model: Model, images: Images, options: ExplainOptions) -> None:
    """Draw heat maps: which places in an image speak for its class."""
    start_tensorflow()
    from tlkit.cli.tables import print_table
    from tlkit.explain.explained import explain_pictures
    from tlkit.explain.sheets import regions_table

    done = explain_pictures(model, images, options)
    if done.records:
        print_table(regions_table(done.records))
    for path in done.written:
        typer.echo(path)
    left_out(done.unreadable)


@verb(app, LOOK)
def activations(
    model: Model,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES",
            help="Image files, or folders that hold them. The first image is "
            "drawn; all of them (up to 256) tell which channels are dead, "
            "that is, never above 0.",
        ),
    ],
    layer: Layers = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder to write the pictures to. [default: layers/MODEL]",
        ),
    ] = None,
) -> None:
    """Draw what the layers of a model make of an image."""
    start_tensorflow()
    import tlkit
    from tlkit.cli.tables import print_table
    from tlkit.explain.files import pick_files
    from tlkit.explain.layer_pictures import (
        activations_table,
        write_activations,
    )

    classifier = tlkit.load_classifier(model)
    files, unreadable = pick_files(classifier, images, None, None)
    folder = output or Path("layers") / classifier.name
    names = names_in(layer) if layer else None
    written = write_activations(classifier, files, names, folder)
    print_table(activations_table(written, files))
    left_out(unreadable)


@verb(app, LOOK)
def filters(
    model: Model,
    layer: Layers = None,
    count: Annotated[
        int,
        typer.Option(metavar="N", help="Number of filters of each layer."),
    ] = FILTERS,
    size: Annotated[
        int,
        typer.Option(
            metavar="PIXELS",
            help="Side of a pattern. Filters of deep layers need a large one.",
        ),
    ] = PATTERN_SIZE,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Picture to write. [default: layers/MODEL/filters.png]",
        ),
    ] = None,
) -> None:
    """Draw the patterns that a model's filters respond to."""
    start_tensorflow()
    import tlkit
    from tlkit.explain.layer_pictures import write_filters

    classifier = tlkit.load_classifier(model)
    path = output or Path("layers") / classifier.name / "filters.png"
    names = names_in(layer) if layer else None
    drawn = write_filters(classifier.model, names, count, size, path)
    typer.echo(f"{path}: {', '.join(drawn)}")


@verb(app, KEPT)
def runs(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="Folder that holds the runs. [default: runs]",
        ),
    ] = None,
) -> None:
    """List all runs: what was trained on what, and how good it is."""
    import tlkit
    from tlkit.cli.tables import print_table
    from tlkit.runs.run import RUNS_FOLDER

    folder = folder or RUNS_FOLDER
    found = tlkit.find_runs(folder)
    if not found:
        typer.echo(f"No runs in {folder}/ yet.")
        return
    print_table(tlkit.runs_table(found))
