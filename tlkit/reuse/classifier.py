"""Loads a saved classifier, and classifies images with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tlkit.base.console import say
from tlkit.base.image_size import STRETCH, Frame
from tlkit.base.records import COUNT, Column, Shown, Table, shorten
from tlkit.models.ends import SOFTMAX
from tlkit.models.foreign import is_saved_model
from tlkit.models.saving import load_model, read_about
from tlkit.reuse.inputs import Takes, as_functional, find_input, read_takes
from tlkit.reuse.outputs import (
    as_probabilities,
    find_output,
    note_on,
    read_end,
    run,
)
from tlkit.reuse.pictures import (
    Picture,
    gray_of,
    list_pictures,
    name_of,
    read_picture,
)
from tlkit.reuse.predictions import Predictions, rank
from tlkit.runs.run import Run, open_run
from tlkit.tensor.graphs import graph_of

_BATCH = 32


@dataclass(frozen=True, eq=False, repr=False)
class Classifier(Shown):
    """A saved model that classifies images.

    Args:
        model: The Keras model, from pixels, values 0 to 255, to what it says
            of the classes. It has one input and one output.
        class_names: One name for each class; None if the model's file holds
            no names.
        image_size: The `(height, width)` in pixels that the model works at.
        trained_on: Digests of the images that trained or chose the model;
            empty if they are not known.
        source: Path of the file from which it was loaded.
        channels: 3 if the model takes colour, 1 if it takes gray images.
        end: What the model's outputs are, which `predict` makes probabilities
            of; one of the kinds in `tlkit.models.ends`.
        notes: How a model of someone else's is understood.
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
    channels: int = 3
    end: str = SOFTMAX
    notes: tuple[str, ...] = ()
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
            (f"Loaded from {self.source}.", *self.notes),
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
            A float32 array of shape `(count, classes)`, whose rows sum to 1
            unless the model has a sigmoid for each of several classes. For a
            single image it has one row.

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

    def read(self, images: Picture | Iterable[Picture]) -> np.ndarray:
        """Returns the pixels of images as the model takes them.

        Args:
            images: One image or several, as `predict` takes them.

        Returns:
            A uint8 array of shape `(count, height, width, channels)`. Colours
            become gray for a model of one channel, as Pillow's
            `convert("L")` makes them.

        Raises:
            UsageError: See `predict`.
            TlkitError: See `predict`.
        """
        return self._read(list_pictures(images))

    def predict_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Classifies a batch of images that are read already.

        Args:
            pixels: What `read` returns.

        Returns:
            What `predict` returns.

        Raises:
            TlkitError: The model cannot run, or puts out what is no number.
        """
        values = run(self.model, pixels, self.source)
        return as_probabilities(values, self.end)

    def as_taken(self, colours: np.ndarray) -> np.ndarray:
        """Returns colour images as the model takes them, gray if it must be.

        Args:
            colours: A uint8 array of shape `(count, height, width, 3)`.
        """
        return gray_of(colours) if self.channels == 1 else colours

    def _predict(self, pictures: Sequence[Picture]) -> np.ndarray:
        return np.concatenate(
            [self.predict_pixels(batch) for batch in self._batches(pictures)]
        )

    def _batches(self, pictures: Sequence[Picture]) -> Iterator[np.ndarray]:
        # Read batch by batch, since thousands of files need not fit into
        # memory together.
        for start in range(0, len(pictures), _BATCH):
            yield self._read(pictures[start : start + _BATCH])

    def _read(self, pictures: Sequence[Picture]) -> np.ndarray:
        return self.as_taken(
            np.stack([read_picture(one, self.frame) for one in pictures])
        )


def load_classifier(
    path: str | os.PathLike[str],
    *,
    image_size: int | Sequence[int] | None = None,
    output: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
) -> Classifier:
    """Loads a run folder's model, or any `.keras` image classifier.

    A model that tlkit has not made gets raw pixels, values 0 to 255, in
    colour or gray. It may end in probabilities or in the scores before them.
    What its file leaves open is decided here, and said in a line each.

    Args:
        path: Path of a run folder, or of a `.keras` file.
        image_size: Height and width in pixels, for a model that takes images
            of any size and whose file does not say which; 224 by default.
        output: Name of the output that tells the classes, for a model with
            several; by default the first that ends in a softmax.
        custom_objects: Layers and functions that are neither Keras's nor
            tlkit's, by their names in the file.

    Raises:
        UsageError: There is no such run, model or output, or the model works
            at another size.
        TlkitError: The file is damaged, it needs layers that were not passed,
            or the model does not map images to classes.

    Example:
        classifier = tlkit.load_classifier("runs/my-run")
        classifier.classify("cat.jpg")
    """
    path = Path(path)
    trained_on: set[str] = set()
    if path.is_dir() and not is_saved_model(path):
        run = open_run(path)
        path, trained_on = run.model_path, run.training_digests()
        _say_if_unfinished(run)
    classifier = _understood(
        as_functional(load_model(path, custom_objects), path),
        frozenset(trained_on),
        path,
        image_size,
        output,
    )
    for note in classifier.notes:
        say(f"note: {note}")
    return classifier


def _say_if_unfinished(run: Run) -> None:
    goes_on = run.state in ("running", "dead", "interrupted")
    if goes_on and not run.metrics and run.model_path.exists():
        say(
            f"note: the training of this run is {run.state}; its model is "
            "that of the best epoch so far"
        )


def _understood(
    model: keras.Model,
    trained_on: frozenset[str],
    path: Path,
    image_size: int | Sequence[int] | None,
    output: str | None,
) -> Classifier:
    """Finds out what a model takes and gives, and puts it into words."""
    about = read_about(path)
    names = about.get("class_names")
    takes = read_takes(model, about, image_size, path)
    chosen = find_output(model, output, path)
    model = _with_one_output(model, chosen.tensor, path)
    end = read_end(model, _samples(takes), path)
    said = note_on(end, model.output_shape[1])
    return Classifier(
        model,
        tuple(names) if names else None,
        takes.image_size,
        trained_on,
        path,
        takes.channels,
        end,
        (*chosen.notes, *takes.notes, *([said] if said else [])),
        takes.fit,
    )


def _with_one_output(
    model: keras.Model, tensor: keras.KerasTensor, path: Path
) -> keras.Model:
    """Returns a model of one input and one output, without names for them."""
    graph = graph_of(model)
    if graph.output is tensor and not isinstance(graph.input, dict | list):
        return model
    return keras.Model(find_input(model, path), tensor, name=model.name)


def _samples(takes: Takes) -> np.ndarray:
    """Draws images that differ as much as images can: noise, black, white."""
    random = np.random.default_rng(0)
    shape = (8, *takes.image_size, takes.channels)
    images = random.integers(0, 256, shape, np.uint8)
    images[0], images[1] = 0, 255
    return images
