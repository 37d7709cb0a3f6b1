"""Writes pictures to files, which are complete or not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tlkit.base.atomic import atomic_path
from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.base.outputs import make_output_folder
from tlkit.plots.figure import Figure


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Saves a figure as PNG, whole or not at all.

    Args:
        figure: Figure to save.
        path: Path of the file. An older picture written by tlkit is replaced.

    Raises:
        UsageError: The file exists and was not written by tlkit.
        TlkitError: The disk is full or the folder cannot be written.
    """
    _prepare(path)
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=120, metadata={"Software": "tlkit"})


def save_beside(
    results: str | os.PathLike[str], draw: Callable[[], Figure], name: str
) -> str | None:
    """Draws and saves a picture of results that are safe already.

    Whatever goes wrong with the picture is told in a line and no more: what
    it shows has perhaps taken hours, and must not be lost with it.

    Args:
        results: Folder of the results, to which the picture goes.
        draw: Function that makes the figure.
        name: Path of the picture in that folder, such as `plots/curves.png`.

    Returns:
        None, or the line that says why there is no such picture. A file of
        the user's that has its name is one reason, and stays as it is.
    """
    try:
        save(draw(), Path(results) / name)
    # matplotlib and fonts can raise anything, and so can a full disk.
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        problem = f"The picture {name} could not be drawn: {reason}"
        say(problem)
        return problem
    return None


def save_image(image: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Saves pixels as PNG, whole or not at all.

    Args:
        image: Pixels as uint8 `(height, width, 3)`.
        path: Path of the file. An older picture written by tlkit is replaced.

    Raises:
        UsageError: The file exists and was not written by tlkit.
        TlkitError: The disk is full or the folder cannot be written.
    """
    _prepare(path)
    # The mark by which `_is_ours` knows the file again.
    about = PngInfo()
    about.add_text("Software", "tlkit")
    with atomic_path(path) as partial:
        Image.fromarray(image).save(partial, pnginfo=about)


def save_animation(
    frames: Sequence[np.ndarray], path: str | os.PathLike[str]
) -> None:
    """Saves an animation as GIF, whole or not at all.

    Args:
        frames: Frames as uint8 `(height, width, 3)`, all of one size. Each is
            shown for 0.4 seconds, the last one for 2.
        path: Path of the file. An older picture written by tlkit is replaced.

    Raises:
        UsageError: The file exists and was not written by tlkit.
        TlkitError: The disk is full or the folder cannot be written.
    """
    _prepare(path)
    first, *others = (Image.fromarray(frame) for frame in frames)
    with atomic_path(path) as partial:
        first.save(
            partial,
            save_all=True,
            append_images=others,
            duration=[400] * len(others) + [2000],
            loop=0,  # forever
            comment=b"tlkit",
        )


def _prepare(path: str | os.PathLike[str]) -> None:
    """Makes the folder of a picture, and checks that nothing is lost."""
    make_output_folder(Path(path).parent)
    check_replaceable(path)


def check_replaceable(path: str | os.PathLike[str]) -> None:
    """Raises UsageError if a picture is there that tlkit has not written."""
    # Unlike `Path.exists` it sees a link to nowhere.
    if os.path.lexists(path) and not _is_ours(path):
        raise UsageError(
            "The file exists and was not written by tlkit.",
            where=path,
            remedy="Choose another folder; nothing was changed.",
        )


def _is_ours(path: str | os.PathLike[str]) -> bool:
    try:
        with Image.open(path) as image:
            # PNG has text fields, GIF a comment.
            info = image.info
            return "tlkit" in (info.get("Software"), _comment(info))
    except (OSError, ValueError):
        return False


def _comment(info: Mapping[Any, Any]) -> str:
    comment = info.get("comment", b"")
    return comment.decode("latin-1") if isinstance(comment, bytes) else ""
