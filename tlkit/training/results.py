"""Measures a trained model and writes metrics and plots to its run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tlkit import plots
from tlkit.base.image_size import ImageSize
from tlkit.data.index import TEST, VALIDATION, DatasetIndex
from tlkit.evaluation.metrics import measure
from tlkit.runs.run import Run
from tlkit.tensor.failures import errors_in_words
from tlkit.tensor.pipeline import make_batches


def predict_split(
    model: keras.Model,
    data: DatasetIndex,
    split: str,
    image_size: ImageSize,
) -> np.ndarray:
    """Returns a classifier's probabilities for one split.

    Args:
        model: Model from raw pixels to probabilities.
        data: The data set.
        split: Name of the split.
        image_size: The size in pixels that the model works at, with the fit:
            a `Frame`, or a size to which images are stretched.

    Returns:
        A float32 array of shape `(count, classes)`, in the order of the
        index.

    Raises:
        TlkitError: An image has become unreadable, or memory was short.
    """
    batches = make_batches(data, split, image_size, batch_size=32)
    with errors_in_words():
        return np.asarray(model.predict(batches, verbose=0))


def final_split(data: DatasetIndex) -> str:
    """Returns the split that judges a model: test, or else validation."""
    return TEST if TEST in data.splits else VALIDATION


def write_results(
    run: Run,
    data: DatasetIndex,
    predict: Callable[[str], np.ndarray],
    about: Mapping[str, Any],
) -> None:
    """Measures a finished model and draws its plots.

    A plot that cannot be drawn is told in a line and among the notes of
    `metrics.json`; the run is finished all the same.

    The figures are those of the test split. Without one they are those of
    the validation split, which `metrics.json` names as their split.

    Args:
        run: The run to whose folder `metrics.json` and `plots/` are written.
        data: The data set.
        predict: Function from the name of a split to its probabilities.
        about: Facts of the training, such as epochs and seconds, that are
            kept as `training` in `metrics.json`.
    """
    measured = {}
    for split in (VALIDATION, TEST):
        if split in data.splits:
            labels = data.splits[split].labels
            measured[split] = measure(labels, predict(split), data.class_names)
    # Validation figures are kept besides those of the test split, since
    # comparing and choosing must not look at the test images.
    final = final_split(data)
    results = {
        "split": final,
        **measured[final],
        "validation": measured[VALIDATION],
        "training": dict(about),
        "notes": list(data.notes),
    }
    # Every figure is on the disk before anything is drawn.
    run.write_metrics(results)
    problems = _draw(run, measured[final], data.class_names, final)
    if problems:
        notes = [*results["notes"], *problems]
        run.write_metrics({**results, "notes": notes})


def _draw(
    run: Run,
    measured: Mapping[str, Any],
    class_names: Sequence[str],
    split: str,
) -> list[str]:
    """Draws the plots and returns what is to be said of those that fail."""
    matrix = measured["confusion_matrix"]
    drawn = {
        "plots/curves.png": lambda: plots.draw_curves(run.history),
        "plots/confusion.png": lambda: plots.draw_confusion(
            matrix, class_names, split
        ),
    }
    told = [
        plots.save_beside(run.path, draw, name) for name, draw in drawn.items()
    ]
    return [problem for problem in told if problem]
