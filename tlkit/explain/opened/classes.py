"""What says which class is explained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Classes = int | Sequence[int] | np.ndarray | None
ClassIndex = Classes | tuple[str, Classes]
"""The class whose score is explained: one number for all images, one per image,
or None for the class each image is taken for. Of a model with several outputs
the first is explained, or the one named: `("species", 3)`, `("species", None)`.
"""
