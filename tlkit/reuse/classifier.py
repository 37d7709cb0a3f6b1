"""A saved classifier, used again: by tlkit's commands and from Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.decode import read_image, resize_image
from tlkit.data.index import DatasetIndex
from tlkit.evaluation.metrics import measure
from tlkit.models.saving import load_model, read_about
from tlkit.runs.run import open_run
from tlkit.training.results import predict_split

_BATCH = 32


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model that says what is in a picture.

    Args:
        model: maps pixels, 0 to 255, to probabilities.
        class_names: one name per output; None if the file does not say.
        image_size: `(height, width)` in pixels that the network works at.
        trained_on: digests of the images that trained it, if known.
        source: where it was loaded from.
    """

    model: keras.Model
    class_names: tuple[str, ...] | None
    image_size: tuple[int, int]
    trained_on: frozenset[str]
    source: Path

    @property
    def name(self) -> str:
        """Returns the name of the run, or of the file."""
        source = self.source
        return source.parent.name if source.stem == "model" else source.stem

    @property
    def classes(self) -> int:
        """Returns how many classes the model tells apart."""
        return max(2, self.model.output_shape[1])

    def predict(
        self, images: Sequence[str | os.PathLike[str] | np.ndarray]
    ) -> np.ndarray:
        """Classifies images.

        Args:
            images: paths of files, or uint8 arrays of shape
                `(height, width, 3)`, in any mixture of sizes.

        Returns:
            float32 array of shape `(count, classes)`; rows sum to 1.

        Raises:
            TlkitError: a file cannot be read.
        """
        parts = [
            _two_columns(self.model.predict_on_batch(np.stack(batch)))
            for batch in self._batches(images)
        ]
        return np.concatenate(parts)

    def _batches(self, images: Sequence[Any]) -> Iterator[list[np.ndarray]]:
        for start in range(0, len(images), _BATCH):
            yield [
                resize_image(image, self.image_size)
                if isinstance(image, np.ndarray)
                else read_image(image, self.image_size)
                for image in images[start : start + _BATCH]
            ]


def load_classifier(path: str | os.PathLike[str]) -> Classifier:
    """Loads a run folder's model, or any `.keras` image classifier.

    A model that tlkit has not made must take raw pixels, 0 to 255, and give
    probabilities: a softmax, or one sigmoid unit.

    Args:
        path: a run folder, or a `.keras` file.

    Raises:
        UsageError: there is no such run or model.
        TlkitError: the file is damaged, or the model does not map images to
            classes.
    """
    path = Path(path)
    trained_on: set[str] = set()
    if path.is_dir():
        run = open_run(path)
        path, trained_on = run.model_path, run.training_digests()
    model = load_model(path)
    about = read_about(path)
    names = about.get("class_names")
    return Classifier(
        model,
        tuple(names) if names else None,
        _image_size(model, about, path),
        frozenset(trained_on),
        path,
    )


def evaluate(
    classifier: Classifier, data: DatasetIndex, split: str = "test"
) -> dict[str, Any]:
    """Measures a classifier on one split of a data set.

    Args:
        classifier: from `load_classifier`.
        data: a data set with the same classes, in any order.
        split: which split.

    Returns:
        See `tlkit.evaluation.metrics.measure`; besides `split` and `notes`,
        which say how many of the images have trained the model.

    Raises:
        UsageError: there is no such split, or the classes are others.
    """
    images = data.split(split)
    columns = _columns(classifier, data)
    probabilities = _two_columns(
        predict_split(classifier.model, data, split, classifier.image_size)
    )
    if probabilities.shape[1] != len(columns):
        raise UsageError(
            "The model has another number of classes than the data.",
            where=classifier.source,
            expected=f"{len(columns)}: {', '.join(data.class_names)}",
            received=probabilities.shape[1],
        )
    known = sum(digest in classifier.trained_on for digest in images.digests)
    notes = list(data.notes)
    if known:
        notes.append(
            f"{known} of these {len(images)} images trained the model or "
            "chose its best epoch: accuracy is flattered."
        )
    measured = measure(
        images.labels, probabilities[:, columns], data.class_names
    )
    return {"split": split, **measured, "notes": notes}


def _columns(classifier: Classifier, data: DatasetIndex) -> list[int]:
    """Says which output stands for each class of the data."""
    names = classifier.class_names
    if names is None:
        return list(range(len(data.class_names)))
    if set(names) != set(data.class_names):
        raise UsageError(
            "The model has other classes than the data.",
            where=classifier.source,
            expected=", ".join(names),
            received=", ".join(data.class_names),
        )
    return [names.index(name) for name in data.class_names]


def _two_columns(outputs: Any) -> np.ndarray:
    """Turns one sigmoid column into the probabilities of both classes."""
    outputs = np.asarray(outputs, np.float32)
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        return np.concatenate([1 - outputs, outputs], axis=1)
    return outputs


def _image_size(
    model: keras.Model, about: dict[str, Any], path: Path
) -> tuple[int, int]:
    if "image_size" in about:
        height, width = about["image_size"]
        return height, width
    shape = getattr(model, "input_shape", None)
    if (
        isinstance(shape, tuple)
        and len(shape) == 4
        and shape[3] == 3
        and len(getattr(model, "output_shape", ())) == 2
        and all(shape[1:3])
    ):
        return shape[1], shape[2]
    raise TlkitError(
        "This model does not map images to classes.",
        where=path,
        expected="input (batch, height, width, 3), output (batch, classes)",
        received=f"input {shape}, "
        f"output {getattr(model, 'output_shape', None)}",
    )
