"""Options that several verbs share, declared once."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


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
Model = Annotated[
    Path,
    typer.Argument(metavar="RUN|MODEL", help="A run folder or .keras file."),
]
