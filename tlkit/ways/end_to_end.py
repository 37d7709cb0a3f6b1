"""Training from pixels to probabilities: what three of the four ways share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras

from tlkit.data.augment import Augmentation
from tlkit.data.index import TRAIN, VALIDATION, DatasetIndex
from tlkit.features.views import Views
from tlkit.models.precision import with_precision
from tlkit.models.saving import save_classifier
from tlkit.runs.run import Run, check_new, recorded_run
from tlkit.store.pixels import keep_pixels
from tlkit.tensor.pipeline import make_batches
from tlkit.training.fitting import Training, fit, frozen_stays_frozen
from tlkit.training.results import predict_split, write_results


@dataclass(frozen=True)
class EndToEnd:
    """How images reach the network and how it is trained.

    Args:
        image_size: `(height, width)` in pixels that the network works at.
        augmentation: random views of the training images, or None.
        training: how to train.
        views: how many views of an image go through the frozen part, once
            for all; None to send all images through it in every epoch.
    """

    image_size: tuple[int, int]
    augmentation: Augmentation | None
    training: Training
    views: Views | None = None

    def settings(self) -> dict[str, Any]:
        """Returns what `config.json` keeps of this."""
        return {
            "image_size": list(self.image_size),
            "augmentation": self.augmentation and asdict(self.augmentation),
            "training": asdict(self.training),
            "views": self.views and asdict(self.views),
        }


def train_end_to_end(
    route: str,
    model: keras.Model,
    data: DatasetIndex,
    how: EndToEnd,
    settings: Mapping[str, Any],
    run_folder: str | os.PathLike[str] | None = None,
) -> Run:
    """Trains a compiled classifier and leaves a finished run folder.

    Args:
        route: name of the way, for the run.
        model: compiled in the scope of its strategy; its frozen layers are
            checked to be the same to the bit afterwards.
        data: the data set.
        how: image size, augmentation and training.
        settings: what else `config.json` should keep.
        run_folder: where; None for a new folder in `runs/`.

    Returns:
        The finished run.

    Raises:
        UsageError: the run folder exists.
        TlkitError: the data, the disk or the training failed.
    """
    if run_folder is not None:
        check_new(run_folder)  # before the images are decoded
    size, training = how.image_size, how.training
    decoded = keep_pixels(data, size)
    batches = make_batches(
        data,
        TRAIN,
        size,
        training.images_per_step,
        how.augmentation,
        training.seed,
        decoded.get(TRAIN),
    )
    validation = make_batches(
        data,
        VALIDATION,
        size,
        training.images_per_step,
        decoded=decoded.get(VALIDATION),
    )
    settings = {**settings, **how.settings()}
    with recorded_run(route, data, settings, run_folder) as run:

        def save() -> None:
            final = with_precision(model, "float32")
            save_classifier(final, run.model_path, data.class_names, size)

        with frozen_stays_frozen(model):
            about = fit(model, batches, validation, training, run, save)
        final = with_precision(model, "float32")
        write_results(
            run,
            data,
            lambda split: predict_split(final, data, split, size),
            about,
        )
    return run
