"""What layers put out, and what their filters look for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tlkit.plots.images import show_image


def draw_activations(
    layer: str,
    values: np.ndarray,
    dead: np.ndarray | None = None,
    columns: int = 16,
) -> Figure:
    """Draws every channel of a layer for one image, 16 per row.

    As in "Deep Learning with Python", each channel is drawn around its own
    mean, two standard deviations to either side. A channel that is constant
    over the image has none and stays white.

    Args:
        layer: its name, for the title.
        values: `(height, width, channels)`.
        dead: bool `(channels,)`, as `tlkit.explain.activations.dead_channels`
            finds it over many images; their share goes into the title.
        columns: channels in a row.
    """
    channels = np.moveaxis(np.asarray(values, np.float64), -1, 0)
    title = f"{layer}: {len(channels)} channels"
    if dead is not None:
        title += f", {np.mean(dead):.0%} dead"
    spread = channels.std(axis=(1, 2), keepdims=True)
    constant = np.ptp(channels, axis=(1, 2), keepdims=True) == 0
    scaled = channels - channels.mean(axis=(1, 2), keepdims=True)
    scaled /= np.where(constant, np.nan, spread)
    mosaic = _mosaic(scaled, columns, gap=np.nan)
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    _show_mosaic(figure, [axes], [mosaic])
    axes.images[0].set(cmap="viridis", clim=(-2, 2))
    axes.set_title(title, fontsize=10)
    return figure


def draw_filters(
    patterns: Mapping[str, np.ndarray], columns: int = 8
) -> Figure:
    """Draws the patterns that the filters of some layers answer to.

    Args:
        patterns: per layer uint8 `(filters, height, width, channels)`, as
            `tlkit.explain.filters.filter_patterns` draws them.
        columns: patterns in a row.
    """
    figure = Figure(layout="constrained")
    mosaics = [_mosaic(own, columns, gap=255) for own in patterns.values()]
    cells = figure.subplots(
        len(mosaics),
        squeeze=False,
        height_ratios=[len(mosaic) / mosaic.shape[1] for mosaic in mosaics],
    ).ravel()
    _show_mosaic(figure, list(cells), mosaics)
    for axes, layer in zip(cells, patterns, strict=True):
        axes.set_title(layer, fontsize=10)
    return figure


def _mosaic(tiles: np.ndarray, columns: int, gap: float) -> np.ndarray:
    """Puts tiles `(number, height, width, ...)` beside and below each other."""
    number, height, width = tiles.shape[:3]
    columns = min(columns, number)
    rows = -(-number // columns)
    space = max(1, width // 32)
    high, wide = height + space, width + space
    size = (rows * high - space, columns * wide - space, *tiles.shape[3:])
    mosaic = np.full(size, gap, tiles.dtype)
    for place, tile in enumerate(tiles):
        top, left = place // columns * high, place % columns * wide
        mosaic[top : top + height, left : left + width] = tile
    return mosaic


def _show_mosaic(
    figure: Figure, cells: Sequence[Axes], mosaics: Sequence[np.ndarray]
) -> None:
    heights = [10 * len(mosaic) / mosaic.shape[1] for mosaic in mosaics]
    figure.set_size_inches(10, sum(heights) + 0.4 * len(mosaics))
    for axes, mosaic in zip(cells, mosaics, strict=True):
        grey = mosaic.ndim == 3 and mosaic.shape[2] == 1
        show_image(axes, mosaic[..., 0] if grey else mosaic)
        if grey:
            axes.images[0].set(cmap="gray", clim=(0, 255))
