"""Data sets that are arrays: a `.npz` file in Keras's form."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from tlkit.base.errors import TlkitError
from tlkit.data.index import TEST, TRAIN, DatasetIndex, Split, digest

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
# What NumPy, zipfile and zlib raise for a file that is broken.
_BROKEN = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path) -> DatasetIndex:
    """Reads the arrays `x_train`, `y_train`, `x_test` and `y_test`.

    Args:
        path: images are uint8 of shape `(count, height, width)` or
            `(count, height, width, 1 or 3)`; labels are whole numbers from
            0; an array `class_names` is optional.

    Returns:
        The index with the splits `"train"` and `"test"`.

    Raises:
        TlkitError: the file is not whole, or an array has another form.
    """
    arrays = _read_arrays(path)
    images = {
        split: _as_rgb(path, f"x_{split}", arrays[f"x_{split}"])
        for split in (TRAIN, TEST)
    }
    class_names = _class_names(path, arrays)
    splits = {
        split: array_split(
            images[split], arrays[f"y_{split}"].reshape(-1).astype(np.int64)
        )
        for split in images
    }
    return DatasetIndex(path.stem, str(path), class_names, splits)


def array_split(images: np.ndarray, labels: np.ndarray) -> Split:
    """Makes a split of arrays.

    Args:
        images: uint8 of shape `(count, height, width, 3)`.
        labels: int64 of shape `(count,)`.
    """
    return Split(
        images, labels, tuple(digest(image.tobytes()) for image in images)
    )


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    problem = f"needs the arrays {', '.join(_ARRAYS)}"
    try:
        stored = np.load(path, allow_pickle=False)
        if isinstance(stored, np.lib.npyio.NpzFile):
            with stored:
                if set(_ARRAYS) <= set(stored.files):
                    names = {*_ARRAYS, "class_names"} & set(stored.files)
                    return {name: stored[name] for name in names}
                received = ", ".join(stored.files)
        else:
            received = "one array, as in a .npy file"
    except _BROKEN:
        # NumPy's own message would advise `allow_pickle`, which runs code.
        received = "not a whole .npz file of plain arrays"
    raise TlkitError(
        "Cannot read this file as a data set.",
        where=path,
        expected=f"a .npz file; it {problem}",
        received=received,
    )


def _class_names(path: Path, arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    for split in (TRAIN, TEST):
        labels, images = arrays[f"y_{split}"], arrays[f"x_{split}"]
        if (
            labels.dtype.kind not in "iu"
            or labels.size != len(images)
            or not labels.size
            or labels.min() < 0
        ):
            raise TlkitError(
                f"The labels y_{split} do not fit the images.",
                where=path,
                expected=f"{len(images)} whole numbers from 0",
                received=f"{labels.dtype} {labels.shape}",
            )
    count = 1 + max(int(arrays[name].max()) for name in ("y_train", "y_test"))
    # Else one stray label would fill the memory with names.
    if not 2 <= count <= arrays["y_train"].size:
        raise TlkitError(
            "The labels do not number the classes.",
            where=path,
            expected="at least two classes, each with an image to train on",
            received=f"labels up to {count - 1}",
        )
    names = _as_text(arrays.get("class_names", np.arange(count)))
    if len(set(names)) < len(names) or len(names) < count:
        raise TlkitError(
            "The class names do not fit the labels.",
            where=path,
            expected=f"{count} different names",
            received=", ".join(names),
        )
    return names


def _as_text(names: np.ndarray) -> tuple[str, ...]:
    if names.dtype.kind == "S":
        names = np.char.decode(names, "utf-8", "replace")
    return tuple(str(name) for name in names.reshape(-1))


def _as_rgb(path: Path, name: str, images: np.ndarray) -> np.ndarray:
    if images.ndim == 3:
        images = images[..., None]
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[-1] not in (1, 3)
        or not images.size
    ):
        raise TlkitError(
            f"The images {name} have the wrong form.",
            where=path,
            expected="uint8 (count, height, width[, 1 or 3]), 0 to 255",
            received=f"{images.dtype} {images.shape}",
        )
    return np.broadcast_to(images, (*images.shape[:3], 3))
