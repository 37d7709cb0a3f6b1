"""Draws networks, their functions, and receptive fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon, Rectangle

from tlkit.plots.colours import VALIDATION, WAYS
from tlkit.plots.figure import Figure
from tlkit.plots.images import show_image


def draw_functions(
    x: np.ndarray, panels: Mapping[str, Mapping[str, np.ndarray]]
) -> Figure:
    """Draws functions of one number side by side.

    Args:
        x: Points at which the functions were computed.
        panels: The curves of each panel, by its title: up to four, by name,
            each of the shape of `x`.
    """
    figure = Figure(figsize=(3.4 * len(panels), 3.2), layout="constrained")
    cells = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(cells, panels.items(), strict=True):
        for colour, (name, values) in zip(WAYS, curves.items(), strict=False):
            axes.plot(x, values, color=colour, label=name)
        axes.set(title=title)
        axes.grid(alpha=0.2)
    cells[0].legend()
    return figure


def draw_boxes(
    boxes: Sequence[tuple[str, Sequence[int]]], title: str
) -> Figure:
    """Draws feature maps and vectors as boxes to scale, from input to output.

    The height of a map's box stands for its rows, the depth for its columns
    and the width for its channels. A vector has a colour of its own; the height
    of its box stands for its units, on a scale of its own.

    Args:
        boxes: Label and shape of each box, `(height, width, channels)` or
            `(units,)`. At least one has three sizes.
        title: Title of the picture.
    """
    maps = [shape for _, shape in boxes if len(shape) == 3]
    tallest = max(max(shape[:2]) for shape in maps)
    channels = max(shape[2] for shape in maps)
    units = max((s[0] for _, s in boxes if len(s) == 1), default=1)
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    left = 0.0
    for label, shape in boxes:
        size, colour = (0.03, shape[0] / units, 0.0), WAYS[2]
        if len(shape) == 3:
            # Beside hundreds of channels, three would be too thin to be seen.
            width = max(0.3 * shape[2] / channels, 0.005)
            depth = 0.25 * shape[1] / tallest
            size, colour = (width, shape[0] / tallest, depth), WAYS[1]
        _draw_box(axes, left, size, colour)
        axes.annotate(
            label,
            (left + size[0] / 2, -0.55),
            rotation=90,
            ha="center",
            va="top",
            fontsize=8,
        )
        left += max(size[0] + size[2], 0.1) + 0.06
    figure.set_size_inches(max(3 * left, 4), 5.5)
    axes.set(title=title, aspect="equal", xlim=(-0.1, left), ylim=(-1.2, 0.65))
    axes.set_axis_off()
    return figure


def _draw_box(
    axes: Axes, left: float, size: tuple[float, float, float], colour: str
) -> None:
    """Draws a box seen from the front, right and above, centred on y = 0."""
    width, height, depth = size
    right, top, bottom = left + width, height / 2, -height / 2
    rise = depth / 2
    # By brightness: the front, the top and the right side.
    faces = {
        1.0: [(left, bottom), (right, bottom), (right, top), (left, top)],
        0.75: [
            (left, top),
            (right, top),
            (right + depth, top + rise),
            (left + depth, top + rise),
        ],
        0.55: [
            (right, bottom),
            (right + depth, bottom + rise),
            (right + depth, top + rise),
            (right, top),
        ],
    }
    for brightness, corners in faces.items():
        shade = [brightness * part for part in to_rgb(colour)]
        axes.add_patch(
            Polygon(corners, facecolor=shade, edgecolor="black", linewidth=0.4)
        )


def draw_rectangle(
    image: np.ndarray, corners: tuple[int, int, int, int], caption: str
) -> Figure:
    """Marks a rectangle of pixels on an image; the rest is dimmed.

    Args:
        image: Image as uint8 `(height, width, 3)`.
        corners: Rectangle `(top, left, bottom, right)` in pixels, all included.
        caption: Text below the image.
    """
    top, left, bottom, right = corners
    shown = image // 3
    inside = np.s_[top : bottom + 1, left : right + 1]
    shown[inside] = image[inside]
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    show_image(axes, shown)
    # The centres of pixels have whole coordinates: edges lie half a pixel off.
    axes.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5),
            right - left + 1,
            bottom - top + 1,
            fill=False,
            edgecolor=VALIDATION,
            linewidth=2,
        )
    )
    axes.set_xlabel(caption, wrap=True)
    return figure
