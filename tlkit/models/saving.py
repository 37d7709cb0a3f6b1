"""Model files that are written completely or not at all.

A saved classifier is an ordinary `.keras` file, which is a zip archive. tlkit
adds one member to it, `tlkit.json`, with the class names, the image size and
the fit. Keras ignores this member, so the file loads anywhere without tlkit.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from tlkit.base.atomic import atomic_path
from tlkit.base.image_size import ImageSize, as_frame

# The early LeNets have a layer of tlkit's, which Keras finds in their files
# once it is imported.
from tlkit.models.classic import connection_table as connection_table
from tlkit.models.foreign import check_is_keras_file, why_not_loaded

_MEMBER = "tlkit.json"


def save_classifier(
    model: keras.Model,
    path: str | os.PathLike[str],
    class_names: Sequence[str],
    image_size: ImageSize,
) -> None:
    """Saves a classifier with its class names, completely or not at all.

    Args:
        model: A model from pixels to probabilities.
        path: The `.keras` file to write. An existing one is replaced only
            when the new one is complete.
        class_names: The name of each output, in order.
        image_size: The size in pixels at which the network works, with the
            fit: a `Frame`, or a size to which images are stretched.

    Raises:
        TlkitError: The disk is full or the folder cannot be written.
    """
    settings = as_frame(image_size).settings()
    about = {"class_names": list(class_names), **settings}
    # No Keras save is atomic: a full disk would destroy the previous model.
    with atomic_path(path) as partial:
        model.save(partial)
        # Given a path that cannot be opened, `ZipFile` would begin it anew.
        with (
            open(partial, "r+b") as file,
            zipfile.ZipFile(file, "a") as archive,
        ):
            # In ASCII, since a name may hold bytes that are not UTF-8.
            archive.writestr(_MEMBER, json.dumps(about))


def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Loads a `.keras` file in safe mode, in which no code in it is run.

    Args:
        path: A `.keras` file.
        custom_objects: Layers and functions by the names that the file has
            for them, where they are neither Keras's nor tlkit's.

    Returns:
        The model, not compiled.

    Raises:
        UsageError: There is no such file, or it is not a `.keras` file.
        TlkitError: The file is damaged, needs a layer or a function that it
            does not hold, or cannot be loaded safely.
    """
    path, custom = Path(path), dict(custom_objects or {})
    check_is_keras_file(path)
    # A damaged or hostile file can make Keras raise nearly anything.
    try:
        return keras.models.load_model(
            path, custom_objects=custom, compile=False, safe_mode=True
        )
    except Exception as error:
        raise why_not_loaded(path, error, custom) from error


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns what tlkit has written into a model file.

    Args:
        path: A `.keras` file.

    Returns:
        `class_names` (a list), `image_size` (`[height, width]`) and, unless
        images are stretched, `fit`; or an empty dictionary if the file was
        not saved by tlkit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(_MEMBER))
    # KeyError: Keras alone saved the file, so it has no such member.
    except (KeyError, OSError, zipfile.BadZipFile, json.JSONDecodeError):
        return {}
