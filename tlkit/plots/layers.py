"""Draws the outputs of layers, and the patterns of their filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from tlkit.plots.figure import Figure
from tlkit.plots.fitting import fitted
from tlkit.plots.images import show_image


def draw_activations(
    layer: str,
    values: np.ndarray,
    dead: np.ndarray | None = None,
    columns: int = 16,
) -> Figure:
    """Draws every channel of a layer for one image.

    As in "Deep Learning with Python", the colours of each channel range from
    two standard deviations below its own mean to two above. A channel that is
    constant over the image stays white.

    Args:
        layer: Name of the layer, for the title.
        values: Output of the layer, `(height, width, channels)`.
        dead: Dead channels as bool `(channels,)`, from
            `tlkit.explain.activations.dead_channels`. Their share goes into
            the title. None leaves it out.
        columns: Number of channels in a row.
    """
    channels = np.moveaxis(np.asarray(values, np.float64), -1, 0)
    title = f"{layer}: {len(channels)} channels"
    if dead is not None:
        title += f", {np.mean(dead):.0%} dead"
    spread = channels.std(axis=(1, 2), keepdims=True)
    # Not by a spread of 0: rounding may leave a constant channel a tiny one,
    # and dividing by it would show noise. nan is drawn in white.
    constant = np.ptp(channels, axis=(1, 2), keepdims=True) == 0
    scaled = channels - channels.mean(axis=(1, 2), keepdims=True)
    scaled /= np.where(constant, np.nan, spread)
    mosaic = _mosaic(scaled, columns, gap=np.nan)
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    _show_mosaic(figure, [axes], [mosaic])
    axes.images[0].set(cmap="viridis", clim=(-2, 2))
    axes.set_title(fitted(title, 9, 10), fontsize=10)
    return figure


def draw_filters(
    patterns: Mapping[str, np.ndarray], columns: int = 8
) -> Figure:
    """Draws the patterns that the filters of some layers respond to.

    Args:
        patterns: Patterns of each layer as uint8
            `(filters, height, width, channels)`, from
            `tlkit.explain.filters.filter_patterns`.
        columns: Number of patterns in a row.
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
        axes.set_title(fitted(layer, 9, 10), fontsize=10)
    return figure


def _mosaic(tiles: np.ndarray, columns: int, gap: float) -> np.ndarray:
    """Arranges tiles `(number, height, width, ...)` in rows and columns."""
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
        # A fourth axis of one channel is a grey picture; matplotlib wants none.
        grey = mosaic.ndim == 3 and mosaic.shape[2] == 1
        show_image(axes, mosaic[..., 0] if grey else mosaic)
        if grey:
            axes.images[0].set(cmap="gray", clim=(0, 255))
