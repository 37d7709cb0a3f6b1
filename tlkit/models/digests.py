"""Weights in a word: equal arrays have equal digests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


def weights_digest(weights: Sequence[np.ndarray]) -> str:
    """Returns a SHA-256 over arrays: their values, dtypes and shapes.

    Args:
        weights: Arrays in a fixed order, such as `model.get_weights()`.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(f"{weight.dtype}{weight.shape}".encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()
