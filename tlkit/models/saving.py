"""Model files that are written completely or not at all.

A saved classifier is an ordinary `.keras` file, which is a zip archive. tlkit
adds one member to it, `tlkit.json`, with the class names and the image size.
Keras ignores this member, so the file loads anywhere without tlkit.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tlkit.base.atomic import atomic_path
from tlkit.base.errors import TlkitError, UsageError

_MEMBER = "tlkit.json"


def save_classifier(
    model: keras.Model,
    path: str | os.PathLike[str],
    class_names: Sequence[str],
    image_size: tuple[int, int],
) -> None:
    """Saves a classifier with its class names, completely or not at all.

    Args:
        model: A model from pixels to probabilities.
        path: The `.keras` file to write. An existing one is replaced only
            when the new one is complete.
        class_names: The name of each output, in order.
        image_size: `(height, width)` in pixels at which the network works.

    Raises:
        TlkitError: The disk is full or the folder cannot be written.
    """
    about = {"class_names": list(class_names), "image_size": list(image_size)}
    # No Keras save is atomic: a full disk would destroy the previous model.
    with atomic_path(path) as partial:
        model.save(partial)
        with zipfile.ZipFile(partial, "a") as archive:
            # In ASCII, since a name may hold bytes that are not UTF-8.
            archive.writestr(_MEMBER, json.dumps(about))


def load_model(path: str | os.PathLike[str]) -> keras.Model:
    """Loads a `.keras` file in safe mode, in which no code in it is run.

    Args:
        path: A `.keras` file.

    Returns:
        The model, not compiled.

    Raises:
        UsageError: There is no such file, or it is not a `.keras` file.
        TlkitError: The file is damaged or cannot be loaded safely.
    """
    path = Path(path)
    if not path.is_file() or path.suffix != ".keras":
        raise UsageError(
            "No such model.",
            where=path,
            expected="a .keras file or a run folder that holds model.keras",
            received="another kind of file" if path.exists() else "nothing",
        )
    # A damaged or hostile file can make Keras raise nearly anything.
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise TlkitError(
            "Cannot load this model.",
            where=path,
            expected="a complete .keras file that runs no code when loaded",
            received=str(error).strip().split("\n")[0][:300],
        ) from error


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns what tlkit has written into a model file.

    Args:
        path: A `.keras` file.

    Returns:
        `class_names` (a list) and `image_size` (`[height, width]`), or an
        empty dictionary if the file was not saved by tlkit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(_MEMBER))
    # KeyError: Keras alone saved the file, so it has no such member.
    except (KeyError, OSError, zipfile.BadZipFile, json.JSONDecodeError):
        return {}
