"""Pictures of a classifier's layers: their outputs and their filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from tlkit import plots
from tlkit.base.errors import UsageError
from tlkit.base.filenames import file_name
from tlkit.base.records import COUNT, Column, Field, Kind, Table, tabulate
from tlkit.explain.activations import (
    activations,
    dead_channels,
    visible_layers,
)
from tlkit.explain.filters import filter_patterns
from tlkit.explain.opened.graphs import find_step, graph_of, list_steps
from tlkit.reuse.classifier import Classifier

#: Number of pictures, at most, from which dead channels are found.
_MOST = 256
#: Number of layers, at most, whose filters are drawn if none are named.
_LAYERS = 4


class DrawnLayer(NamedTuple):
    """The picture of one layer's channels."""

    channels: int
    dead: int
    picture: Path


def write_activations(
    classifier: Classifier,
    files: Sequence[Path],
    layers: Sequence[str] | None,
    folder: Path,
) -> dict[str, DrawnLayer]:
    """Draws every channel of layers for one picture, in one file per layer.

    Args:
        classifier: The model whose layers are drawn.
        files: Readable pictures. The outputs for the first one are drawn; dead
            channels are found over the first 256.
        layers: Names of layers. None takes those of `visible_layers`.
        folder: Folder to write to. A slash in a layer's name becomes a dot in
            the file's.

    Returns:
        For each layer the number of its channels, the number of dead ones, and
        the path of its picture.

    Raises:
        UsageError: There is no such layer, or a file has this name that tlkit
            did not write.
        TlkitError: A file cannot be read, or the folder cannot be written.
    """
    images = classifier.read(files[:_MOST])
    drawn = activations(classifier.model, images[:1], layers)
    dead = dead_channels(classifier.model, images, layers)
    written = {}
    for name, values in drawn.items():
        path = folder / file_name(name.replace("/", "."), ".png")
        plots.save(plots.draw_activations(name, values[0], dead[name]), path)
        written[name] = DrawnLayer(len(dead[name]), int(dead[name].sum()), path)
    return written


_DEAD = Kind("count and share", lambda pair: f"{pair[0]} ({pair[1]:.0%})")
#: What a table shows of each layer.
_COLUMNS: list[Field[tuple[str, DrawnLayer]]] = [
    (Column("layer"), lambda x: x[0]),
    (Column("channels", COUNT), lambda x: x[1].channels),
    (Column("dead", _DEAD), lambda x: (x[1].dead, x[1].dead / x[1].channels)),
    (Column("picture", long=True), lambda x: x[1].picture),
]


def activations_table(
    written: Mapping[str, DrawnLayer], files: Sequence[Path]
) -> Table:
    """Tabulates layers, their dead channels and their pictures.

    Args:
        written: What `write_activations` returned.
        files: The pictures that it was given.
    """
    count = min(len(files), _MOST)
    many = f"{count} images" if count > 1 else "this image alone"
    title = f"Drawn for {files[0]}; dead over {many}"
    return tabulate(title, _COLUMNS, written.items())


def write_filters(
    model: keras.Model,
    layers: Sequence[str] | None,
    count: int,
    size: int,
    path: Path,
) -> list[str]:
    """Draws the patterns that the first filters of layers respond to.

    Args:
        model: A model that takes pixels, 0 to 255.
        layers: Names of layers. None takes up to four layers, evenly from the
            first to the last.
        count: Number of filters to draw in each layer, 1 or more.
        size: Side of a pattern in pixels, 16 or more.
        path: Path of the picture to write.

    Returns:
        Names of the layers that were drawn.

    Raises:
        UsageError: There is no such layer, the network cannot work at this
            size, a number is too small, or a file has this path that tlkit did
            not write.
        TlkitError: The folder cannot be written.
    """
    for name, number, least in (("--count", count, 1), ("--size", size, 16)):
        if number < least:
            raise UsageError(
                "There is nothing to draw.",
                where=name,
                expected=f"{least} or more",
                received=number,
            )
    chosen = list(layers) if layers else _spread(model)
    patterns = {
        name: filter_patterns(
            model, name, _first(model, name, count), size=size
        )
        for name in chosen
    }
    plots.save(plots.draw_filters(patterns), path)
    return chosen


def _spread(model: keras.Model) -> list[str]:
    """Picks up to four visible layers evenly, the first and last included."""
    steps = {step.path: step for step in list_steps(graph_of(model), "")}
    # A pooling layer shows the filters of the layer before it once more.
    names = [
        name
        for name in visible_layers(model)
        if not isinstance(
            steps[name].operation,
            keras.layers.MaxPooling2D | keras.layers.AveragePooling2D,
        )
    ]
    places = np.linspace(0, len(names) - 1, min(_LAYERS, len(names)))
    return [names[int(place)] for place in places]


def _first(model: keras.Model, name: str, count: int) -> range:
    step = find_step(list_steps(graph_of(model), ""), name, model.name)
    # A layer without channels to count: `filter_patterns` says what is wrong.
    channels = step.shape[-1] if step.shape else count
    return range(min(count, channels or count))
