"""Data sets held in arrays: a `.npz` file laid out as Keras does it."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.index import (
    SPLITS,
    TRAIN,
    DatasetIndex,
    Split,
    digest,
)

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
#: Classes that may be named without a training image of each.
_MOST_CLASSES = 100_000
# All the exceptions that NumPy, zipfile and zlib raise for a broken file.
_BROKEN = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path, least: int = 2) -> DatasetIndex:
    """Reads the arrays `x_train`, `y_train`, `x_test` and `y_test`.

    Args:
        path: The `.npz` file. Its images are uint8 of shape
            `(count, height, width)` or `(count, height, width, 1 or 3)`, its
            labels whole numbers from 0. An array `class_names` is optional.
        least: Number of classes that there must be; see `index_of_arrays`.

    Returns:
        The index with the splits `"train"` and `"test"`.

    Raises:
        TlkitError: The file is incomplete, or an array has the wrong shape
            or dtype.
    """
    return _index(path.stem, path, _read_arrays(path), least)


def index_of_arrays(source: Any, least: int = 2) -> DatasetIndex:
    """Makes an index of arrays in memory.

    Args:
        source: A pair `(images, labels)`, which is divided into splits later;
            or such a pair for each of `"train"`, `"validation"` and `"test"`
            in a mapping, where `"train"` must be. Images are uint8 of shape
            `(count, height, width)` or `(count, height, width, 1 or 3)`,
            labels whole numbers from 0. Classes are called "0", "1" and so
            on; `"class_names"` in the mapping names them.
        least: Number of classes that there must be. With 1, as for judging a
            model, there need not be training images, nor some of each class.

    Raises:
        UsageError: The source is of another form.
        TlkitError: An array has the wrong shape or dtype.
    """
    given = dict(source) if isinstance(source, Mapping) else {TRAIN: source}
    names = given.pop("class_names", None)
    known = isinstance(source, Mapping | tuple) and set(given) <= set(SPLITS)
    pairs = {
        name: pair for name, pair in given.items() if _is_pair_of_arrays(pair)
    }
    wanted = not given or (least > 1 and TRAIN not in given)
    if not known or wanted or len(pairs) < len(given):
        raise UsageError(
            "These are no arrays that a data set can be made of.",
            where="data",
            expected="(images, labels), or such a pair for each of train, "
            "validation and test",
            received=", ".join(map(str, given)) or type(source).__name__,
        )
    arrays = {f"x_{name}": np.asarray(x) for name, (x, _) in pairs.items()}
    arrays |= {f"y_{name}": np.asarray(y) for name, (_, y) in pairs.items()}
    if names is not None:
        arrays["class_names"] = np.asarray(names)
    return _index("arrays", Path("arrays in memory"), arrays, least)


def _index(
    name: str, where: Path, arrays: Mapping[str, np.ndarray], least: int
) -> DatasetIndex:
    """Makes an index of `x_train`, `y_train` and so on, once it is checked."""
    images = {
        split: _as_rgb(where, f"x_{split}", arrays[f"x_{split}"])
        for split in SPLITS
        if f"x_{split}" in arrays
    }
    class_names = _class_names(where, arrays, least)
    splits = {
        split: array_split(
            images[split], arrays[f"y_{split}"].reshape(-1).astype(np.int64)
        )
        for split in images
    }
    return DatasetIndex(name, str(where), class_names, splits)


def _is_pair_of_arrays(pair: Any) -> bool:
    return (
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and all(hasattr(array, "shape") for array in pair)
    )


def array_split(images: np.ndarray, labels: np.ndarray) -> Split:
    """Makes a split from images and labels held in memory.

    Args:
        images: Array of shape `(count, height, width, 3)`, uint8.
        labels: Array of shape `(count,)`, int64.

    Returns:
        The split, with the digest of each image.
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
        # NumPy's own message would advise `allow_pickle`, which lets the file
        # run code of its own. So it is not passed on.
        received = "a damaged file, or not a .npz file of plain arrays"
    raise TlkitError(
        "Cannot read this file as a data set.",
        where=path,
        expected=f"a .npz file; it {problem}",
        received=received,
        remedy=_how_to_unpack(path),
    )


def _how_to_unpack(path: Path) -> str | None:
    archives = (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z")
    if path.suffix.lower() not in archives:
        return None
    return "Unpack the archive, and name the folder that it holds."


def _class_names(
    path: Path, arrays: Mapping[str, np.ndarray], least: int
) -> tuple[str, ...]:
    given = [name for name in SPLITS if f"y_{name}" in arrays]
    for split in given:
        labels, images = arrays[f"y_{split}"], arrays[f"x_{split}"]
        if (
            labels.dtype.kind not in "iu"
            or labels.size != len(images)
            or not labels.size
            or labels.min() < 0
        ):
            raise TlkitError(
                f"The labels y_{split} do not match the images.",
                where=path,
                expected=f"{len(images)} whole numbers from 0",
                received=f"{labels.dtype} {labels.shape}",
            )
    count = 1 + max(int(arrays[f"y_{name}"].max()) for name in given)
    # Without this bound one wrong label, such as 2**40, would fill the memory
    # with class names.
    most = _MOST_CLASSES if least == 1 else arrays["y_train"].size
    if not least <= count <= most:
        raise TlkitError(
            "The labels are not class numbers counted from 0.",
            where=path,
            expected="at least two classes, and no more classes than "
            "training images"
            if least > 1
            else f"numbers below {most}",
            received=f"labels up to {count - 1}",
        )
    # Without names, the classes are called "0", "1" and so on.
    names = _as_text(arrays.get("class_names", np.arange(count)))
    if len(set(names)) < len(names) or len(names) < count:
        raise TlkitError(
            "The class names do not match the labels.",
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
            f"The images {name} have the wrong shape or dtype.",
            where=path,
            expected="uint8 (count, height, width[, 1 or 3]), 0 to 255",
            received=f"{images.dtype} {images.shape}",
        )
    # A view: gray images are shown three times without being copied.
    return np.broadcast_to(images, (*images.shape[:3], 3))
