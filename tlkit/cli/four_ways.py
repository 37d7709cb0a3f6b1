"""The four ways to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlkit.cli.command import app, verb
from tlkit.cli.flags import (
    head_grid_of,
    network_of,
    networks_of,
    read_data,
    training_of,
    views_of,
)
from tlkit.cli.options import (
    L2,
    Alpha,
    Augment,
    Base,
    Bases,
    BaseSize,
    BatchSize,
    Data,
    Devices,
    Dropout,
    DropoutOrTried,
    EndToEndOption,
    Epochs,
    FeaturesDtype,
    FeaturesDtypeOption,
    HeadGrid,
    ImageSize,
    L2OrTried,
    LearningRate,
    ManyWeights,
    Patience,
    PoolingOption,
    Precision,
    PrecisionOption,
    RunFolder,
    Seed,
    StoreFolder,
    Tensorboard,
    TestFraction,
    Units,
    UnitsOrTried,
    ValidationFraction,
    ViewsOption,
    Weights,
)
from tlkit.cli.printing import print_comparison, print_result


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
    training = training_of(locals())
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
    training = training_of(locals())
    compared = tlkit.compare_bases(
        index,
        networks_of(locals()),
        training,
        features_dtype.value,
        head_grid_of(locals()),
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
    training = training_of(locals())
    finished = tlkit.train_augmented(
        index,
        network_of(locals()),
        training=training,
        run_folder=run,
        views=views_of(locals()),
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
    training = training_of(locals())
    finished = tlkit.fine_tune(
        index,
        start,
        from_layer,
        training=training,
        run_folder=run,
        views=views_of(locals()),
    )
    print_result(finished)
