"""Way 3, first half: a head trained with augmentation on a frozen base."""

from __future__ import annotations

import os
from dataclasses import asdict

from tlkit.base.console import say
from tlkit.data.augment import Augmentation
from tlkit.data.index import DatasetIndex
from tlkit.features.views import Views
from tlkit.models.cutting import cut_model
from tlkit.models.freezing import freeze_all
from tlkit.models.heads import HEAD_LAYERS, attach_head
from tlkit.models.precision import computing_in
from tlkit.models.transfer import TransferNetwork
from tlkit.runs.run import Run
from tlkit.training.fitting import Training, compile_model
from tlkit.ways.end_to_end import EndToEnd, train_end_to_end
from tlkit.ways.on_views import train_on_views

AUGMENTED_TRAINING = Training(epochs=30, patience=5)
DEFAULT_VIEWS = Views()
_LEARNING_RATE = 1e-3


def train_augmented(
    data: DatasetIndex,
    network: TransferNetwork | None = None,
    augmentation: Augmentation | None = None,
    training: Training = AUGMENTED_TRAINING,
    run_folder: str | os.PathLike[str] | None = None,
    views: Views | None = DEFAULT_VIEWS,
) -> Run:
    """Trains a head on a frozen conv base that sees augmented images.

    *Deep Learning with Python* (1st edition), section 5.3.1, "feature
    extraction with data augmentation". The book sends every image through
    the base again in every epoch; here some views of each image go through
    it once, are kept in the store, and the epochs take turns with them.

    Args:
        data: the data set.
        network: conv base and head; None for VGG16 with ImageNet weights.
        augmentation: random views of the training images; None for the
            book's.
        training: how to train.
        run_folder: where; None for `runs/<time>-augmented-<data set>`.
        views: how many views; as many as epochs are the book's computation.
            None does it the book's way, end to end, with nothing kept.

    Returns:
        The finished run, from which `fine_tune` can go on.

    Raises:
        UsageError: a setting is impossible or the run folder exists.
        TlkitError: weights, data, disk or training failed, or a frozen layer
            has changed.
    """
    network = network or TransferNetwork()
    training = training.suited(_LEARNING_RATE, conv_base=network.spec)
    augmentation = augmentation or Augmentation()
    how = EndToEnd(network.size, augmentation, training, views)
    strategy = training.strategy()
    with strategy.scope(), computing_in(training.precision):
        base = network.build_base()
        freeze_all(base)
        model = attach_head(base, network.head(len(data.class_names)))
        head = HEAD_LAYERS[0 if network.units else -1]
        cut = cut_model(model, head) if views else None
        compile_model(cut.suffix if cut else model, training)
    settings = {"network": asdict(network)}
    if network.warning:
        say(network.warning)
        data = data.with_note(network.warning)
    if cut:
        return train_on_views(
            "augmented", cut, network, data, how, settings, run_folder
        )
    return train_end_to_end("augmented", model, data, how, settings, run_folder)
