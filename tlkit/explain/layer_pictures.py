"""Pictures of a classifier's layers: what they put out, what they look for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from tlkit import plots
from tlkit.base.errors import UsageError
from tlkit.base.records import COUNT, Column, Field, Kind, Table, tabulate
from tlkit.data.decode import read_image
from tlkit.explain.activations import (
    activations,
    dead_channels,
    visible_layers,
)
from tlkit.explain.filters import filter_patterns
from tlkit.explain.opened.graphs import find_step, graph_of, list_steps
from tlkit.reuse.classifier import Classifier

#: So many pictures at most say which channels are dead.
_MOST = 256
#: So many layers' filters are drawn if none are named.
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
    """Draws every channel of layers for one picture, a file for each layer.

    Args:
        classifier: whose layers.
        files: readable pictures. The first is drawn; the first 256 say which
            channels are dead.
        layers: names; None for those of `visible_layers`.
        folder: where to write.

    Returns:
        Per layer the number of its channels, how many are dead, and its
        picture.

    Raises:
        UsageError: there is no such layer, or a file of another origin is in
            the way.
        TlkitError: a file cannot be read, or the folder not be written.
    """
    size = classifier.image_size
    images = np.stack([read_image(path, size) for path in files[:_MOST]])
    drawn = activations(classifier.model, images[:1], layers)
    dead = dead_channels(classifier.model, images, layers)
    written = {}
    for name, values in drawn.items():
        path = folder / f"{name.replace('/', '.')}.png"
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
    title = f"Drawn for {files[0]}; dead over {min(len(files), _MOST)} images"
    return tabulate(title, _COLUMNS, written.items())


def write_filters(
    model: keras.Model,
    layers: Sequence[str] | None,
    count: int,
    size: int,
    path: Path,
) -> list[str]:
    """Draws the patterns that the first filters of layers answer to.

    Args:
        model: takes pixels, 0 to 255.
        layers: names; None for up to four from the first to the last.
        count: of filters in each layer, 1 or more.
        size: pixels of a pattern's side, 16 or more.
        path: of the picture.

    Returns:
        The layers that were drawn.

    Raises:
        UsageError: there is no such layer, the network cannot work at this
            size, or a file of another origin is in the way.
        TlkitError: the folder cannot be written.
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
    """Picks layers with kernels of their own, evenly, not the very last."""
    steps = {step.path: step for step in list_steps(graph_of(model), "")}
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
    channels = step.shape[-1] if step.shape else count
    return range(min(count, channels or count))
