"""Checks that a joined model computes the same as its two parts.

The upper part was trained on stored outputs of the lower one. What is saved
is the whole, and nobody would notice if the two did not fit.
"""

from __future__ import annotations

import keras
import numpy as np

from tlkit.base.errors import TlkitError
from tlkit.base.image_size import ImageSize
from tlkit.data.index import VALIDATION, DatasetIndex
from tlkit.models.cutting import CutModel
from tlkit.store.store import StoredRows

#: Float32 sums in another order differ by about 1e-6. A wrong join, such as
#: preprocessing applied twice, changes probabilities far more than this.
_TOLERANCE = 1e-4
_IMAGES = 16


def check_join(
    cut: CutModel,
    stored: StoredRows,
    data: DatasetIndex,
    image_size: ImageSize,
) -> dict[str, float]:
    """Compares a joined model with its parts on real images.

    Args:
        cut: The model and its two parts, all in float32.
        stored: The stored outputs of the lower part for all validation
            images.
        data: The data set, of which up to 16 validation images are compared.
        image_size: The size in pixels that the network works at, with the
            fit: a `Frame`, or a size to which images are stretched.

    Returns:
        The largest differences between probabilities. `join_difference`
        compares the joined model with its parts, one after the other.
        `precision_difference` compares it with the upper part on the stored
        rows, which may have been computed in another precision.

    Raises:
        TlkitError: The joined model gives other probabilities than its parts
            one after the other.
    """
    split = data.splits[VALIDATION]
    rows = np.arange(min(_IMAGES, len(split)))
    images = np.stack([split.read(int(row), image_size) for row in rows])
    joined = _output(cut.whole, images)
    lower = _output(cut.prefix, images)
    difference = _largest_difference(joined, _output(cut.suffix, lower))
    # Not `>`, as a difference of NaN must fail, too.
    if not difference <= _TOLERANCE:
        raise TlkitError(
            "The joined model gives other probabilities than its two parts.",
            where="probabilities of validation images",
            expected=f"a difference of at most {_TOLERANCE}",
            received=difference,
            remedy="This is an error in tlkit; please report it.",
        )
    kept = stored[rows].astype(np.float32)
    return {
        "join_difference": difference,
        "precision_difference": _largest_difference(
            joined, _output(cut.suffix, kept)
        ),
    }


def _output(model: keras.Model, batch: np.ndarray) -> np.ndarray:
    # `predict` would compile a graph for this one batch, which takes longer.
    return keras.ops.convert_to_numpy(model(batch, training=False))


def _largest_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())
