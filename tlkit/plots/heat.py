"""Draws heat maps over their images, and the results of a sanity check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps

from tlkit.plots.colours import MANY
from tlkit.plots.figure import Figure
from tlkit.plots.fitting import fitted
from tlkit.plots.images import show_image

#: Share of the heat map's colour in each pixel; the rest is the image's.
_SHARE = 0.6


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lays a heat map over an image: bright where it is hot, dark elsewhere.

    The colours (inferno) are perceptually uniform: equal steps of the heat map
    look equally large, in grey too. The brightest 0.5 % of the pixels are
    shown alike.

    Args:
        image: Image as uint8 `(height, width, 3)`.
        heat: Heat map `(height, width)`, 0 to 1.

    Returns:
        uint8 image of the same shape.
    """
    # Maps of gradients have single pixels far above the rest: scaled to the
    # very maximum, all others would be dark. An empty map stays empty.
    top = max(float(np.quantile(heat, 0.995)), 1e-6)
    colours = colormaps["inferno"](np.clip(heat / top, 0, 1))[..., :3] * 255
    mixed = _SHARE * colours + (1 - _SHARE) * image
    return mixed.round().astype(np.uint8)


def draw_heat_rows(
    rows: Sequence[tuple[np.ndarray, str, Sequence[tuple[np.ndarray, str]]]],
    title: str = "",
) -> Figure:
    """Draws images, each with its heat maps beside it.

    Args:
        rows: For each image its pixels (uint8 `(height, width, 3)`), its
            caption, and its heat maps, each as large as the image and paired
            with a caption. All images have the same number of heat maps.
        title: Title of the sheet.
    """
    columns = 1 + len(rows[0][2])
    # With few heat maps per image, several images share a row of the sheet.
    per_row = max(1, min(len(rows), 8 // columns))
    lines = -(-len(rows) // per_row)
    figure = Figure(
        figsize=(1.7 * columns * per_row, 2.1 * lines), layout="constrained"
    )
    cells = figure.subplots(lines, columns * per_row, squeeze=False)
    for axes in cells.ravel():
        axes.set_axis_off()
    for place, (image, caption, maps) in enumerate(rows):
        line, start = divmod(place, per_row)
        group = cells[line, start * columns : (start + 1) * columns]
        pictures = [image, *(overlay(image, heat) for heat, _ in maps)]
        captions = [caption, *(said for _, said in maps)]
        for axes, picture, said in zip(group, pictures, captions, strict=True):
            show_image(axes, picture)
            axes.set_title(fitted(said, 1.6, 7), fontsize=7)
    figure.suptitle(fitted(title, 1.7 * columns * per_row, 10), fontsize=10)
    return figure


def draw_explained(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    captions: Sequence[str],
    columns: int = 10,
) -> Figure:
    """Draws images, and below each the same image under its heat map.

    Args:
        images: Images as uint8 `(height, width, 3)`.
        maps: One heat map per image, of the same height and width, 0 to 1.
        captions: One caption per image.
        columns: Number of images in a row.
    """
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.2 * columns, 2.75 * rows), layout="constrained")
    cells = figure.subplots(2 * rows, columns, squeeze=False)
    for axes in cells.flat:
        axes.set_axis_off()
    for number, (image, heat, caption) in enumerate(
        zip(images, maps, captions, strict=True)
    ):
        row, column = divmod(number, columns)
        above, below = cells[2 * row : 2 * row + 2, column]
        show_image(above, image)
        above.set_title(fitted(caption, 1.2, 8), fontsize=8)
        show_image(below, image)
        below.imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1)
    return figure


def draw_cascade(
    steps: Sequence[str], correlations: Mapping[str, Sequence[float]]
) -> Figure:
    """Draws how far heat maps stay the same while a network is destroyed.

    Args:
        steps: Path of the layer randomised last, for each step. The first is
            empty, for nothing.
        correlations: For each method, one rank correlation per step.
    """
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(steps))
    for number, (method, values) in enumerate(correlations.items()):
        # With more methods than colours, the colours are used again: dashed
        # the second time, then dotted.
        style = ("o-", "s--", "^:")[number // len(MANY) % 3]
        colour = MANY[number % len(MANY)]
        axes.plot(places, values, style, color=colour, ms=4, label=method)
    names = [step.rsplit("/", 1)[-1] or "nothing" for step in steps]
    axes.set_xticks(places, names, rotation=30, ha="right")
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.set(
        xlabel="weights randomised from the top down to", ylabel="correlation"
    )
    axes.grid(alpha=0.2)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
