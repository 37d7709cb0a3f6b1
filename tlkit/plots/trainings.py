"""Draws how a training went, and how good its model is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tlkit.plots.colours import MANY, TRAINING, VALIDATION
from tlkit.plots.figure import Figure
from tlkit.plots.fitting import fitted, fitted_names
from tlkit.plots.images import show_image

#: How fast an epoch's weight falls with its distance; see `smooth`.
_SHARPNESS = 5.0
#: Up to so many epochs the line goes from point to point: there is too little
#: to smooth.
_FEW_EPOCHS = 10
#: Number of classes up to which a confusion matrix has wide cells, zeros, and
#: figures; beyond the last, not every class is named either.
_WIDE, _ZEROS, _FIGURES = 12, 15, 60
#: Number of pairs, at most, that are listed beside a confusion matrix.
_PAIRS = 12


def smooth(
    values: Sequence[float], sharpness: float = _SHARPNESS
) -> np.ndarray:
    """Returns a curve without most of its noise, which does not lag behind.

    At each epoch a straight line is fitted to the values before and after
    it: local regression, as in Cleveland, "Robust Locally Weighted Regression
    and Smoothing Scatterplots" (1979). A straight line stays as it is. The
    weight of epoch s in the fit at epoch t is (min(s, t) / max(s, t)) to the
    power of `sharpness`: networks learn fastest in the first epochs, so there
    each stands nearly for itself, and later ones are taken together.

    Args:
        values: One number per epoch, from epoch 1.
        sharpness: Power of the weights, 0 or more. The higher it is, the
            closer the curve stays to the values.

    Example:
        >>> smooth([4.0, 1.0]).round(6).tolist()
        [4.0, 1.0]
    """
    given = np.asarray(values, float)
    epochs = np.arange(1.0, len(given) + 1)
    distance = epochs - epochs[:, None]
    ratio = np.minimum(epochs, epochs[:, None]) / np.maximum(
        epochs, epochs[:, None]
    )
    weights = ratio**sharpness
    # The normal equations of a weighted straight line, solved at its epoch.
    total, first, second = (
        (weights * distance**power).sum(axis=1) for power in range(3)
    )
    level, slope = weights @ given, (weights * distance) @ given
    if len(given) < 2:  # no line goes through a single point
        return given
    return (second * level - first * slope) / (total * second - first**2)


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
    validation = smooth(history["val_loss"])
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

    The line is smoothed where there are more than ten epochs.

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
        values = history[column]
        line = values if len(values) <= _FEW_EPOCHS else smooth(values)
        axes.plot(epochs, values, ".", color=colour, alpha=0.4)
        axes.plot(epochs, line, color=colour, label=label)
    axes.set(xlabel="epoch", title=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.2)
    axes.legend()


def draw_confusion(
    matrix: Sequence[Sequence[int]], class_names: Sequence[str], split: str
) -> Figure:
    """Draws a confusion matrix with its counts.

    With more than 12 classes the pairs that are confused most often are
    listed beside it, with more than 15 the zeros are left out, and with more
    than 60 all counts and some of the names.

    Args:
        matrix: Counts of images. Rows are true classes, columns predicted
            ones.
        class_names: One name per row.
        split: Name of the split that was counted, for the title.
    """
    counts, number = np.asarray(matrix), len(class_names)
    cell = 0.55 if number <= _WIDE else max(0.3, 0.45 - number / 400)
    side = min(max(3.5, cell * number), cell * _FIGURES)
    listed = number > _WIDE
    # The matrix is square: room for its names is found in two steps.
    figure = Figure(
        figsize=(side + 3 + 6 * listed, side + 2), layout="compressed"
    )
    widths = [side + 3, 6][: 1 + listed]
    cells = figure.subplots(
        1, len(widths), squeeze=False, width_ratios=widths
    ).ravel()
    _draw_matrix(figure, cells[0], counts, class_names, side / number)
    cells[0].set_title(f"{counts.sum()} {split} images")
    for axes in cells[1:]:
        axes.set_axis_off()
        axes.text(
            *(0, 1, "\n".join(_confused_pairs(counts, class_names))),
            transform=axes.transAxes,
            va="top",
            fontsize=11,
            linespacing=1.6,
        )
    return figure


def _draw_matrix(
    figure: Figure,
    axes: Axes,
    counts: np.ndarray,
    class_names: Sequence[str],
    cell: float,
) -> None:
    # Coloured by the share of its row: a large class does not outshine a small
    # one. At least 1, for a class without images.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(
        shown, ax=axes, shrink=0.6, label="share of the true class"
    ).ax.yaxis.set_major_formatter(PercentFormatter(1))
    size = min(10.0, 72 * cell * 0.7)
    step = -(-len(class_names) // _FIGURES)
    ticks = range(0, len(class_names), step)
    lines = 2 if len(class_names) <= _WIDE else 1
    names = fitted_names(class_names, 1.6, size, lines)[::step]
    axes.set_xticks(ticks, names, fontsize=size, rotation=90)
    axes.set_yticks(ticks, names, fontsize=size)
    left_out = f" (one class in {step} is named)" if step > 1 else ""
    axes.set(xlabel="predicted", ylabel=f"true{left_out}", anchor="N")
    if len(class_names) <= _FIGURES:
        _write_counts(axes, counts, shares, cell)


def _write_counts(
    axes: Axes, counts: np.ndarray, shares: np.ndarray, cell: float
) -> None:
    widest = len(str(counts.max()))
    size = min(10.0, 72 * cell * 0.9 / (0.65 * widest))
    for (row, column), count in np.ndenumerate(counts):
        if count or len(counts) <= _ZEROS:
            dark = shares[row, column] > 0.5
            axes.text(
                *(column, row, str(count)),
                ha="center",
                va="center",
                fontsize=size,
                color="white" if dark else "black",
            )


def _confused_pairs(
    counts: np.ndarray, class_names: Sequence[str]
) -> list[str]:
    """Says which classes are most often taken for which others."""
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    pairs = [divmod(int(place), len(counts)) for place in order]
    names = fitted_names(class_names, 2, 11, 1)
    lines = [
        f"{names[true]} → {names[said]}: "
        f"{wrong[true, said]} of {counts[true].sum()}"
        for true, said in pairs
        if wrong[true, said]
    ]
    return ["true → predicted, most often confused:", *lines, *_rest(wrong)]


def _rest(wrong: np.ndarray) -> list[str]:
    """Says how many pairs the list leaves out."""
    pairs = int(np.count_nonzero(wrong))
    if pairs <= _PAIRS:
        return [] if pairs else ["none"]
    return [f"and {pairs - _PAIRS:,} other pairs"]


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
        columns: Number of images in a row. Further images are not drawn, and
            the titles say how many there are.
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
            cycle(MANY), histories.items(), strict=False
        ):
            values = history[f"val_{name}"]
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, color=colour, label=way)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.2)
    top.axes[0].legend()
    middle.suptitle(
        "test images, and what speaks for the class (Grad-CAM)"
        + _of_all(columns, explained)
    )
    cells = middle.subplots(2, columns)
    for (above, below), (image, heat, caption) in zip(
        cells.T, explained, strict=False
    ):
        show_image(above, image)
        above.set_title(fitted(caption, 1.4), fontsize=8)
        show_image(below, image)
        below.imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1)
    bottom.suptitle(
        "mistakes among the test images" + _of_all(columns, mistakes)
    )
    cells = bottom.subplots(1, columns)
    for axes in cells:
        axes.set_axis_off()
    for axes, (image, caption) in zip(cells, mistakes, strict=False):
        show_image(axes, image)
        axes.set_axis_on()
        axes.set_title(fitted(caption, 1.4), fontsize=8, color="#C00000")
    return figure


def _of_all(drawn: int, things: Sequence[object]) -> str:
    return f": {drawn} of {len(things)}" if len(things) > drawn else ""
