"""Reads the weights of a conv base from a file: all of them, or an error.

Keras 3 loads older `.h5` files strictly only if the file holds exactly the
layers of the model. Loading by name skips layers that do not match, without
saying so. Here, a file may hold a classifier on top or not, and all shapes
are compared before the first array is assigned.
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
"""Largest number of layers with weights in a classifier on top: VGG's fc1, fc2
and predictions. A file with more left over belongs to another network."""


class SavedLayer(NamedTuple):
    """The name and the arrays of one layer in a file."""

    name: str
    arrays: list[np.ndarray]


def load_weights(
    model: keras.Model, path: str | os.PathLike[str], expected: str
) -> None:
    """Loads every weight of a conv base from an HDF5 file.

    Args:
        model: The conv base as `keras.applications` builds it, without its
            top.
        path: An `.h5` file that lists its layers in order, as
            `keras.applications` distributes them, or a `.weights.h5` file of
            Keras 3; either with or without the classifier.
        expected: Name of the conv base, for the error message.

    Raises:
        UsageError: There is no such file.
        TlkitError: The file is not a weights file, is cut off, or holds the
            weights of another network or another width. The model may then
            hold a part of the weights and must not be used.
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
            remedy="Download the file again; it may have been cut off.",
        ) from error


def check_weights_file(path: str | os.PathLike[str]) -> None:
    """Checks that a weights file is there.

    Args:
        path: The file.

    Raises:
        UsageError: There is no file at this path.
    """
    if not Path(path).is_file():
        raise UsageError(
            "There is no such weights file.",
            where=path,
            remedy='Check the path, or pass "imagenet" to download weights, '
            'or "none" to start from random ones.',
        )


def _read_layers(file: h5py.Group) -> list[SavedLayer] | None:
    """Returns the layers with weights, in the order of the file.

    None stands for a file of Keras 3, which has no such order.
    """
    # A file that holds a whole model keeps its weights one level deeper.
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
    """Reads a list of names.

    HDF5 limits the size of an attribute, so Keras spreads a long list over
    name0, name1 and so on.
    """
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
    # By order and not by name: the names of Xception's shortcuts and of
    # ConvNeXt's last layer end in a counter that goes on through a session.
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
            "Keras recognises this kind of weights file by its name.",
            where=path,
            expected="a name that ends in .weights.h5",
            remedy="Rename a copy of the file.",
        )
    try:
        # Keras is strict here: a layer that is missing or has another shape
        # is an error, and additional layers, such as a top, are ignored. The
        # warnings are about layers that Keras has already loaded and comes
        # across a second time.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Skipping nested")
            model.load_weights(path)
    except ValueError as error:
        # The message of Keras continues with every layer and its values.
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
