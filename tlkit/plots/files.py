"""Pictures on the disk: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tlkit.base.atomic import atomic_path
from tlkit.base.errors import UsageError


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Saves a figure as PNG, whole or not at all.

    Args:
        figure: what was drawn.
        path: of the file; an older picture of tlkit's is replaced.

    Raises:
        UsageError: the file exists and tlkit has not made it.
        TlkitError: the disk is full or the folder cannot be written.
    """
    _check_way(path)
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=120, metadata={"Software": "tlkit"})


def save_image(image: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Saves pixels as PNG, whole or not at all.

    Args:
        image: uint8 `(height, width, 3)`.
        path: of the file; an older picture of tlkit's is replaced.

    Raises:
        UsageError: the file exists and tlkit has not made it.
        TlkitError: the disk is full or the folder cannot be written.
    """
    _check_way(path)
    about = PngInfo()
    about.add_text("Software", "tlkit")
    with atomic_path(path) as partial:
        Image.fromarray(image).save(partial, pnginfo=about)


def save_animation(
    frames: Sequence[np.ndarray], path: str | os.PathLike[str]
) -> None:
    """Saves a moving picture as GIF, whole or not at all.

    Args:
        frames: uint8 `(height, width, 3)`, all of one size; each is shown
            for 0.4 seconds, the last one for 2.
        path: of the file; an older picture of tlkit's is replaced.

    Raises:
        UsageError: the file exists and tlkit has not made it.
        TlkitError: the disk is full or the folder cannot be written.
    """
    _check_way(path)
    first, *others = (Image.fromarray(frame) for frame in frames)
    with atomic_path(path) as partial:
        first.save(
            partial,
            save_all=True,
            append_images=others,
            duration=[400] * len(others) + [2000],
            loop=0,
            comment=b"tlkit",
        )


def _check_way(path: str | os.PathLike[str]) -> None:
    if Path(path).exists() and not _is_ours(path):
        raise UsageError(
            "A file of another origin is in the way of a picture.",
            where=path,
            remedy="Choose another folder; nothing was changed.",
        )


def _is_ours(path: str | os.PathLike[str]) -> bool:
    try:
        with Image.open(path) as image:
            info = image.info
            return "tlkit" in (info.get("Software"), _comment(info))
    except (OSError, ValueError):
        return False


def _comment(info: Mapping[Any, Any]) -> str:
    comment = info.get("comment", b"")
    return comment.decode("latin-1") if isinstance(comment, bytes) else ""
