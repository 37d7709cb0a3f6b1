"""The `tlkit` command: one verb for each step of the way.

Every verb is a call or two into the library; nothing heavy is imported until
a verb runs.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlkit.errors import Note, TlkitError, UsageError
from tlkit.starting import start_tensorflow

if TYPE_CHECKING:
    from tlkit.data.index import DatasetIndex
    from tlkit.runs import Run
    from tlkit.sweeps import BaseComparison

INTERRUPTED = 130

app = typer.Typer(
    help="From a folder of images to a classifier you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(
    help="Look at data, fetch public data sets, draw the sample.",
    no_args_is_help=True,
)
app.add_typer(data_app, name="data")
store_app = typer.Typer(
    help="What the conv bases have computed: list, check, make smaller.",
    no_args_is_help=True,
)
app.add_typer(store_app, name="store")


class Precision(str, Enum):
    """Choices of `--precision`."""

    AUTO = "auto"
    FLOAT32 = "float32"
    MIXED_BFLOAT16 = "mixed_bfloat16"
    MIXED_FLOAT16 = "mixed_float16"


class Pooling(str, Enum):
    """Choices of `--pooling`."""

    FLATTEN = "flatten"
    AVERAGE = "average"
    MAX = "max"


class FeaturesDtype(str, Enum):
    """Choices of `--features-dtype`."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"


# Options that several verbs share are declared once.
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder of images, a .npz file, or the name of a data set "
        "(cartoon, cats-vs-dogs, fashion-mnist, mnist).",
    ),
]
ValidationFraction = Annotated[
    float,
    typer.Option(help="Share of validation images, if DATA has no such split."),
]
TestFraction = Annotated[
    float, typer.Option(help="Share of test images, if DATA is not split.")
]
ImageSize = Annotated[
    int, typer.Option(help="Side in pixels that the network works at.")
]
BaseSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        help="Side in pixels that the conv base works at; else its own.",
    ),
]
Base = Annotated[
    str,
    typer.Option(
        help="Conv base: vgg16, vgg19, resnet50v2, mobilenet, mobilenet_v2, "
        "densenet121, xception, efficientnetv2b0, convnext_tiny, or minivgg, "
        "whose weights come with tlkit."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="imagenet (downloaded once), tlkit (of minivgg), the path of a "
        ".h5 or .weights.h5 file, or none for random weights; else those "
        "that the base comes with."
    ),
]
Layers = Annotated[
    str | None,
    typer.Option(help="Layers, with commas between; else a choice of them."),
]
Bases = Annotated[
    str,
    typer.Option(
        "--base",
        help="Conv base, or several to compare, with commas between: vgg16, "
        "vgg19, resnet50v2, mobilenet, mobilenet_v2, densenet121, xception, "
        "efficientnetv2b0, convnext_tiny, or minivgg, whose weights come "
        "with tlkit.",
    ),
]
ManyWeights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        help="imagenet (downloaded once), tlkit (of minivgg), the path of a "
        ".h5 or .weights.h5 file, or none for random weights; else those "
        "that the base comes with. For several bases one word for all, or "
        "one for each, with commas between.",
    ),
]
Alpha = Annotated[
    float, typer.Option(help="Width of mobilenet and mobilenet_v2.")
]
PoolingOption = Annotated[
    Pooling | None,
    typer.Option(
        "--pooling", help="From feature map to vector; else what suits it."
    ),
]
FeaturesDtypeOption = Annotated[
    FeaturesDtype,
    typer.Option(
        "--features-dtype", help="What features are kept as in the store."
    ),
]
ViewsOption = Annotated[
    int,
    typer.Option(
        "--views",
        help="Augmented views of each image that go through the frozen part, "
        "once; the epochs take turns with them.",
    ),
]
EndToEndOption = Annotated[
    bool,
    typer.Option(
        "--end-to-end",
        help="As in the book: new views in every epoch, nothing kept.",
    ),
]


def _use_store(folder: Path | None) -> Path | None:
    if folder:
        os.environ["TLKIT_STORE"] = str(folder)
    return folder


StoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--store",
        callback=_use_store,
        help="Folder of the store; else $TLKIT_STORE or the platform's cache.",
    ),
]
Units = Annotated[
    int, typer.Option(help="Units of the head's dense layer; 0: no such layer.")
]
Dropout = Annotated[
    float, typer.Option(help="Share of features dropped in training.")
]
L2 = Annotated[float, typer.Option(help="L2 penalty on the head's weights.")]
HeadGrid = Annotated[
    bool,
    typer.Option(
        "--head-grid",
        help="Try heads first, by cross-validation on the training images: "
        "with and without a dense layer, and two values each of dropout, "
        "learning rate and L2. What is given is kept, the rest is tried.",
    ),
]
# What the head grid may try is None unless it is given.
UnitsOrTried = Annotated[
    int | None,
    typer.Option(
        "--units",
        help="Units of the head's dense layer; 0: no such layer.",
        show_default="256",
    ),
]
DropoutOrTried = Annotated[
    float | None,
    typer.Option(
        "--dropout",
        help="Share of features dropped in training.",
        show_default="0.5",
    ),
]
L2OrTried = Annotated[
    float | None,
    typer.Option(
        "--l2", help="L2 penalty on the head's weights.", show_default="0.0"
    ),
]
Augment = Annotated[
    bool, typer.Option(help="Random views of the training images.")
]
Epochs = Annotated[int, typer.Option(help="At most so many epochs.")]
BatchSize = Annotated[
    int | None,
    typer.Option(
        help="Images per step, over all devices; else what suits the way."
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(help="Of the Adam optimizer; else what suits the way."),
]
Patience = Annotated[
    int,
    typer.Option(help="Stop after so many epochs without a lower loss."),
]
Seed = Annotated[
    int, typer.Option(help="Of weights, order, augmentation and dropout.")
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="auto: mixed_bfloat16 where the machine is fast in it.",
    ),
]
Devices = Annotated[
    str, typer.Option(help="How many devices train together, or all.")
]
Tensorboard = Annotated[
    bool, typer.Option("--tensorboard", help="Write TensorBoard logs.")
]
RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--run", help="New folder for the run; else one in runs/ by time."
    ),
]


