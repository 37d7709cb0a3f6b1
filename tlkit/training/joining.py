"""Is a joined model the same as its lower and its upper part apart?"""

from __future__ import annotations

import keras
import numpy as np

from tlkit.base.errors import TlkitError
from tlkit.data.index import VALIDATION, DatasetIndex
from tlkit.models.cutting import CutModel
from tlkit.store.store import StoredRows

#: Float32 sums in another order differ by about 1e-6.
_TOLERANCE = 1e-4
_IMAGES = 16


def check_join(
    cut: CutModel,
    stored: StoredRows,
    data: DatasetIndex,
    image_size: tuple[int, int],
) -> dict[str, float]:
    """Compares a joined model with its parts on real images.

    Args:
        cut: The model and its two parts, all in float32.
        stored: What the lower part once gave for all validation images.
        data: Up to 16 images of its validation split are looked at.
        image_size: `(height, width)` in pixels that the network works at.

    Returns:
        The largest differences of a probability: `join_difference` between
        the joined model and the parts one after the other,
        `precision_difference` between the joined model and the upper part on
        what is stored, which may have been computed in another precision.

    Raises:
        TlkitError: The joined model does not say what the parts say.
    """
    split = data.splits[VALIDATION]
    rows = np.arange(min(_IMAGES, len(split)))
    images = np.stack([split.read(int(row), image_size) for row in rows])
    joined = _given(cut.whole, images)
    given = _given(cut.prefix, images)
    difference = _largest(joined, _given(cut.suffix, given))
    if not difference <= _TOLERANCE:
        raise TlkitError(
            "The joined model does not say what its two parts say apart.",
            where="probabilities of validation images",
            expected=f"a difference of at most {_TOLERANCE}",
            received=difference,
            remedy="This is a fault of tlkit; please report it.",
        )
    kept = stored[rows].astype(np.float32)
    return {
        "join_difference": difference,
        "precision_difference": _largest(joined, _given(cut.suffix, kept)),
    }


def _given(model: keras.Model, batch: np.ndarray) -> np.ndarray:
    # `predict` would be traced for this one batch, which takes longer.
    return keras.ops.convert_to_numpy(model(batch, training=False))


def _largest(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())
