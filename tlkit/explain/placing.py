"""Heat maps of what a network saw, brought back onto the whole picture."""

from __future__ import annotations

import numpy as np

from tlkit.base.image_size import Frame
from tlkit.explain.opened.heat import enlarge


def place_heat(
    heat: np.ndarray, size: tuple[int, int], frame: Frame
) -> np.ndarray:
    """Lays a heat map over the part of a picture that the network saw.

    Args:
        heat: The heat map of the picture as it was fitted into the frame, of
            shape `(height, width)`.
        size: `(height, width)` of the picture itself.
        frame: The frame into which it was fitted.

    Returns:
        A float32 heat map of the picture's size. What was cropped off has
        no heat; the heat of added borders is left out.
    """
    window = frame.window(*size)
    large = enlarge(heat[None], window.size)[0]
    placed = np.zeros(size, np.float32)
    seen = (
        slice(max(window.top, 0), min(window.bottom, size[0])),
        slice(max(window.left, 0), min(window.right, size[1])),
    )
    placed[seen] = large[
        seen[0].start - window.top : seen[0].stop - window.top,
        seen[1].start - window.left : seen[1].stop - window.left,
    ]
    return placed
