"""Way 2: fast feature extraction: a head trained on stored features."""

from __future__ import annotations

import os
from dataclasses import asdict

import keras
import numpy as np
import tensorflow as tf

from tlkit.data.index import TRAIN, VALIDATION
from tlkit.errors import TlkitError
from tlkit.features.extract import Features
from tlkit.features.head_search import HeadSearch
from tlkit.models.freezing import freeze_all
from tlkit.models.heads import attach_head, build_head, copy_head_weights
from tlkit.models.precision import with_precision
from tlkit.models.saving import save_classifier
from tlkit.results import final_split, predict_split, write_results
from tlkit.runs import Run, recorded_run
from tlkit.strategy import choose_precision
from tlkit.training import Training, compile_model, fit

FEATURES_TRAINING = Training(epochs=30, patience=10)
_LEARNING_RATE = 1e-3
#: Float32 sums in another order differ by about 1e-6.
_JOIN_TOLERANCE = 1e-4


def train_on_features(
    features: Features,
    training: Training = FEATURES_TRAINING,
    run_folder: str | os.PathLike[str] | None = None,
    search: HeadSearch | None = None,
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
    training = training.at_rate(_LEARNING_RATE)
    spec = network.head(len(data.class_names))
    strategy = training.strategy()
    with strategy.scope():
        head = build_head(features.arrays[TRAIN].shape[1:], spec)
        compile_model(head, training)
    precision = choose_precision(training.precision)
    settings = {
        "network": asdict(network),
        "image_size": list(network.size),
        "training": {**asdict(training), "precision": precision},
    }
    if search is not None:
        settings["head_grid"] = search.settings()
    with recorded_run("features", data, settings, run_folder) as run:
        if search is not None:
            run.write_heads(search.rows())

        def save() -> None:
            model = _join(features, head)
            save_classifier(
                model, run.model_path, data.class_names, network.size
            )

        batches = _batches(features, TRAIN, training, training.seed)
        validation = _batches(features, VALIDATION, training, None)
        about = fit(head, batches, validation, training, run, save)
        model = _join(features, head)
        about["images_through_base"] = features.computed
        about |= _check_join(features, head, model)

        def predict(split: str) -> np.ndarray:
            # What is judged is the model that is saved, from its pixels.
            if split == final_split(data):
                return predict_split(model, data, split, network.size)
            vectors = np.asarray(features.arrays[split], np.float32)
            return head.predict(vectors, verbose=0)

        write_results(run, data, predict, about)
    return run


def _join(features: Features, head: keras.Model) -> keras.Model:
    """Puts the trained head onto the conv base: one flat float32 model."""
    freeze_all(features.base)
    spec = features.network.head(len(features.data.class_names))
    model = attach_head(features.base, spec)
    copy_head_weights(head, model)
    return with_precision(model, "float32")


def _check_join(
    features: Features, head: keras.Model, model: keras.Model
) -> dict[str, float]:
    """Compares the joined model with base-then-head on real images.

    Returns:
        The largest differences of a probability over up to 16 validation
        images: `join_difference` between the joined model and the same base
        and head apart, `precision_difference` between the joined model and
        the head on the stored features, which may have been computed in
        another precision.
    """
    rows = np.arange(min(16, len(features.data.splits[VALIDATION])))
    split = features.data.splits[VALIDATION].select(rows)
    images = np.stack(
        [split.read(int(row), features.network.size) for row in rows]
    )
    joined = model.predict(images, verbose=0)
    pooling = features.network.head(2).pooling
    layer = model.get_layer("flatten" if pooling == "flatten" else "pool")
    vectors = keras.Model(model.input, layer.output).predict(images, verbose=0)
    apart = head.predict(vectors, verbose=0)
    stored = features.arrays[VALIDATION][rows].astype(np.float32)
    difference = float(np.abs(joined - apart).max())
    if not difference <= _JOIN_TOLERANCE:
        raise TlkitError(
            "The joined model does not say what base and head say apart.",
            where="probabilities of validation images",
            expected=f"a difference of at most {_JOIN_TOLERANCE}",
            received=difference,
            remedy="This is a fault of tlkit; please report it.",
        )
    return {
        "join_difference": difference,
        "precision_difference": float(
            np.abs(joined - head.predict(stored, verbose=0)).max()
        ),
    }


def _batches(
    features: Features, split: str, training: Training, seed: int | None
) -> tf.data.Dataset:
    arrays = (
        np.asarray(features.arrays[split], np.float32),
        features.data.splits[split].labels,
    )
    batches = tf.data.Dataset.from_tensor_slices(arrays)
    if seed is not None:
        batches = batches.shuffle(len(arrays[1]), seed=seed)
    return batches.batch(training.batch_size).prefetch(2)