@contextlib.contextmanager
def notes_in_words() -> Iterator[None]:
    """Prints notes as a line each on standard error; no other warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", Note)
        warnings.showwarning = lambda message, *_, **__: typer.echo(
            f"note: {message}", err=True
        )
        yield


@contextlib.contextmanager
def errors_in_words() -> Iterator[None]:
    """Turns errors into a message on standard error and an exit code."""
    try:
        yield
    except TlkitError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from None


def verb(parent: typer.Typer) -> Callable[[Callable], Callable]:
    """Makes a function a command of `parent` with its errors in words."""

    def register(command: Callable) -> Callable:
        @functools.wraps(command)
        def call(**flags: Any) -> None:
            with errors_in_words():
                command(**flags)

        parent.command()(call)
        return command

    return register


@verb(app)
def scratch(
    data: Data,
    image_size: ImageSize = 150,
    augment: Augment = False,
    dropout: Dropout = 0.5,
    l2: Annotated[float, typer.Option(help="L2 penalty on weights.")] = 0.0,
    epochs: Epochs = 60,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    patience: Patience = 15,
    seed: Seed = 0,
    precision: PrecisionOption = Precision.AUTO,
    devices: Devices = "1",
    tensorboard: Tensorboard = False,
    run: RunFolder = None,
    store: StoreFolder = None,
    validation_fraction: ValidationFraction = 0.2,
    test_fraction: TestFraction = 0.2,
) -> None:
    """Way 1: train a small convnet from scratch."""
    import tlkit

    index = read_data(data, validation_fraction, test_fraction)
    training = _training(locals())
    finished = tlkit.train_from_scratch(
        index,
        image_size=image_size,
        augmentation=tlkit.Augmentation() if augment else None,
        dropout=dropout,
        l2=l2,
        training=training,
        run_folder=run,
    )
    print_result(finished)


@verb(app)
def features(
    data: Data,
    base: Bases = "vgg16",
    weights: ManyWeights = None,
    image_size: BaseSize = None,
    alpha: Alpha = 1.0,
    pooling: PoolingOption = None,
    features_dtype: FeaturesDtypeOption = FeaturesDtype.FLOAT16,
    head_grid: HeadGrid = False,
    units: UnitsOrTried = None,
    dropout: DropoutOrTried = None,
    l2: L2OrTried = None,
    epochs: Epochs = 30,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    patience: Patience = 10,
    seed: Seed = 0,
    precision: PrecisionOption = Precision.AUTO,
    devices: Devices = "1",
    tensorboard: Tensorboard = False,
    run: RunFolder = None,
    store: StoreFolder = None,
    validation_fraction: ValidationFraction = 0.2,
    test_fraction: TestFraction = 0.2,
) -> None:
    """Way 2: run the conv base once, train a head on what it gave."""
    import tlkit

    index = read_data(data, validation_fraction, test_fraction)
    training = _training(locals())
    compared = tlkit.compare_bases(
        index,
        _networks(locals()),
        training,
        features_dtype.value,
        _head_grid(locals()),
        run,
    )
    print_comparison(compared)


@verb(app)
def augmented(
    data: Data,
    base: Base = "vgg16",
    weights: Weights = None,
    image_size: BaseSize = None,
    alpha: Alpha = 1.0,
    pooling: PoolingOption = None,
    units: Units = 256,
    dropout: Dropout = 0.5,
    l2: L2 = 0.0,
    views: ViewsOption = 5,
    end_to_end: EndToEndOption = False,
    features_dtype: FeaturesDtypeOption = FeaturesDtype.FLOAT16,
    epochs: Epochs = 30,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    patience: Patience = 5,
    seed: Seed = 0,
    precision: PrecisionOption = Precision.AUTO,
    devices: Devices = "1",
    tensorboard: Tensorboard = False,
    run: RunFolder = None,
    store: StoreFolder = None,
    validation_fraction: ValidationFraction = 0.2,
    test_fraction: TestFraction = 0.2,
) -> None:
    """Way 3: train a head on a frozen base that sees augmented images."""
    import tlkit

    index = read_data(data, validation_fraction, test_fraction)
    training = _training(locals())
    finished = tlkit.train_augmented(
        index,
        _network(locals()),
        training=training,
        run_folder=run,
        views=_views(locals()),
    )
    print_result(finished)


@verb(app)
def finetune(
    data: Data,
    start: Annotated[
        Path,
        typer.Option(help="Run of `features` or `augmented` to go on from."),
    ],
    from_layer: Annotated[
        str | None,
        typer.Option(
            help="First layer or block to unfreeze; else what suits the "
            "base (block5 of vgg16)."
        ),
    ] = None,
    views: ViewsOption = 5,
    end_to_end: EndToEndOption = False,
    features_dtype: FeaturesDtypeOption = FeaturesDtype.FLOAT16,
    epochs: Epochs = 30,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    patience: Patience = 5,
    seed: Seed = 0,
    precision: PrecisionOption = Precision.AUTO,
    devices: Devices = "1",
    tensorboard: Tensorboard = False,
    run: RunFolder = None,
    store: StoreFolder = None,
    validation_fraction: ValidationFraction = 0.2,
    test_fraction: TestFraction = 0.2,
) -> None:
    """Way 4: unfreeze the top of the base and train on, gently."""
    import tlkit

    index = read_data(data, validation_fraction, test_fraction)
    training = _training(locals())
    finished = tlkit.fine_tune(
        index,
        start,
        from_layer,
        training=training,
        run_folder=run,
        views=_views(locals()),
    )
    print_result(finished)


Model = Annotated[
    Path,
    typer.Argument(metavar="RUN|MODEL", help="A run folder or .keras file."),
]


@verb(app)
def evaluate(
    model: Model,
    data: Data,
    split: Annotated[
        str, typer.Option(help="train, validation or test.")
    ] = "test",
    validation_fraction: ValidationFraction = 0.2,
    test_fraction: TestFraction = 0.2,
) -> None:
    """Measure a model on images: accuracy with its 95 % interval."""
    import tlkit
    from tlkit.tables import metrics_table, print_table

    start_tensorflow()
    classifier = tlkit.load_classifier(model)
    index = read_data(data, validation_fraction, test_fraction)
    print_table(metrics_table(tlkit.evaluate(classifier, index, split)))


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
    from tlkit.reuse.predict import classify_files, find_files
    from tlkit.tables import predictions_table, print_table

    start_tensorflow()
    classifier = tlkit.load_classifier(model)
    predictions, unreadable = classify_files(classifier, find_files(images))
    if as_json:
        for prediction in predictions:
            typer.echo(json.dumps(prediction.as_dict(), ensure_ascii=False))
    elif predictions:
        print_table(predictions_table(predictions))
    _left_out(unreadable)


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
    from tlkit.explain.files import explain_files, pick_files
    from tlkit.explain.sheets import check_folder, write_sheet
    from tlkit.explain.through_epochs import write_animations
    from tlkit.tables import explanations_table, print_table

    _check_through(through, beside)
    paths = [model, *(beside or [])]
    classifiers = [tlkit.load_classifier(path) for path in paths]
    files, unreadable = pick_files(classifiers[0], images, class_name, top)
    folder = output or Path("explained") / classifiers[0].name
    methods = _listed(method)
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
            print_table(explanations_table(records))
            typer.echo(folder / "sheet.html")
    _left_out(unreadable)


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
    from tlkit.explain.files import pick_files
    from tlkit.explain.layer_pictures import write_activations
    from tlkit.tables import activations_table, print_table

    classifier = tlkit.load_classifier(model)
    files, unreadable = pick_files(classifier, images, None, None)
    folder = output or Path("layers") / classifier.name
    names = _listed(layer) if layer else None
    written = write_activations(classifier, files, names, folder)
    print_table(activations_table(written, files))
    _left_out(unreadable)


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
    names = _listed(layer) if layer else None
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
    from tlkit.tables import print_table, runs_table

    found = tlkit.find_runs(folder)
    if not found:
        typer.echo(f"No runs in {folder}/ yet.")
        return
    print_table(runs_table(found))


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
    from tlkit.study import names, picture
    from tlkit.tables import network_table, print_table

    shape = names.read_input_shape(input_shape) if input_shape else None
    network = names.describe(model, shape)
    table = network_table(network, batch)
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
    from tlkit.study.curves import draw_curves
    from tlkit.study.facts import bottleneck, two_small_kernels
    from tlkit.tables import fact_table, print_table

    for fact in (bottleneck(), two_small_kernels()):
        print_table(fact_table(fact))
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
    from tlkit.study.images import load_images
    from tlkit.study.named import open_study
    from tlkit.study.report import by_axis, write_report
    from tlkit.tables import print_table, study_table

    chosen = open_study(name, quick, repeats, _listed(only) if only else ())
    images = load_images(data)
    ending = "-quick" if quick else ""
    folder = output or Path("studies") / f"{chosen.name}{ending}"
    outcomes = chosen.run(images, folder, processes)
    title = f"{chosen.name} on {images.name}"
    written = write_report(folder, title, outcomes, chosen.notes)
    for axis, own in by_axis(outcomes).items():
        print_table(study_table(axis, own))
    for note in chosen.notes:
        typer.echo(note)
    typer.echo(written[0])


@verb(store_app)
def ls(store: StoreFolder = None) -> None:
    """List what is in the store, the most recently used first."""
    from tlkit.features.housekeeping import list_store
    from tlkit.tables import print_table, store_table

    print_table(store_table(list_store()))


@verb(store_app)
def verify(store: StoreFolder = None) -> None:
    """Read every shard and compare it with its checksum."""
    from tlkit.features.housekeeping import verify_store

    count, damaged = verify_store()
    for path in damaged:
        typer.echo(f"damaged: {path}")
    if damaged:
        raise TlkitError(
            "The store is damaged.",
            expected=f"{count} sound shards",
            received=f"{len(damaged)} damaged ones",
            remedy="Nothing: they are computed again when they are needed.",
        )
    typer.echo(f"{count} shards, all sound")


@verb(store_app)
def prune(
    to: Annotated[
        str,
        typer.Option(help="How much may remain, such as 500M, 20G or 0."),
    ],
    store: StoreFolder = None,
) -> None:
    """Remove what was not used for longest; what is in use stays."""
    from tlkit.features.housekeeping import prune_store, read_size

    removed = prune_store(read_size(to))
    size = sum(entry.size for entry in removed)
    typer.echo(f"removed {len(removed)} entries, {size / 1e6:,.1f} MB")


@verb(store_app)
def where(store: StoreFolder = None) -> None:
    """Say where the store is: $TLKIT_STORE, or the platform's cache."""
    from tlkit.features.store import store_folder

    typer.echo(store_folder())


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
    from tlkit.data.augment import Augmentation
    from tlkit.tables import data_table, print_table

    folder = output or Path("sheets") / index.name
    print_table(data_table(index))
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
    from tlkit.data.make import write_sample

    counts = {"train": train, "validation": validation, "test": test}
    typer.echo(write_sample(output, counts, image_size, seed))


