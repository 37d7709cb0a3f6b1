"""Measures a classifier on labelled images that it has not learnt from."""

from __future__ import annotations

import os

import numpy as np

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.base.records import SHARE
from tlkit.base.wording import name_some, say_not_judged
from tlkit.data.index import ALL, TEST, VALIDATION, DatasetIndex, Split
from tlkit.data.load import Source, load_labelled
from tlkit.data.names import class_key
from tlkit.data.reading import Reading
from tlkit.data.sizes import absent_classes
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.intervals import (
    INTERVAL_COLUMN,
    INTERVAL_NAME,
    confidence_interval,
)
from tlkit.evaluation.metrics import measure
from tlkit.models.ends import SIGMOID
from tlkit.reuse.classifier import Classifier, load_classifier
from tlkit.runs.run import Run
from tlkit.tensor.failures import errors_in_words
from tlkit.tensor.pipeline import make_batches

_BATCH = 32
#: Number of classes, at most, that a message names.
_NAMED = 10


def evaluate(
    classifier: Classifier | Run | str | os.PathLike[str],
    data: DatasetIndex | Source,
    split: str | None = None,
    reading: Reading | None = None,
) -> Evaluation:
    """Measures a classifier on labelled images.

    Classes are found by their names, whatever their order. Of a source that
    has no splits all images are judged. The data may have some of the model's
    classes only.

    Args:
        classifier: The model, from `load_classifier`; or a run, or the path
            that `load_classifier` would take.
        data: A data set, or its source, see `load_dataset`.
        split: Name of the split; None takes `"test"` where there is one, or
            all images where the source has no splits, or else `"validation"`.
        reading: Where in a folder the labels stand; None means class folders.

    Returns:
        What `tlkit.evaluation.metrics.measure` returns for the model's
        classes, and besides `split` and `notes`. Notes say which classes have
        no images, and how many images trained the model, if any, with the
        accuracy on the others.

    Raises:
        UsageError: There is no such split, or the images have a class that the
            model does not have. This is found before anything is computed.

    Example:
        print(tlkit.evaluate("runs/my-run", "new photos/").summary())
    """
    if isinstance(classifier, Run):
        classifier = classifier.path
    if not isinstance(classifier, Classifier):
        classifier = load_classifier(classifier)
    index = (
        data if isinstance(data, DatasetIndex) else load_labelled(data, reading)
    )
    split = split or _usual_split(index)
    images = index.split(split)
    # First, so that other classes are reported before the images are read.
    names, labels = _in_the_models_order(classifier, index, images)
    shares = _predict(classifier, index, split)
    measured = measure(labels, _sum_to_one(shares), names)
    notes = (
        *index.notes,
        *_absent(names, labels, split),
        *_seen(classifier, images, shares.argmax(axis=1) == labels),
        *_several_sigmoids(classifier, names),
    )
    return Evaluation({"split": split, **measured, "notes": list(notes)})


def _usual_split(index: DatasetIndex) -> str:
    usual = [one for one in (TEST, ALL, VALIDATION) if one in index.splits]
    # Without any of them the error names the splits that there are.
    return [*usual, TEST][0]


def _in_the_models_order(
    classifier: Classifier, index: DatasetIndex, images: Split
) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the model's classes and, in their numbers, the labels."""
    wanted = index.class_names
    if classifier.class_names is None:
        # Without names the order of the data set's classes has to do.
        _check_number(classifier, wanted)
        return wanted, images.labels
    names = classifier.class_names
    # By name, since another data set may have its classes in another order,
    # and a model would then seem to be always wrong.
    places = [_place(name, names) for name in wanted]
    judged = np.unique(images.labels)
    unknown = [wanted[label] for label in judged if places[label] is None]
    if unknown:
        raise _unknown_classes(classifier, names, unknown)
    table = np.array([-1 if one is None else one for one in places], np.int64)
    return names, table[images.labels]


def _place(name: str, names: tuple[str, ...]) -> int | None:
    """Returns the number of a class, which may be spelt in another way."""
    if name in names:
        return names.index(name)
    alike = [
        number
        for number, own in enumerate(names)
        if class_key(own) == class_key(name)
    ]
    return alike[0] if len(alike) == 1 else None


def _check_number(classifier: Classifier, wanted: tuple[str, ...]) -> None:
    if classifier.classes != len(wanted):
        raise UsageError(
            "The model has another number of classes than the data.",
            where=classifier.source,
            expected=f"{len(wanted)}: {name_some(wanted, _NAMED)}",
            received=classifier.classes,
            remedy="The model's file holds no names of classes, so the data "
            "must have all of them, in the order of their names.",
        )


def _unknown_classes(
    classifier: Classifier, names: tuple[str, ...], unknown: list[str]
) -> UsageError:
    near = [did_you_mean(name, names) for name in unknown]
    said = next(filter(None, near), "")
    return UsageError(
        "The model does not have all classes of the data.",
        where=classifier.source,
        expected=name_some(names, _NAMED),
        received=name_some(unknown, _NAMED),
        remedy=f"{said} Call the folders as the model calls its "
        "classes.".strip(),
    )


def _predict(
    classifier: Classifier, index: DatasetIndex, split: str
) -> np.ndarray:
    batches = make_batches(index, split, classifier.frame, _BATCH)
    with errors_in_words():
        parts = [
            classifier.predict_pixels(classifier.as_taken(np.asarray(images)))
            for images, _ in batches
        ]
    return np.concatenate(parts)


def _sum_to_one(shares: np.ndarray) -> np.ndarray:
    """Scales the probabilities of several sigmoids to those of one answer."""
    totals = shares.sum(axis=1, keepdims=True)
    equal = np.full_like(shares, 1 / shares.shape[1])
    return np.where(totals > 0, shares / np.where(totals > 0, totals, 1), equal)


def _absent(
    names: tuple[str, ...], labels: np.ndarray, split: str
) -> list[str]:
    absent = absent_classes(labels, names)
    # In the words of the table, which would say it a second time.
    said = say_not_judged(absent, "" if split == ALL else split)
    return [said] if said else []


def _seen(
    classifier: Classifier, images: Split, right: np.ndarray
) -> list[str]:
    """Notes how many images trained the model, and the accuracy without."""
    new = np.array([d not in classifier.trained_on for d in images.digests])
    known = len(new) - int(new.sum())
    if not known:
        return []
    note = (
        f"{known} of these {len(new)} images trained the model or chose its "
        "best epoch, so the accuracy is higher than it would be on new images."
    )
    return [note + (_on_the_others(right[new]) if new.any() else "")]


def _on_the_others(right: np.ndarray) -> str:
    correct, count = int(right.sum()), len(right)
    ends = INTERVAL_COLUMN.kind.text(confidence_interval(correct, count))
    return (
        f" Of the {count} others {SHARE.text(correct / count)} are right "
        f"({INTERVAL_NAME} {ends})."
    )


def _several_sigmoids(
    classifier: Classifier, names: tuple[str, ...]
) -> list[str]:
    if classifier.end != SIGMOID or classifier.model.output_shape[1] == 1:
        return []
    return [
        f"the model has a sigmoid for each of its {len(names)} classes: the "
        "largest is taken for the answer, and the log loss is that of "
        "probabilities scaled to sum to 1."
    ]
