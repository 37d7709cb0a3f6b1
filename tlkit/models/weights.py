"""Reading a conv base's weights from a file: all of them, or an error.

Keras 3 loads its older `.h5` files strictly only where the file holds exactly
the model's layers, and by name it skips what does not match without a word.
Here a file with a classifier on top is as good as one without, and every
array is compared before the first one is assigned.
"""

from __future__ import annotations

import os
import textwrap
import warnings
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np

from tlkit.base.errors import TlkitError, UsageError

TOP_LAYERS = 3
"""Most layers with weights a classifier on top has (VGG's fc1, fc2 and
predictions): a file with more layers left over is another network's."""


class SavedLayer(NamedTuple):
    """One layer's name and arrays, as a file holds them."""

    name: str
    arrays: list[np.ndarray]


def load_weights(
    model: keras.Model, path: str | os.PathLike[str], expected: str
) -> None:
    """Assigns every weight of a conv base from an HDF5 file.

    Args:
        model: the base as `keras.applications` builds it, without its top.
        path: an `.h5` file of layers in order, as `keras.applications`
            distributes them, or a `.weights.h5` file of Keras 3; with or
            without the classifier.
        expected: the base in words, for the error message.

    Raises:
        UsageError: there is no such file.
        TlkitError: the file is no weights file, is cut off, or holds the
            weights of another network or another width. The model is then
            not to be used.
    """
    path = Path(path)
    check_weights_file(path)
    try:
        with h5py.File(path, "r") as file:
            saved = _read_layers(file)
        if saved is None:
            _load_keras3(model, path, expected)
        else:
            _assign(model, saved, path, expected)
    except (OSError, KeyError, RuntimeError, UnicodeError) as error:
        raise TlkitError(
            "Cannot read the weights.",
            where=path,
            expected="a whole HDF5 file of Keras weights",
            received=error,
            remedy="Fetch the file again; it may have been cut off.",
        ) from error


def check_weights_file(path: str | os.PathLike[str]) -> None:
    """Raises UsageError unless there is a file at `path`."""
    if not Path(path).is_file():
        raise UsageError(
            "There is no such weights file.",
            where=path,
            remedy='Check the path, or pass "imagenet" to fetch the weights, '
            'or "none" to start from random ones.',
        )


def _read_layers(file: h5py.Group) -> list[SavedLayer] | None:
    """Layers with weights in file order, or None for a file of Keras 3."""
    if "model_weights" in file:
        file = file["model_weights"]
    names = _texts(file, "layer_names")
    if not names and "layers" in file:
        return None
    saved = [
        SavedLayer(
            name,
            [
                np.asarray(file[name][weight])
                for weight in _texts(file[name], "weight_names")
            ],
        )
        for name in names
    ]
    return [layer for layer in saved if layer.arrays]


def _texts(group: h5py.Group, attribute: str) -> list[str]:
    """A list of names; a long one is spread over name0, name1 and so on."""
    if attribute in group.attrs:
        found = list(group.attrs[attribute])
    else:
        found, part = [], 0
        while f"{attribute}{part}" in group.attrs:
            found += list(group.attrs[f"{attribute}{part}"])
            part += 1
    return [x.decode() if isinstance(x, bytes) else str(x) for x in found]


def _assign(
    model: keras.Model, saved: list[SavedLayer], path: Path, expected: str
) -> None:
    # By order and not by name: the shortcuts of Xception and the last layer
    # of ConvNeXt have names that are counted on through a session.
    layers = [layer for layer in model.layers if layer.weights]
    for layer, found in zip_longest(layers, saved[: len(layers)]):
        wanted = [tuple(w.shape) for w in layer.weights]
        given = [array.shape for array in found.arrays] if found else None
        if wanted != given:
            raise _mismatch(
                path,
                expected,
                f"{wanted} for layer {layer.name}",
                f"{given} in layer {found.name}" if found else "no such layer",
            )
    left = [layer.name for layer in saved[len(layers) :]]
    if len(left) > TOP_LAYERS:
        raise _mismatch(
            path,
            expected,
            f"{len(layers)} layers and at most {TOP_LAYERS} on top",
            f"{len(left)} more, from {left[0]} on",
        )
    for layer, found in zip(layers, saved, strict=False):
        layer.set_weights(found.arrays)


def _load_keras3(model: keras.Model, path: Path, expected: str) -> None:
    if not path.name.endswith(".weights.h5"):
        raise UsageError(
            "Keras tells this kind of weights file by its name.",
            where=path,
            expected="a name that ends in .weights.h5",
            remedy="Rename a copy of the file.",
        )
    try:
        # Strict: a layer that the file lacks or holds in another shape is an
        # error. What the file holds besides, a top, is left alone. The
        # warnings are of Keras's second look at layers it has loaded.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Skipping nested")
            model.load_weights(path)
    except ValueError as error:
        # Keras goes on to print every layer and its values.
        reason = textwrap.shorten(str(error), 400, placeholder=" ...")
        raise _mismatch(
            path, expected, "weights for every layer", reason
        ) from error


def _mismatch(
    path: Path, base: str, expected: str, received: str
) -> TlkitError:
    return TlkitError(
        f"These are not the weights of {base}.",
        where=path,
        expected=expected,
        received=received,
        remedy="Choose the conv base and the width (alpha) that the file was "
        "made for, or the file that belongs to them.",
    )
