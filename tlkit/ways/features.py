"""Way 2: fast feature extraction: a head trained on stored features."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any, Protocol

import keras
import numpy as np

from tlkit.data.index import TRAIN, VALIDATION
from tlkit.features.extract import Features
from tlkit.models.freezing import freeze_all
from tlkit.models.heads import attach_head, build_head, copy_head_weights
from tlkit.models.precision import computing_in, with_precision
from tlkit.models.saving import save_classifier
from tlkit.runs.run import Run, recorded_run
from tlkit.tensor.row_batches import head_batch_size, make_row_batches
from tlkit.training.fitting import Training, compile_model, fit
from tlkit.training.joining import Apart, check_join
from tlkit.training.results import final_split, predict_split, write_results

FEATURES_TRAINING = Training(epochs=30, patience=10)
_LEARNING_RATE = 1e-3


class Search(Protocol):
    """The comparison of heads that chose one."""

    def settings(self) -> dict[str, Any]:
        """Returns what `config.json` keeps of it."""

    def rows(self) -> list[dict[str, Any]]:
        """Returns a row for each head."""


def train_on_features(
    features: Features,
    training: Training = FEATURES_TRAINING,
    run_folder: str | os.PathLike[str] | None = None,
    search: Search | None = None,
) -> Run:
    """Trains a head on stored features and joins it with the conv base.

    *Deep Learning with Python* (1st edition), section 5.3.1, "fast feature
    extraction without data augmentation".

    Args:
        features: from `tlkit.extract_features`.
        training: how to train the head.
        run_folder: where; None for `runs/<time>-features-<data set>`.
        search: the comparison that chose this head, to be kept with the run.

    Returns:
        The finished run; its model takes raw pixels like every other.

    Raises:
        UsageError: the run folder exists.
        TlkitError: the disk or the training failed, or the joined model does
            not say the same as base and head apart.
    """
    data, network = features.data, features.network
    training = training.suited(
        _LEARNING_RATE, head_batch_size(len(data.splits[TRAIN])), network.spec
    )
    head = _new_head(features, training)
    settings = {
        "network": asdict(network),
        "image_size": list(network.size),
        "training": asdict(training),
    }
    if search is not None:
        settings["head_grid"] = search.settings()
    with recorded_run("features", data, settings, run_folder) as run:
        if search is not None:
            run.write_heads(search.rows())
        _train(head, features, training, run)
    return run


def _new_head(features: Features, training: Training) -> keras.Model:
    spec = features.network.head(len(features.data.class_names))
    strategy = training.strategy()
    with strategy.scope(), computing_in(training.precision):
        head = build_head(features.arrays[TRAIN].shape[1:], spec)
        compile_model(head, training)
    return head


def _train(
    head: keras.Model, features: Features, training: Training, run: Run
) -> None:
    """Trains the head and writes what comes of it into the run's folder."""
    data, size = features.data, features.network.size
    batches, validation = (
        make_row_batches(
            [features.arrays[name]],
            data.splits[name].labels,
            training.images_per_step,
            seed,
        )
        for name, seed in ((TRAIN, training.seed), (VALIDATION, None))
    )

    def save() -> None:
        model = _join(features, head)
        save_classifier(model, run.model_path, data.class_names, size)

    about = fit(head, batches, validation, training, run, save)
    about["images_through_base"] = features.computed
    model, exact = _join(features, head), with_precision(head, "float32")
    about |= check_join(model, _apart(features, exact, model), data, size)

    def predict(split: str) -> np.ndarray:
        # What is judged is the model that is saved, from its pixels.
        if split == final_split(data):
            return predict_split(model, data, split, size)
        return np.asarray(exact.predict(validation, verbose=0))

    write_results(run, data, predict, about)


def _join(features: Features, head: keras.Model) -> keras.Model:
    """Puts the trained head onto the conv base: one flat float32 model."""
    freeze_all(features.base)
    spec = features.network.head(len(features.data.class_names))
    model = attach_head(features.base, spec)
    copy_head_weights(head, model)
    return with_precision(model, "float32")


def _apart(features: Features, head: keras.Model, model: keras.Model) -> Apart:
    pooling = features.network.head(2).pooling
    layer = model.get_layer("flatten" if pooling == "flatten" else "pool")
    lower = keras.Model(model.input, layer.output)
    return Apart(lower, head, features.arrays[VALIDATION])
