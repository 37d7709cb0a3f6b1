"""Draws the results of studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator

from tlkit.plots.colours import TRAINING, VALIDATION, WAYS
from tlkit.plots.figure import Figure


def draw_readings(
    name: str,
    values: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]],
) -> Figure:
    """Draws results against the setting that was varied, with intervals.

    Args:
        name: Name of the setting. Batch sizes are drawn on a logarithmic axis.
        values: Value of the setting at each point, in rising order.
        panels: The curves of each panel, by its title. A curve has, for each
            point, the mean and the lower and upper end of its interval. Points
            that are nan are left out.
    """
    figure = Figure(figsize=(5 * len(panels), 3.8), layout="constrained")
    cells = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(cells, panels.items(), strict=True):
        for colour, (label, readings) in zip(
            (TRAINING, VALIDATION, *WAYS), curves.items(), strict=False
        ):
            mean, low, high = np.array(readings, float).T
            # matplotlib takes distances from the mean. A mean without interval
            # gets a bar of no length.
            errors = np.nan_to_num([mean - low, high - mean])
            axes.errorbar(
                values, mean, errors, marker=".", color=colour, label=label
            )
        if name == "batch_size":
            axes.set_xscale("log", base=2)
        axes.set(title=title, xlabel=name.replace("_", " "))
        axes.grid(alpha=0.2)
        if len(curves) > 1:
            axes.legend()
    return figure


def draw_trainings(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
) -> Figure:
    """Draws how several networks learn, epoch by epoch.

    Args:
        histories: For each network, by its name, the columns `loss`,
            `accuracy` and `test_accuracy` with one value per epoch.
    """
    figure = Figure(figsize=(14, 4), layout="constrained")
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(histories)))
    panels = {
        "loss": "training loss",
        "accuracy": "training accuracy",
        "test_accuracy": "test accuracy",
    }
    for axes, (column, title) in zip(
        figure.subplots(1, 3), panels.items(), strict=True
    ):
        for colour, (name, history) in zip(
            colours, histories.items(), strict=True
        ):
            epochs = np.arange(1, len(history[column]) + 1)
            axes.plot(epochs, history[column], color=colour, label=name)
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.2)
    # On a linear axis one failed training would squeeze the others into a line.
    if _span(histories) > 10:
        figure.axes[0].set_yscale("log")
    lines, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside right center", fontsize=8)
    return figure


def _span(histories: Mapping[str, Mapping[str, Sequence[float]]]) -> float:
    """Returns the largest loss divided by the smallest."""
    # With 0, or with nan or infinity, as a failed training has them, the
    # quotient would not be a number.
    losses = np.concatenate([own["loss"] for own in histories.values()])
    losses = losses[np.isfinite(losses) & (losses > 0)]
    return float(losses.max() / losses.min()) if len(losses) else 1.0