def read_data(
    source: str, validation_fraction: float, test_fraction: float
) -> DatasetIndex:
    """Loads a data set and tells the user what was found and left out.

    Args:
        source: see `tlkit.load_dataset`.
        validation_fraction: share of validation images.
        test_fraction: share of test images.
    """
    import tlkit
    from tlkit.tables import describe_data

    index = tlkit.load_dataset(
        source,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
    )
    typer.echo(describe_data(index), err=True)
    return index


def print_result(run: Run) -> None:
    """Prints what a finished run has achieved and where it lies."""
    from tlkit.tables import metrics_table, print_table

    print_table(metrics_table(run.metrics))
    typer.echo(run.summary())


def print_comparison(compared: BaseComparison) -> None:
    """Prints which head and which conv base are best, and how good that is."""
    from tlkit.tables import bases_table, heads_table, print_table

    for base in compared.bases:
        if base.search is not None:
            print_table(heads_table(base.search, base.name))
    if len(compared.bases) == 1:
        print_result(compared.best.run)
    else:
        print_table(bases_table(compared))
        typer.echo(compared.best.run.summary())


def _left_out(unreadable: list[tuple[Path, str]]) -> None:
    for path, reason in unreadable:
        typer.echo(f"left out: {path}: {reason}", err=True)
    if unreadable:
        raise typer.Exit(1)


