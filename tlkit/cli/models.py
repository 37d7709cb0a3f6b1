"""What can be done with a trained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tlkit.base.errors import UsageError
from tlkit.cli.command import app, notes_in_words, verb
from tlkit.cli.generated import option_of
from tlkit.cli.options import (
    Data,
    Fractions,
    Layers,
    Model,
    given_fractions,
)
from tlkit.cli.printing import left_out
from tlkit.cli.requests import listed, read_data
from tlkit.tensor.starting import start_tensorflow


@verb(app)
def evaluate(
    model: Model,
    data: Data,
    split: Annotated[
        str, typer.Option(help="train, validation or test.")
    ] = "test",
    validation_fraction: Annotated[
        float | None, option_of(Fractions, "validation_fraction")
    ] = None,
    test_fraction: Annotated[
        float | None, option_of(Fractions, "test_fraction")
    ] = None,
) -> None:
    """Measure a model on images: accuracy with its 95 % interval."""
    import tlkit
    from tlkit.cli.tables import print_table

    start_tensorflow()
    classifier = tlkit.load_classifier(model)
    fractions = given_fractions(validation_fraction, test_fraction)
    index = read_data(data, fractions)
    print_table(tlkit.evaluate(classifier, index, split).table())


@verb(app)
def predict(
    model: Model,
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGES...", help="Files, or folders of them."),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line.")
    ] = False,
) -> None:
    """Say what is in pictures."""
    import tlkit
    from tlkit.cli.tables import print_table
    from tlkit.reuse.predict import classify_files, find_files

    start_tensorflow()
    classifier = tlkit.load_classifier(model)
    predictions, unreadable = classify_files(classifier, find_files(images))
    if as_json:
        for prediction in predictions:
            typer.echo(json.dumps(prediction.to_dict(), ensure_ascii=False))
    elif predictions:
        print_table(predictions.table())
    left_out(unreadable)


@verb(app)
def explain(
    model: Model,
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGES...", help="Files, or folders of them."),
    ],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            "--compare",
            help="How to explain; several to compare, with commas between: "
            "cam, gradcam, gradcam++, smoothgradcam++, scorecam, sscam, "
            "layercam, eigencam, guidedgradcam, saliency, smoothgrad, "
            "integratedgradients, occlusion.",
        ),
    ] = "gradcam",
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="Class to explain, by name or number; else what each picture "
            "is taken for.",
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(help="Layer to look at; else the last feature map."),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN|MODEL",
            help="Another model on the same pictures; may be given again.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(help="Only so many pictures, the surest of --class."),
    ] = None,
    through: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Checkpoints of the model's epochs: draw each picture's map "
            "from one to the next as a GIF instead.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the pictures; else explained/<model>/."),
    ] = None,
) -> None:
    """Show what a classifier looks at: heat maps of pictures."""
    start_tensorflow()
    import tlkit
    from tlkit.cli.tables import print_table
    from tlkit.explain.files import explain_files, pick_files
    from tlkit.explain.sheets import (
        check_folder,
        regions_table,
        write_sheet,
    )
    from tlkit.explain.through_epochs import write_animations

    check_through(through, beside)
    paths = [model, *(beside or [])]
    classifiers = [tlkit.load_classifier(path) for path in paths]
    files, unreadable = pick_files(classifiers[0], images, class_name, top)
    folder = output or Path("explained") / classifiers[0].name
    methods = listed(method)
    if not through:
        check_folder(folder)
    with notes_in_words():
        if through:
            drawn = (classifiers[0], through, files, methods)
            for path in write_animations(*drawn, class_name, layer, folder):
                typer.echo(path)
        else:
            found = explain_files(
                classifiers, files, methods, class_name, layer
            )
            records = write_sheet(
                folder, found, f"What {classifiers[0].name} looks at"
            )
            print_table(regions_table(records))
            typer.echo(folder / "sheet.html")
    left_out(unreadable)


@verb(app)
def activations(
    model: Model,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES...",
            help="Files, or folders of them: the first is drawn, and all (up "
            "to 256) say which channels are dead.",
        ),
    ],
    layer: Layers = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the pictures; else layers/<model>/."),
    ] = None,
) -> None:
    """Draw what layers put out for a picture, channel by channel."""
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
    names = listed(layer) if layer else None
    written = write_activations(classifier, files, names, folder)
    print_table(activations_table(written, files))
    left_out(unreadable)


@verb(app)
def filters(
    model: Model,
    layer: Layers = None,
    count: Annotated[int, typer.Option(help="Filters of each layer.")] = 16,
    size: Annotated[
        int,
        typer.Option(
            help="Side of a pattern in pixels; deep layers need a large one."
        ),
    ] = 128,
    output: Annotated[
        Path | None,
        typer.Option(help="Picture to write; else layers/<model>/filters.png."),
    ] = None,
) -> None:
    """Draw the patterns that filters answer to most strongly."""
    start_tensorflow()
    import tlkit
    from tlkit.explain.layer_pictures import write_filters

    classifier = tlkit.load_classifier(model)
    path = output or Path("layers") / classifier.name / "filters.png"
    names = listed(layer) if layer else None
    drawn = write_filters(classifier.model, names, count, size, path)
    typer.echo(f"{path}: {', '.join(drawn)}")


@verb(app)
def runs(
    folder: Annotated[
        Path, typer.Argument(help="Folder that holds the runs.")
    ] = Path("runs"),
) -> None:
    """List all runs: what was trained on what, and how well it does."""
    import tlkit
    from tlkit.cli.tables import print_table

    found = tlkit.find_runs(folder)
    if not found:
        typer.echo(f"No runs in {folder}/ yet.")
        return
    print_table(tlkit.runs_table(found))


def check_through(through: Path | None, beside: list[Path] | None) -> None:
    """Raises UsageError if `--through` and `--beside` are both given."""
    if through and beside:
        raise UsageError(
            "The checkpoints are those of one model.",
            where="--through",
            received=f"--beside {beside[0]} besides",
            remedy="Leave out --beside.",
        )
