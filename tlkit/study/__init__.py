"""Convolutional networks taken apart: their sums, and what they come to."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlkit.study.images import load_images as load_images
    from tlkit.study.sweep import Sweep as Sweep

_HOMES = {
    "Sweep": "tlkit.study.sweep",
    "load_images": "tlkit.study.images",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    # A new process says how TensorFlow is to start before it imports these.
    if name not in _HOMES:
        raise AttributeError(f"module 'tlkit.study' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
