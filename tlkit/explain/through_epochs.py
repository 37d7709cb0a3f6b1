"""The heat map of a class from epoch to epoch, as an animation."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from tlkit import plots
from tlkit.base.disk import names_in
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.filenames import file_name
from tlkit.explain.files import find_class, read_shown
from tlkit.explain.methods.registry import DEFAULT_METHOD, draw_heat_maps
from tlkit.explain.placing import place_heat
from tlkit.models.saving import load_model
from tlkit.reuse.classifier import Classifier


def find_checkpoints(folder: Path) -> list[Path]:
    """Lists the checkpoints in a folder, in the order of their names.

    Args:
        folder: Folder with `.keras` or `.weights.h5` files, such as
            `keras.callbacks.ModelCheckpoint("epoch_{epoch:03d}.weights.h5")`
            writes. Without the leading zeros epoch 10 would come before 2.

    Raises:
        UsageError: There is no such folder, or fewer than two checkpoints.
    """
    files = names_in(folder) if os.path.isdir(folder) else []
    found = [
        folder / name
        for name in files
        if name.endswith((".keras", ".weights.h5")) and not name.startswith(".")
    ]
    if len(found) < 2:
        raise UsageError(
            "The folder holds no checkpoints of several epochs.",
            where=folder,
            expected="two .keras or .weights.h5 files or more",
            received=f"{len(found)} of them" if files else "no such files",
            remedy="Train with keras.callbacks.ModelCheckpoint("
            '"epoch_{epoch:03d}.weights.h5", save_weights_only=True).',
        )
    return found


def write_animations(
    classifier: Classifier,
    checkpoints: Path,
    pictures: Sequence[Path],
    methods: Sequence[str],
    class_name: str | None,
    layer: str | None,
    folder: Path,
) -> Iterator[Path]:
    """Writes a GIF for each picture and method.

    Args:
        classifier: The trained model; see `draw_through_epochs`.
        checkpoints: Folder with the checkpoints; see `find_checkpoints`.
        pictures: Picture files.
        methods: Keys of `METHODS`.
        class_name: Name of the class to explain, or its number as text. None
            explains the class the trained model takes each picture for.
        layer: Name of the layer to look at; see `draw_heat_maps`.
        folder: Folder to write to.

    Yields:
        The path of each file, when it is written.

    Raises:
        UsageError: As in `find_checkpoints` and `draw_through_epochs`.
        TlkitError: As in `draw_through_epochs`, or the folder cannot be
            written.
    """
    paths = find_checkpoints(checkpoints)
    for number, picture in enumerate(pictures, start=1):
        for method in methods:
            frames = draw_through_epochs(
                classifier, paths, picture, method, class_name, layer
            )
            path = folder / file_name(
                f"{number:03d}_{picture.stem}", f".{method}.gif"
            )
            plots.save_animation(frames, path)
            yield path


def draw_through_epochs(
    classifier: Classifier,
    checkpoints: Sequence[Path],
    picture: Path,
    method: str = DEFAULT_METHOD,
    class_name: str | None = None,
    layer: str | None = None,
) -> list[np.ndarray]:
    """Draws how the heat map of one picture changes in training.

    Args:
        classifier: The trained model. It gives the network and the class
            names, and it is not changed.
        checkpoints: Checkpoints of the same network, the earliest first.
        picture: Picture file.
        method: A key of `METHODS`.
        class_name: Name of the class to explain, or its number as text. None
            explains the class the trained model takes the picture for.
        layer: Name of the layer to look at; see `draw_heat_maps`.

    Returns:
        A frame for each checkpoint, as uint8 `(height, width, 3)`, as large as
        the picture, or smaller if it is very large; see `read_shown`.

    Raises:
        UsageError: There is no such method, class or layer.
        TlkitError: A checkpoint belongs to another network, or the picture
            cannot be read.
    """
    image, _ = read_shown(picture)
    small = classifier.read(picture)
    label = find_class(classifier, class_name)
    # One class for all epochs: an early network may take the picture for
    # another class, and the frames would not be comparable.
    if label is None:
        label = int(classifier.predict_pixels(small)[0].argmax())
    # Weights are loaded into a copy, so that the classifier keeps its own.
    twin = keras.models.clone_model(classifier.model)
    frames = []
    for path in checkpoints:
        model = _load(path, twin)
        heat = draw_heat_maps(model, small, method, label, layer)
        size = image.shape[0], image.shape[1]
        placed = place_heat(heat[0], size, classifier.frame)
        frames.append(plots.overlay(image, placed))
    return frames


def _load(path: Path, twin: keras.Model) -> keras.Model:
    if path.suffix == ".keras":
        return load_model(path)
    try:
        twin.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise TlkitError(
            "The checkpoint is damaged, or belongs to another network.",
            where=path,
            expected="weights of the model that is explained",
            received=str(error).splitlines()[0],
        ) from None
    return twin
