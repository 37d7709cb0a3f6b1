"""Training a network's upper part on what its lower one has given once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tlkit.data.index import TRAIN, VALIDATION, DatasetIndex
from tlkit.features.extract import describe_part
from tlkit.features.frozen import FrozenPart
from tlkit.features.views import ViewRows, extract_views
from tlkit.models.cutting import CutModel
from tlkit.models.precision import with_precision
from tlkit.models.saving import save_classifier
from tlkit.models.transfer import TransferNetwork
from tlkit.runs.run import Run, check_new, recorded_run
from tlkit.tensor.row_batches import make_row_batches
from tlkit.training.fitting import Training, fit, frozen_stays_frozen
from tlkit.training.joining import Apart, check_join
from tlkit.training.results import final_split, predict_split, write_results
from tlkit.ways.end_to_end import EndToEnd


def train_on_views(
    route: str,
    cut: CutModel,
    network: TransferNetwork,
    data: DatasetIndex,
    how: EndToEnd,
    settings: Mapping[str, Any],
    run_folder: str | os.PathLike[str] | None = None,
) -> Run:
    """Trains a compiled suffix and leaves a finished run of the whole model.

    Args:
        route: name of the way, for the run.
        cut: the model; its suffix is compiled, its prefix frozen.
        network: what the model is made of.
        data: the data set.
        how: image size, augmentation, training and views.
        settings: what else `config.json` should keep.
        run_folder: where; None for a new folder in `runs/`.

    Returns:
        The finished run, as end to end it would be.

    Raises:
        UsageError: the run folder exists.
        TlkitError: the data, the disk or the training failed, or the joined
            model does not say the same as its parts.
    """
    if run_folder is not None:
        check_new(run_folder)  # before the images are computed
    size, training = how.image_size, how.training
    rows = _extract(cut, network, data, how)
    batches, validation = _make_batches(rows, data, training)
    settings = {**settings, **how.settings()}
    with recorded_run(route, data, settings, run_folder) as run:

        def save() -> None:
            whole = with_precision(cut.whole, "float32")
            save_classifier(whole, run.model_path, data.class_names, size)

        with frozen_stays_frozen(cut.whole):
            about = fit(cut.suffix, batches, validation, training, run, save)
        about["images_through_base"] = rows.computed
        whole, lower, upper = (
            with_precision(model, "float32")
            for model in (cut.whole, cut.prefix, cut.suffix)
        )
        parts = Apart(lower, upper, rows.validation)
        about |= check_join(whole, parts, data, size)

        def predict(split: str) -> np.ndarray:
            # What is judged is the model that is saved, from its pixels.
            if split == final_split(data):
                return predict_split(whole, data, split, size)
            return np.asarray(upper.predict(validation, verbose=0))

        write_results(run, data, predict, about)
    return run


def _extract(
    cut: CutModel, network: TransferNetwork, data: DatasetIndex, how: EndToEnd
) -> ViewRows:
    """Runs views of the images through the frozen part, or finds them."""
    views, augmentation = how.views, how.augmentation
    # `EndToEnd` also describes runs without them, which do not come here.
    assert views is not None
    assert augmentation is not None
    training = how.training
    part = FrozenPart(
        cut.prefix,
        describe_part(network, cut.at, training.precision),
        how.image_size,
        cut.whole.distribute_strategy,
        views.dtype,
    )
    count = min(views.count, training.epochs)
    return extract_views(part, data, augmentation, training.seed, count)


def _make_batches(
    rows: ViewRows, data: DatasetIndex, training: Training
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Batches to learn from and to validate by."""
    labels = {name: data.splits[name].labels for name in (TRAIN, VALIDATION)}
    size = training.images_per_step
    return (
        make_row_batches(rows.train, labels[TRAIN], size, training.seed),
        make_row_batches([rows.validation], labels[VALIDATION], size),
    )
