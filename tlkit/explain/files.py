"""Picture files explained, by one model or several, one method or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.data.decode import read_image, why_unreadable
from tlkit.explain.methods.registry import METHODS, draw_heat_maps, find_method
from tlkit.explain.opened.heat import enlarge
from tlkit.explain.opened.scores import slices
from tlkit.explain.regions import Box, hot_box
from tlkit.reuse.classifier import Classifier
from tlkit.reuse.predict import find_files


@dataclass(frozen=True, eq=False)
class Panel:
    """One explanation of one picture.

    Attributes:
        model: name of the model.
        method: a key of `METHODS`.
        class_name: what is explained.
        probability: that the model gives it.
        heat: float32 `(height, width)`, 0 to 1, of the picture's own size.
    """

    model: str
    method: str
    class_name: str
    probability: float
    heat: np.ndarray

    @property
    def caption(self) -> str:
        """Returns method, class and probability in a line."""
        title = METHODS[self.method].title
        return f"{title}: {self.class_name} {self.probability:.0%}"

    @property
    def box(self) -> Box | None:
        """Returns the box of the hot region; None if nothing is hot."""
        return hot_box(self.heat)


@dataclass(frozen=True, eq=False)
class ExplainedFile:
    """A picture and all its explanations.

    Attributes:
        path: of the file.
        image: uint8 `(height, width, 3)`, as large as it is.
        panels: one for each model and method, models first.
    """

    path: Path
    image: np.ndarray
    panels: tuple[Panel, ...]


def explain_files(
    classifiers: Sequence[Classifier],
    files: Sequence[Path],
    methods: Sequence[str] = ("gradcam",),
    class_name: str | None = None,
    layer: str | None = None,
) -> Iterator[ExplainedFile]:
    """Explains picture files, some at a time.

    Args:
        classifiers: whose decisions to explain, side by side.
        files: readable pictures.
        methods: keys of `METHODS`.
        class_name: of a class, or its number from 0; None for what each model
            takes each picture for.
        layer: see `draw_heat_maps`; only for methods that look at one.

    Yields:
        One for each file, in order.

    Raises:
        UsageError: there is no such method, class or layer, or no method
            looks at a layer.
        TlkitError: a file cannot be read, or a model is no classifier.
    """
    found = [find_method(method) for method in methods]
    if layer is not None and not any(one.has_layer for one in found):
        raise UsageError(
            "None of these methods looks at a layer.",
            where="layer",
            expected="none, or a method such as gradcam",
            received=f"{layer}, for {', '.join(methods)}",
        )
    labels = [find_class(one, class_name) for one in classifiers]
    for part in slices(len(files)):
        some = files[part]
        columns = [
            _explain(classifier, some, method, label, layer)
            for classifier, label in zip(classifiers, labels, strict=True)
            for method in methods
        ]
        for path, parts in zip(some, zip(*columns, strict=True), strict=True):
            image = read_image(path)
            yield ExplainedFile(
                path, image, tuple(_panel(part, image) for part in parts)
            )


def _explain(
    classifier: Classifier,
    files: Sequence[Path],
    method: str,
    label: int | None,
    layer: str | None,
) -> list[dict[str, Any]]:
    size = classifier.image_size
    images = np.stack([read_image(path, size) for path in files])
    shares = classifier.predict(list(images))
    labels = (
        shares.argmax(axis=1)
        if label is None
        else np.full(len(images), label, np.int64)
    )
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


def _panel(part: dict[str, Any], image: np.ndarray) -> Panel:
    heat = enlarge(part["heat"][None], image.shape[:2])[0]
    return Panel(**{**part, "heat": heat})


def find_class(classifier: Classifier, name: str | None) -> int | None:
    """Finds a class by its name, or by its number.

    Args:
        classifier: whose class.
        name: such as `"cats"` or `"0"`; None for none.

    Raises:
        UsageError: there is no such class.
    """
    if name is None:
        return None
    names = classifier.names
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
    """Finds pictures; if asked, those that a model is surest of.

    Args:
        classifier: who is asked.
        paths: files and folders.
        class_name: the class that `top` pictures are picked of.
        top: how many; None for all, in order.

    Returns:
        The pictures, and the files that cannot be read, with reasons.

    Raises:
        UsageError: a path does not exist, no file is a picture, or there is
            no such class.
    """
    reasons = {path: why_unreadable(path) for path in find_files(paths)}
    files = [path for path, why in reasons.items() if why is None]
    unreadable = [(path, why) for path, why in reasons.items() if why]
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
            "The surest pictures are those of a class.",
            where="--top",
            expected="1 or more, and --class with it",
            received=top,
        )
    shares = classifier.predict(files)[:, label]
    return [files[row] for row in (-shares).argsort(kind="stable")[:top]]
