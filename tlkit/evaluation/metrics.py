"""Measures the predictions of a classifier against the true classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import (
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from tlkit.base.errors import UsageError
from tlkit.evaluation.evaluation import Evaluation, balanced_accuracy
from tlkit.evaluation.intervals import confidence_interval

#: A share of no images is not 0, which would be the worst figure there is.
_NOT_JUDGED = {
    "count": 0,
    **dict.fromkeys(("precision", "recall", "recall_interval", "f1_score")),
}


def measure(
    labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str]
) -> Evaluation:
    """Measures predictions against the true classes.

    Args:
        labels: True classes, an int array of shape `(count,)` of positions
            in `class_names`.
        probabilities: Predictions, a float array of shape
            `(count, classes)`, whose rows sum to 1.
        class_names: One name for each class.

    Returns:
        The figures that a run keeps in `metrics.json`: `count`, `correct`,
        `accuracy` with its `accuracy_interval` (see `confidence_interval`),
        `balanced_accuracy` (see there), `log_loss` (mean negative natural
        logarithm of the true class's probability), `per_class` (precision,
        recall with interval, F1 score, count; of a class without images they
        are None, and the count is 0) and `confusion_matrix` (a row for each
        true class, a column for each predicted one).

    Raises:
        UsageError: The shapes of the arguments do not match.
    """
    labels = np.asarray(labels)
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.shape != (len(labels), len(class_names)):
        raise UsageError(
            "The probabilities do not fit the labels.",
            expected=f"shape ({len(labels)}, {len(class_names)})",
            received=probabilities.shape,
        )
    # Float32 rows sum to 1 up to 1e-7 only, of which scikit-learn's log_loss
    # would warn.
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    # Named in full, as a split may have no image of some class.
    every_class = np.arange(len(class_names))
    correct = int((predicted == labels).sum())
    matrix = confusion_matrix(labels, predicted, labels=every_class)
    per_class = _per_class(labels, predicted, class_names)
    return Evaluation(
        count=len(labels),
        correct=correct,
        accuracy=correct / len(labels),
        accuracy_interval=confidence_interval(correct, len(labels)),
        balanced_accuracy=balanced_accuracy(per_class),
        log_loss=float(log_loss(labels, probabilities, labels=every_class)),
        class_names=list(class_names),
        per_class=per_class,
        confusion_matrix=matrix.tolist(),
    )


def _per_class(
    labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    precision, recall, f1_score, count = precision_recall_fscore_support(
        labels,
        predicted,
        labels=np.arange(len(class_names)),
        zero_division=0,  # of a class that is never predicted
    )
    return {
        name: {
            "count": int(count[label]),
            "precision": float(precision[label]),
            "recall": float(recall[label]),
            "recall_interval": confidence_interval(
                round(recall[label] * count[label]), int(count[label])
            ),
            "f1_score": float(f1_score[label]),
        }
        if count[label]
        else dict(_NOT_JUDGED)
        for label, name in enumerate(class_names)
    }
