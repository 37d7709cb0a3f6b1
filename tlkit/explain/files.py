"""Explanations of picture files, by one or several models and methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.base.image_size import Frame
from tlkit.data.decode import image_size_of, read_image
from tlkit.explain.methods.registry import (
    DEFAULT_METHOD,
    METHODS,
    draw_heat_maps,
    find_method,
)
from tlkit.explain.opened.scores import slices
from tlkit.explain.options import MOST_SIDE
from tlkit.explain.placing import place_heat
from tlkit.explain.regions import Box, hot_box
from tlkit.reuse.classifier import Classifier
from tlkit.reuse.finding import find_images


@dataclass(frozen=True, eq=False)
class Panel:
    """One explanation of one picture.

    Attributes:
        model: Name of the model.
        method: A key of `METHODS`.
        class_name: Name of the class that is explained.
        probability: Probability that the model gives this class, 0 to 1.
        heat: Heat map as float32 `(height, width)`, 0 to 1, as large as the
            picture is shown.
        size: The picture's own `(height, width)` in pixels.
    """

    model: str
    method: str
    class_name: str
    probability: float
    heat: np.ndarray
    size: tuple[int, int]

    @property
    def caption(self) -> str:
        """The method, the class and its probability, in one line."""
        title = METHODS[self.method].title
        return f"{title}: {self.class_name} {self.probability:.0%}"

    @property
    def box(self) -> Box | None:
        """The box of the hot region in the picture's own pixels, if any."""
        box = hot_box(self.heat)
        if box is None:
            return None
        height, width = (
            own / shown
            for own, shown in zip(self.size, self.heat.shape, strict=True)
        )
        return Box(
            *(round(box.left * width), round(box.top * height)),
            *(round(box.right * width), round(box.bottom * height)),
        )


@dataclass(frozen=True, eq=False)
class ExplainedFile:
    """A picture and all its explanations.

    Attributes:
        path: Path of the file.
        image: Picture as it is shown, uint8 `(height, width, 3)`; see
            `read_shown`.
        size: The picture's own `(height, width)` in pixels.
        panels: One for each model and method: all methods of the first model,
            then those of the next.
    """

    path: Path
    image: np.ndarray
    size: tuple[int, int]
    panels: tuple[Panel, ...]


def explain_files(
    classifiers: Sequence[Classifier],
    files: Sequence[Path],
    methods: Sequence[str] = (DEFAULT_METHOD,),
    class_name: str | None = None,
    layer: str | None = None,
) -> Iterator[ExplainedFile]:
    """Explains picture files, a batch at a time.

    Args:
        classifiers: Models whose decisions are explained, side by side.
        files: Readable pictures.
        methods: Keys of `METHODS`.
        class_name: Name of the class to explain, or its number from 0. None
            explains the class each model takes each picture for.
        layer: Name of the layer to look at; see `draw_heat_maps`. Methods that
            look at no layer ignore it.

    Yields:
        One result for each file, in order.

    Raises:
        UsageError: There is no such method, class or layer, or a layer is
            named and no method looks at one.
        TlkitError: A file cannot be read, or a model is not a classifier.
    """
    # Names are checked before the first picture is read.
    found = [find_method(method) for method in methods]
    if layer is not None and not any(one.has_layer for one in found):
        raise UsageError(
            "None of these methods looks at a layer.",
            where="layer",
            expected=f"none, or a method such as {DEFAULT_METHOD}",
            received=f"{layer}, for {', '.join(methods)}",
        )
    # The same name may be another number in another model.
    labels = [find_class(one, class_name) for one in classifiers]
    frames = [one.frame for one in classifiers for _ in methods]
    # A batch at a time: large pictures and their maps take much memory.
    for part in slices(len(files)):
        some = files[part]
        columns = [
            _explain(classifier, some, method, label, layer)
            for classifier, label in zip(classifiers, labels, strict=True)
            for method in methods
        ]
        # From a column for each model and method to a row for each picture.
        for path, parts in zip(some, zip(*columns, strict=True), strict=True):
            image, size = read_shown(path)
            panels = (
                _panel(part, image, size, frame)
                for part, frame in zip(parts, frames, strict=True)
            )
            yield ExplainedFile(path, image, size, tuple(panels))


