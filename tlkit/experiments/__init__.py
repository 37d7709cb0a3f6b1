"""The same network many times, with one thing changed at a time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlkit.experiments.images import load_images as load_images
    from tlkit.experiments.sweep import Sweep as Sweep

_HOMES = {
    "Sweep": "tlkit.experiments.sweep",
    "load_images": "tlkit.experiments.images",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    # A new process says how TensorFlow is to start before it imports these.
    if name not in _HOMES:
        raise AttributeError(
            f"module 'tlkit.experiments' has no attribute {name!r}"
        )
    return getattr(importlib.import_module(_HOMES[name]), name)
