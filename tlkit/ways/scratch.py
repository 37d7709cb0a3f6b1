"""Way 1: a small convnet trained from scratch."""

from __future__ import annotations

import os

from tlkit.base.image_size import ImageSize, as_height_width
from tlkit.data.augment import Augmentation
from tlkit.data.index import DatasetIndex
from tlkit.models.convnet import build_convnet
from tlkit.models.precision import computing_in
from tlkit.runs.run import Run
from tlkit.training.fitting import Training, compile_model
from tlkit.ways.end_to_end import EndToEnd, train_end_to_end

#: A network that starts from nothing needs many epochs.
SCRATCH_TRAINING = Training(epochs=60, patience=15)
_LEARNING_RATE = 5e-4


def train_from_scratch(
    data: DatasetIndex,
    image_size: ImageSize = 150,
    augmentation: Augmentation | None = None,
    dropout: float = 0.5,
    l2: float = 0.0,
    training: Training = SCRATCH_TRAINING,
    run_folder: str | os.PathLike[str] | None = None,
) -> Run:
    """Trains the book's four-block convnet from random weights.

    *Deep Learning with Python* (1st edition), section 5.2.

    Args:
        data: the data set.
        image_size: pixels the network works at, `int` or `(height, width)`.
        augmentation: random views of the training images; None for none.
        dropout: share of the features dropped before the dense layers.
        l2: weight of the L2 penalty on all kernels.
        training: how to train.
        run_folder: where; None for `runs/<time>-scratch-<data set>`.

    Returns:
        The finished run; `run.model_path` is the saved classifier.

    Raises:
        UsageError: a setting is impossible or the run folder exists.
        TlkitError: the data, the disk or the training failed.
    """
    training = training.suited(_LEARNING_RATE)
    how = EndToEnd(as_height_width(image_size), augmentation, training)
    strategy = training.strategy()
    with strategy.scope(), computing_in(training.precision):
        model = build_convnet(
            len(data.class_names), how.image_size, dropout, l2
        )
        compile_model(model, training)
    settings = {"dropout": dropout, "l2": l2}
    return train_end_to_end("scratch", model, data, how, settings, run_folder)
