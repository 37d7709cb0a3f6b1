"""Loads a saved classifier, to classify images or to measure it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.image_size import STRETCH, Frame
from tlkit.base.records import COUNT, Column, Shown, Table, shorten
from tlkit.data.index import TEST, DatasetIndex
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics import measure
from tlkit.models.saving import load_model, read_about
from tlkit.reuse.pictures import (
    Picture,
    list_pictures,
    name_of,
    read_picture,
)
from tlkit.reuse.predictions import Predictions, rank
from tlkit.runs.run import open_run
from tlkit.training.results import predict_split

_BATCH = 32


@dataclass(frozen=True, eq=False, repr=False)
class Classifier(Shown):
    """A saved model that classifies images.

    Args:
        model: The Keras model, from pixels, values 0 to 255, to
            probabilities.
        class_names: One name for each class; None if the model's file holds
            no names.
        image_size: The `(height, width)` in pixels that the model works at.
        trained_on: Digests of the images that trained or chose the model;
            empty if they are not known.
        source: Path of the file from which it was loaded.
        fit: How images of another shape are brought to that size; see
            `tlkit.Network`.

    Example:
        classifier = tlkit.load_classifier("runs/my-run")
        classifier.classify("cat.jpg")  # a table in a notebook
        classifier.predict(["cat.jpg", pixels])  # (2, classes)
    """

    model: keras.Model
    class_names: tuple[str, ...] | None
    image_size: tuple[int, int]
    trained_on: frozenset[str]
    source: Path
    fit: str = STRETCH

    def __repr__(self) -> str:
        return f"Classifier({shorten(self.name)!r}: {self._in_short()})"

    def _in_short(self) -> str:
        height, width = self.image_size
        return f"{self.classes} classes, {height} x {width} pixels"

    def table(self) -> Table:
        """Returns the classes, in the order of the model's outputs."""
        return Table(
            f"{self.name}: {self._in_short()}",
            (Column("output", COUNT), Column("class")),
            tuple(enumerate(self.names)),
            (f"Loaded from {self.source}.",),
        )

    @property
    def name(self) -> str:
        """The name of the run, or of the file."""
        source = self.source
        return source.parent.name if source.stem == "model" else source.stem

    @property
    def frame(self) -> Frame:
        """The size at which images are read, with the fit."""
        return Frame(*self.image_size, self.fit)

    @property
    def classes(self) -> int:
        """The number of classes that the model tells apart."""
        # One sigmoid unit stands for two classes.
        return max(2, self.model.output_shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each class: `class 0` and so on if the file has none."""
        numbered = (f"class {number}" for number in range(self.classes))
        return self.class_names or tuple(numbered)

    def predict(self, images: Picture | Iterable[Picture]) -> np.ndarray:
        """Classifies one image or several.

        Args:
            images: A file's path, an image opened by Pillow, or a uint8
                array of shape `(height, width, 3)`; or several of them, in
                any mixture of kinds and sizes. An array of shape
                `(count, height, width, 3)` is several images.

        Returns:
            A float32 array of shape `(count, classes)`, whose rows sum to 1.
            For a single image it has one row.

        Raises:
            UsageError: No image was passed, a file does not exist, or
                something passed is not an image. This is found before any
                image is classified.
            TlkitError: A file cannot be read.
        """
        return self._predict(list_pictures(images))

    def classify(self, images: Picture | Iterable[Picture]) -> Predictions:
        """Classifies one image or several, and returns names of classes.

        Args:
            images: One image or several, as `predict` takes them.

        Returns:
            A `Prediction` for each image, with all classes, the most probable
            first. A notebook shows them as a table.

        Raises:
            UsageError: See `predict`.
            TlkitError: See `predict`.
        """
        pictures = list_pictures(images)
        names = [name_of(one, number) for number, one in enumerate(pictures)]
        return rank(names, self._predict(pictures), self.names)

    def _predict(self, pictures: Sequence[Picture]) -> np.ndarray:
        parts = [
            _two_columns(self.model.predict_on_batch(np.stack(batch)))
            for batch in self._batches(pictures)
        ]
        return np.concatenate(parts)

    def _batches(
        self, pictures: Sequence[Picture]
    ) -> Iterator[list[np.ndarray]]:
        # Read batch by batch, since thousands of files need not fit into
        # memory together.
        for start in range(0, len(pictures), _BATCH):
            yield [
                read_picture(picture, self.frame)
                for picture in pictures[start : start + _BATCH]
            ]


def load_classifier(path: str | os.PathLike[str]) -> Classifier:
    """Loads a run folder's model, or any `.keras` image classifier.

    A model that tlkit has not made must take raw pixels, values 0 to 255, and
    give probabilities: a softmax, or one sigmoid unit.

    Args:
        path: Path of a run folder, or of a `.keras` file.

    Raises:
        UsageError: There is no such run or model.
        TlkitError: The file is damaged, or the model does not map images to
            classes.

    Example:
        classifier = tlkit.load_classifier("runs/my-run")
        classifier.classify("cat.jpg")
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
        about.get("fit", STRETCH),
    )


def evaluate(
    classifier: Classifier, data: DatasetIndex, split: str = TEST
) -> Evaluation:
    """Measures a classifier on one split of a data set.

    Args:
        classifier: The model, from `load_classifier`.
        data: A data set with the same classes, in any order.
        split: Name of the split.

    Returns:
        What `tlkit.evaluation.metrics.measure` returns, and besides `split`
        and `notes`. A note gives the number of images that trained the model,
        if there are any.

    Raises:
        UsageError: There is no such split, or the data set has other classes.
            This is found before anything is computed.

    Example:
        classifier = tlkit.load_classifier("runs/my-run")
        measured = tlkit.evaluate(classifier, tlkit.load_dataset("photos/"))
        print(measured.summary())
    """
    images = data.split(split)
    # First, so that other classes are reported before the images are read.
    columns = _columns(classifier, data)
    probabilities = _two_columns(
        predict_split(classifier.model, data, split, classifier.frame)
    )
    known = sum(digest in classifier.trained_on for digest in images.digests)
    notes = list(data.notes)
    if known:
        notes.append(
            f"{known} of these {len(images)} images trained the model or "
            "chose its best epoch, so the accuracy is higher than it would "
            "be on new images."
        )
    measured = measure(
        images.labels, probabilities[:, columns], data.class_names
    )
    return Evaluation({"split": split, **measured, "notes": notes})


def _columns(classifier: Classifier, data: DatasetIndex) -> list[int]:
    """Returns the number of the model's output for each class of the data."""
    # By name, since another data set may have its classes in another order,
    # and a model would then seem to be always wrong.
    names, wanted = classifier.class_names, data.class_names
    if names is not None and set(names) != set(wanted):
        raise UsageError(
            "The model has other classes than the data.",
            where=classifier.source,
            expected=", ".join(names),
            received=", ".join(wanted),
        )
    if classifier.classes != len(wanted):
        raise UsageError(
            "The model has another number of classes than the data.",
            where=classifier.source,
            expected=f"{len(wanted)}: {', '.join(wanted)}",
            received=classifier.classes,
        )
    if names is None:
        # Without names the order of the data set's classes has to do.
        return list(range(len(wanted)))
    return [names.index(name) for name in wanted]


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
    # A model that tlkit has not made: its input tells the size, where it is
    # fixed, and a model of several inputs has a list of shapes.
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