def run_script(verb: str, script: Callable[[SimpleNamespace], None]) -> None:
    """Runs a script with the flags, help and errors of a verb.

    Args:
        verb: name of the command, such as `"scratch"`.
        script: gets the flags as attributes; where the verb trains,
            `flags.training` and, where it has a conv base, `flags.network`
            (or `flags.networks` and `flags.grid`) are made from them.
    """
    command = next(
        info.callback
        for info in app.registered_commands
        if info.callback is not None and info.callback.__name__ == verb
    )

    @functools.wraps(command)
    def call(**flags: Any) -> None:
        with errors_in_words():
            if "epochs" in flags:
                flags["training"] = _training(flags)
            if "head_grid" in flags:
                flags["networks"] = _networks(flags)
                flags["grid"] = _head_grid(flags)
            elif "base" in flags:
                flags["network"] = _network(flags)
            if "through" in flags:
                _check_through(flags["through"], flags["beside"])
            if "views" in flags:
                flags["views"] = _views(flags)
            for name, value in flags.items():
                if isinstance(value, Enum):
                    flags[name] = value.value
            script(SimpleNamespace(**flags))

    own = typer.Typer(add_completion=False, rich_markup_mode=None)
    own.command()(call)
    _print_any_name()
    own()


def main() -> None:
    """Runs the command."""
    _print_any_name()
    app()


def _print_any_name() -> None:
    """Lets file names that are not UTF-8 be printed, escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _training(flags: dict[str, Any]) -> Any:
    start_tensorflow()
    import tlkit

    devices = flags["devices"]
    if devices != "all":
        if not devices.isdigit():
            raise UsageError(
                "The number of devices is not valid.",
                where="--devices",
                expected="a number, or all",
                received=devices,
            )
        devices = int(devices)
    return tlkit.Training(
        epochs=flags["epochs"],
        batch_size=flags["batch_size"],
        learning_rate=flags["learning_rate"],
        patience=flags["patience"],
        seed=flags["seed"],
        precision=flags["precision"].value,
        devices=devices,
        tensorboard=flags["tensorboard"],
    )


def _views(flags: dict[str, Any]) -> Any:
    from tlkit.features.views import Views

    if flags["end_to_end"]:
        return None
    return Views(flags["views"], flags["features_dtype"].value)


def _network(flags: dict[str, Any]) -> Any:
    import tlkit

    head = {name: flags[name] for name in ("units", "dropout", "l2")}
    return tlkit.TransferNetwork(
        base=flags["base"],
        weights=flags["weights"],
        image_size=flags["image_size"],
        alpha=flags["alpha"],
        pooling=flags["pooling"] and flags["pooling"].value,
        **{name: value for name, value in head.items() if value is not None},
    )


def _networks(flags: dict[str, Any]) -> list[Any]:
    """One network for each base of a list, each with its weights."""
    bases = _listed(flags["base"])
    weights = [flags["weights"]]
    if len(bases) > 1 and flags["weights"] is not None:
        weights = _listed(flags["weights"])
    if len(weights) == 1:
        weights *= len(bases)
    if len(weights) != len(bases):
        raise UsageError(
            "There are not as many weights as conv bases.",
            where="--weights",
            expected=f"1 or {len(bases)}, for {flags['base']}",
            received=f"{len(weights)}: {flags['weights']}",
            remedy="Name one for all bases, or one for each in their order.",
        )
    return [
        _network({**flags, "base": base, "weights": weight})
        for base, weight in zip(bases, weights, strict=True)
    ]


def _check_through(through: Path | None, beside: list[Path] | None) -> None:
    if through and beside:
        raise UsageError(
            "The checkpoints are those of one model.",
            where="--through",
            received=f"--beside {beside[0]} besides",
            remedy="Leave out --beside.",
        )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _head_grid(flags: dict[str, Any]) -> Any:
    """The heads to try: what is given is kept, the rest is tried."""
    import tlkit

    if not flags["head_grid"]:
        return None
    kept: dict[str, Any] = {
        name: (flags[name],)
        for name in ("units", "dropout", "learning_rate", "l2")
        if flags[name] is not None
    }
    return tlkit.HeadGrid(**kept)


if __name__ == "__main__":
    main()
