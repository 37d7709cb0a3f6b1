"""Imports that wait until they are needed.

A registry that imported all it lists would load Keras before the command
could say which names there are.
"""

from __future__ import annotations

import importlib
from typing import Any


def import_name(path: str) -> Any:
    """Imports a function or class by its full name.

    Args:
        path: Name of the module, a dot, and the name in it.

    Example:
        >>> import_name("math.hypot")(3, 4)
        5.0
    """
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