def read_shown(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """Reads a picture as it is shown: at its own size, or smaller.

    A picture of 88 megapixels and its maps would take gigabytes, and no
    screen shows more than a few megapixels.

    Args:
        path: A readable picture.

    Returns:
        The picture as uint8 `(height, width, 3)`, with sides of at most
        `MOST_SIDE` pixels and its own proportions; and its own
        `(height, width)`.

    Raises:
        TlkitError: The file cannot be read.
    """
    size = image_size_of(path)
    shown = size_within(size, MOST_SIDE)
    return read_image(path, None if shown == size else shown), size


def size_within(size: tuple[int, int], most: int) -> tuple[int, int]:
    """Returns a size with the same proportions whose sides are not too long.

    Args:
        size: `(height, width)` in pixels.
        most: Longest side in pixels; a smaller size stays as it is.

    Returns:
        `(height, width)`, each 1 or more.
    """
    scale = min(1.0, most / max(size))
    height, width = (max(1, round(scale * side)) for side in size)
    return height, width


def _explain(
    classifier: Classifier,
    files: Sequence[Path],
    method: str,
    label: int | None,
    layer: str | None,
) -> list[dict[str, Any]]:
    images = classifier.read(files)
    shares = classifier.predict_pixels(images)
    labels = (
        shares.argmax(axis=1)
        if label is None
        else np.full(len(images), label, np.int64)
    )
    # One layer may be named for several methods; some look at none.
    looks = METHODS[method].has_layer
    maps = draw_heat_maps(
        classifier.model, images, method, labels, layer if looks else None
    )
    return [
        {
            "model": classifier.name,
            "method": method,
            "class_name": classifier.names[chosen],
            "probability": float(row[chosen]),
            "heat": heat,
        }
        for chosen, row, heat in zip(labels, shares, maps, strict=True)
    ]


def _panel(
    part: dict[str, Any],
    image: np.ndarray,
    size: tuple[int, int],
    frame: Frame,
) -> Panel:
    heat = place_heat(part["heat"], (image.shape[0], image.shape[1]), frame)
    return Panel(**{**part, "heat": heat}, size=size)


def find_class(classifier: Classifier, name: str | None) -> int | None:
    """Finds the number of a class by its name, or by the number as text.

    Args:
        classifier: The model whose class is meant.
        name: A name such as `"cats"`, or a number such as `"0"`. None gives
            None.

    Raises:
        UsageError: There is no such class.
    """
    if name is None:
        return None
    names = classifier.names
    # Names come first, for classes that are themselves named by numbers.
    if name in names:
        return names.index(name)
    if name.isdecimal() and int(name) < len(names):
        return int(name)
    few = len(names) <= 20
    raise UsageError(
        f"The model has no class {name!r}.",
        where=classifier.source,
        expected=", ".join(names) if few else f"0 to {len(names) - 1}",
        received=repr(name),
        remedy=did_you_mean(name, names),
    )


def pick_files(
    classifier: Classifier,
    paths: Sequence[Path],
    class_name: str | None,
    top: int | None,
) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Finds pictures, all of them or those that a model is surest of.

    Args:
        classifier: The model that says how sure it is.
        paths: Files and folders.
        class_name: Class whose surest pictures are picked, if `top` is given.
        top: Number of pictures to pick, the surest first. None returns all, in
            order.

    Returns:
        The pictures, and the files that cannot be read, each with the reason.

    Raises:
        UsageError: A path does not exist, no file is a picture, there is no
            such class, or `top` is given without a class.
    """
    files, unreadable = find_images(paths)
    if not files:
        raise UsageError(
            "None of these files is a picture.",
            where=unreadable[0][0],
            received=unreadable[0][1],
        )
    if top is not None:
        files = _surest(classifier, files, class_name, top)
    return files, unreadable


def _surest(
    classifier: Classifier,
    files: Sequence[Path],
    class_name: str | None,
    top: int,
) -> list[Path]:
    label = find_class(classifier, class_name)
    if label is None or top < 1:
        raise UsageError(
            "To pick the surest pictures, a number and a class are needed.",
            where="--top",
            expected="1 or more, and --class with it",
            received=top,
        )
    shares = classifier.predict(files)[:, label]
    # Stable, so that equally sure pictures keep their order.
    return [files[row] for row in (-shares).argsort(kind="stable")[:top]]
