"""Draws how a training went, and how good its model is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tlkit.plots.colours import TRAINING, VALIDATION, WAYS
from tlkit.plots.images import show_image

#: Share of the past in the smoothed curves. "Deep Learning with Python" has 0.8
#: for 100 epochs; over 30 the curve would lag behind the points.
_SMOOTHING = 0.6


def smooth(values: Sequence[float], factor: float = _SMOOTHING) -> np.ndarray:
    """Returns the exponential moving average of a curve.

    Each point is `factor` times the point before it plus `1 - factor` times
    the value. The first point is the first value.

    Args:
        values: One number per epoch.
        factor: Share of the past, 0 to below 1. The higher it is, the smoother
            the curve, and the later it follows a change.

    Example:
        >>> smooth([1.0, 0.0], 0.8).tolist()
        [1.0, 0.8]
    """
    smoothed: list[float] = []
    for value in values:
        last = smoothed[-1] if smoothed else value
        smoothed.append(factor * last + (1 - factor) * value)
    return np.array(smoothed)


def overfitting_epoch(history: Mapping[str, Sequence[float]]) -> int | None:
    """Returns the epoch from which on the network overfits.

    It is the epoch (from 1) with the lowest smoothed validation loss, provided
    that the validation loss is higher afterwards, on average, while the
    training loss goes on falling.

    Args:
        history: Columns `loss` and `val_loss`, one value per epoch.

    Returns:
        The epoch, or None if the network does not overfit.
    """
    validation = smooth(history["val_loss"], 0.5)
    lowest = int(np.argmin(validation))
    # Two epochs or more must follow: one alone may be higher by chance.
    if lowest >= len(validation) - 2:
        return None
    falls = history["loss"][-1] < history["loss"][lowest]
    rises = np.mean(validation[lowest + 1 :]) > validation[lowest] * 1.01
    return lowest + 1 if falls and rises else None


def draw_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draws accuracy and loss over the epochs, raw and smoothed.

    Args:
        history: Columns `accuracy`, `val_accuracy`, `loss` and `val_loss`, one
            value per epoch.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    turn = overfitting_epoch(history)
    for axes, name in zip(
        figure.subplots(1, 2), ("accuracy", "loss"), strict=True
    ):
        draw_curve(axes, history, name)
        if turn is not None:
            axes.axvline(turn, color="0.5", linestyle=":")
            axes.annotate(
                f"overfitting starts\nat epoch {turn}",
                (turn, 0.02),
                xycoords=("data", "axes fraction"),
                xytext=(4, 0),
                textcoords="offset points",
                color="0.3",
                fontsize=8,
            )
    return figure


def draw_curve(
    axes: Axes, history: Mapping[str, Sequence[float]], name: str
) -> None:
    """Draws accuracy or loss for training and validation into `axes`.

    Args:
        axes: Axes to draw into.
        history: Columns `<name>` and `val_<name>`, one value per epoch.
        name: Either `"accuracy"` or `"loss"`.
    """
    for column, label, colour in (
        (name, "training", TRAINING),
        (f"val_{name}", "validation", VALIDATION),
    ):
        epochs = np.arange(1, len(history[column]) + 1)
        axes.plot(epochs, history[column], ".", color=colour, alpha=0.4)
        axes.plot(epochs, smooth(history[column]), color=colour, label=label)
    axes.set(xlabel="epoch", title=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.2)
    axes.legend()


def draw_confusion(
    matrix: Sequence[Sequence[int]], class_names: Sequence[str], split: str
) -> Figure:
    """Draws a confusion matrix with its counts.

    Args:
        matrix: Counts of images. Rows are true classes, columns predicted
            ones.
        class_names: One name per row.
        split: Name of the split that was counted, for the title.
    """
    counts = np.asarray(matrix)
    # Coloured by the share of its row: a large class does not outshine a small
    # one. At least 1, for a class without images.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(4.0, 0.55 * len(class_names) + 2), 20.0)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = np.arange(len(class_names))
    axes.set_xticks(ticks, class_names, rotation=45, ha="right")
    axes.set_yticks(ticks, class_names)
    axes.set(
        xlabel="predicted",
        ylabel="true",
        title=f"{counts.sum()} {split} images",
    )
    # With more classes the numbers would not fit into the cells.
    if len(class_names) <= 30:
        for (row, column), count in np.ndenumerate(counts):
            dark = shares[row, column] > 0.5
            axes.text(
                column,
                row,
                str(count),
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
    return figure


def draw_overview(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    explained: Sequence[tuple[np.ndarray, np.ndarray, str]],
    mistakes: Sequence[tuple[np.ndarray, str]],
    columns: int = 8,
) -> Figure:
    """Draws how several ways learn, what one looks at, and its mistakes.

    Args:
        histories: For each way, by its name, the columns `val_accuracy` and
            `val_loss`, one value per epoch.
        explained: For each image its pixels (uint8 `(height, width, 3)`), its
            heat map of the same height and width (0 to 1), and a caption.
        mistakes: For each image its pixels and a caption.
        columns: Number of images in a row. Further images are not drawn.
    """
    figure = Figure(figsize=(1.5 * columns, 9), layout="constrained")
    top, middle, bottom = figure.subfigures(  # type: ignore[misc]
        3, 1, height_ratios=(3.4, 4, 2.2)
    )
    top.suptitle("validation images, epoch by epoch")
    for axes, name in zip(
        top.subplots(1, 2), ("accuracy", "loss"), strict=True
    ):
        for colour, (way, history) in zip(
            WAYS, histories.items(), strict=False
        ):
            values = history[f"val_{name}"]
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, color=colour, label=way)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.2)
    top.axes[0].legend()
    middle.suptitle("test images, and what speaks for the class (Grad-CAM)")
    cells = middle.subplots(2, columns)
    for (above, below), (image, heat, caption) in zip(
        cells.T, explained, strict=False
    ):
        show_image(above, image)
        above.set_title(caption, fontsize=8)
        show_image(below, image)
        below.imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1)
    bottom.suptitle("mistakes among the test images")
    cells = bottom.subplots(1, columns)
    for axes in cells:
        axes.set_axis_off()
    for axes, (image, caption) in zip(cells, mistakes, strict=False):
        show_image(axes, image)
        axes.set_axis_on()
        axes.set_title(caption, fontsize=8, color="#C00000")
    return figure
