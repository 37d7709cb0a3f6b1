"""All pictures: the only place that imports matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tlkit.atomic import atomic_path
from tlkit.data.augment import Augmentation
from tlkit.data.decode import resize_image
from tlkit.data.index import DatasetIndex
from tlkit.errors import UsageError

#: Training and validation, told apart by colour-blind readers too.
_TRAINING, _VALIDATION = "#0072B2", "#D55E00"
#: Okabe and Ito's colours, for up to four curves.
_WAYS = ("#000000", "#56B4E9", "#E69F00", "#009E73")
_MANY = (*_WAYS, "#0072B2", "#D55E00", "#CC79A7")
#: Share of the past in the smoothed curves. The book's 0.8 is for 100 epochs;
#: over 30 it would lag behind the points.
_SMOOTHING = 0.6
#: Share of the colours in a heat map laid over an image.
_SHARE = 0.6


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Saves a figure as PNG, whole or not at all.

    Args:
        figure: what was drawn.
        path: of the file; an older picture of tlkit's is replaced.

    Raises:
        UsageError: the file exists and tlkit has not made it.
        TlkitError: the disk is full or the folder cannot be written.
    """
    _check_way(path)
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=120, metadata={"Software": "tlkit"})


def save_image(image: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Saves pixels as PNG, whole or not at all.

    Args:
        image: uint8 `(height, width, 3)`.
        path: of the file; an older picture of tlkit's is replaced.

    Raises:
        UsageError: the file exists and tlkit has not made it.
        TlkitError: the disk is full or the folder cannot be written.
    """
    _check_way(path)
    about = PngInfo()
    about.add_text("Software", "tlkit")
    with atomic_path(path) as partial:
        Image.fromarray(image).save(partial, pnginfo=about)


def save_animation(
    frames: Sequence[np.ndarray], path: str | os.PathLike[str]
) -> None:
    """Saves a moving picture as GIF, whole or not at all.

    Args:
        frames: uint8 `(height, width, 3)`, all of one size; each is shown
            for 0.4 seconds, the last one for 2.
        path: of the file; an older picture of tlkit's is replaced.

    Raises:
        UsageError: the file exists and tlkit has not made it.
        TlkitError: the disk is full or the folder cannot be written.
    """
    _check_way(path)
    first, *others = (Image.fromarray(frame) for frame in frames)
    with atomic_path(path) as partial:
        first.save(
            partial,
            save_all=True,
            append_images=others,
            duration=[400] * len(others) + [2000],
            loop=0,
            comment=b"tlkit",
        )


def _check_way(path: str | os.PathLike[str]) -> None:
    if Path(path).exists() and not _is_ours(path):
        raise UsageError(
            "A file of another origin is in the way of a picture.",
            where=path,
            remedy="Choose another folder; nothing was changed.",
        )


def _is_ours(path: str | os.PathLike[str]) -> bool:
    try:
        with Image.open(path) as image:
            info = image.info
            return "tlkit" in (info.get("Software"), _comment(info))
    except (OSError, ValueError):
        return False


def _comment(info: Mapping[Any, Any]) -> str:
    comment = info.get("comment", b"")
    return comment.decode("latin-1") if isinstance(comment, bytes) else ""


def smooth(values: Sequence[float], factor: float = _SMOOTHING) -> np.ndarray:
    """Returns the exponential moving average of a curve.

    Each point is `factor` times the point before it plus `1 - factor` times
    the value; the first is the first value.

    Args:
        values: one number per epoch.
        factor: share of the past, 0 to below 1.

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
    """Says from which epoch on the network only learns by heart.

    It is the epoch (from 1) with the lowest smoothed validation loss,
    provided that the validation loss stays above it afterwards while the
    training loss goes on falling; None if that has not happened.

    Args:
        history: columns `loss` and `val_loss`, one value per epoch.
    """
    validation = smooth(history["val_loss"], 0.5)
    lowest = int(np.argmin(validation))
    if lowest >= len(validation) - 2:
        return None
    falls = history["loss"][-1] < history["loss"][lowest]
    rises = np.mean(validation[lowest + 1 :]) > validation[lowest] * 1.01
    return lowest + 1 if falls and rises else None


def draw_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draws accuracy and loss over the epochs, raw and smoothed.

    Args:
        history: columns `accuracy`, `val_accuracy`, `loss`, `val_loss`.
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
    """Draws one quantity for training and validation into `axes`.

    Args:
        axes: where to draw.
        history: columns `<name>` and `val_<name>`, one value per epoch.
        name: `"accuracy"` or `"loss"`.
    """
    for column, label, colour in (
        (name, "training", _TRAINING),
        (f"val_{name}", "validation", _VALIDATION),
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
        matrix: counts; rows are true classes, columns predicted ones.
        class_names: one name per row.
        split: which images were counted, for the title.
    """
    counts = np.asarray(matrix)
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


def draw_contact_sheet(data: DatasetIndex, per_class: int = 8) -> Figure:
    """Draws training images of every class (the first 12 classes).

    Args:
        data: the data set.
        per_class: how many images of each.
    """
    split = data.split("train")
    shown = data.class_names[:12]
    figure = Figure(
        figsize=(1.4 * per_class, 1.5 * len(shown)), layout="constrained"
    )
    grid = figure.subplots(len(shown), per_class, squeeze=False)
    for label, name in enumerate(shown):
        rows = np.flatnonzero(split.labels == label)
        # Spread over the class: neighbours in a folder often look alike.
        picked = rows[np.linspace(0, len(rows) - 1, per_class).astype(int)]
        for axes, row in zip(grid[label], picked, strict=True):
            show_image(axes, split.read(int(row), 160))
        grid[label][0].set_ylabel(f"{name}\n{len(rows)} images")
    figure.suptitle(f"{data.name}: training images")
    return figure


def draw_augmentation_sheet(
    data: DatasetIndex, augmentation: Augmentation, image_size: int = 150
) -> Figure:
    """Draws one training image of each of two classes, augmented many times.

    Args:
        data: the data set.
        augmentation: what may happen to an image.
        image_size: pixels of a side at which it happens.
    """
    split, columns = data.split("train"), 8
    figure = Figure(figsize=(1.4 * columns, 6), layout="constrained")
    grid = figure.subplots(4, columns)
    for label in (0, 1):
        row = int(np.flatnonzero(split.labels == label)[0])
        image = split.read(row, image_size)
        cells = grid[2 * label : 2 * label + 2].ravel()
        show_image(cells[0], image)
        cells[0].set_title("as it is", fontsize=8)
        for view, axes in enumerate(cells[1:]):
            show_image(
                axes, augmentation(image, seed=0, image_id=row, view=view)
            )
    figure.suptitle("one image, augmented many times")
    return figure


def draw_predictions(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    right: Sequence[bool],
    columns: int = 8,
) -> Figure:
    """Draws images with what a classifier said of them.

    Args:
        images: uint8 arrays of shape `(height, width, 3)`.
        captions: one per image.
        right: whether the classifier was right; mistakes are red.
        columns: images in a row.
    """
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.5 * columns, 1.8 * rows), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells[len(images) :]:
        axes.set_axis_off()
    for axes, image, caption, is_right in zip(
        cells, images, captions, right, strict=False
    ):
        show_image(axes, resize_image(image, 160))
        axes.set_title(
            caption, fontsize=8, color="black" if is_right else "#C00000"
        )
    return figure


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


def draw_overview(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    explained: Sequence[tuple[np.ndarray, np.ndarray, str]],
    mistakes: Sequence[tuple[np.ndarray, str]],
    columns: int = 8,
) -> Figure:
    """Draws how several ways learnt, what one looks at, and where it errs.

    Args:
        histories: per way columns `val_accuracy` and `val_loss`, one value
            per epoch.
        explained: image (uint8 `(height, width, 3)`), heat map of the same
            height and width (0 to 1), and caption.
        mistakes: image and caption.
        columns: images in a row.
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
            _WAYS, histories.items(), strict=False
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


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lays a heat map over an image: dark where nothing counts.

    The colours (inferno) are perceptually uniform: equal steps of the map
    look equally large, in gray too. Single pixels far above the rest, as
    gradients have them, do not darken the others: the brightest 0.5 % are
    shown alike.

    Args:
        image: uint8 `(height, width, 3)`.
        heat: `(height, width)`, 0 to 1.

    Returns:
        uint8, of the image's shape.
    """
    top = max(float(np.quantile(heat, 0.995)), 1e-6)
    colours = colormaps["inferno"](np.clip(heat / top, 0, 1))[..., :3] * 255
    mixed = _SHARE * colours + (1 - _SHARE) * image
    return mixed.round().astype(np.uint8)


def draw_heat_rows(
    rows: Sequence[tuple[np.ndarray, str, Sequence[tuple[np.ndarray, str]]]],
) -> Figure:
    """Draws images, each with its heat maps beside it.

    Args:
        rows: for each image its pixels (uint8 `(height, width, 3)`), its
            caption, and pairs of a heat map of its size and a caption.
    """
    columns = 1 + len(rows[0][2])
    # Few maps an image: several images share a row of the sheet.
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
            axes.set_title(said, fontsize=7)
    return figure


def draw_functions(
    x: np.ndarray, panels: Mapping[str, Mapping[str, np.ndarray]]
) -> Figure:
    """Draws functions of one number side by side.

    Args:
        x: where they were computed.
        panels: per panel its title, and in it up to four curves by name, each
            of the shape of `x`.
    """
    figure = Figure(figsize=(3.4 * len(panels), 3.2), layout="constrained")
    cells = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(cells, panels.items(), strict=True):
        for colour, (name, values) in zip(_WAYS, curves.items(), strict=False):
            axes.plot(x, values, color=colour, label=name)
        axes.set(title=title)
        axes.grid(alpha=0.2)
    cells[0].legend()
    return figure


def draw_readings(
    name: str,
    values: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]],
) -> Figure:
    """Draws readings against what was varied, with intervals.

    Args:
        name: of what was varied; batch sizes are drawn by their logarithm.
        values: one number a point, in rising order.
        panels: per panel its title, and in it by name, for each point, the
            mean and the ends of its interval; what is nan is left out.
    """
    figure = Figure(figsize=(5 * len(panels), 3.8), layout="constrained")
    cells = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(cells, panels.items(), strict=True):
        for colour, (label, readings) in zip(
            (_TRAINING, _VALIDATION, *_WAYS), curves.items(), strict=False
        ):
            mean, low, high = np.array(readings, float).T
            errors = np.nan_to_num([mean - low, high - mean])
            axes.errorbar(
                values, mean, errors, marker=".", color=colour, label=label
            )
        if name == "batch_size":
            axes.set_xscale("log", base=2)
        axes.set(title=title, xlabel=name.replace("_", " "))
        axes.grid(alpha=0.2)
        axes.legend()
    return figure


def draw_trainings(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
) -> Figure:
    """Draws how several networks learn, epoch by epoch.

    Args:
        histories: by the name of the network, columns `loss`, `accuracy` and
            `test_accuracy`, one value an epoch.
    """
    figure = Figure(figsize=(14, 4), layout="constrained")
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(histories)))
    for axes, column in zip(
        figure.subplots(1, 3),
        ("loss", "accuracy", "test_accuracy"),
        strict=True,
    ):
        for colour, (name, history) in zip(
            colours, histories.items(), strict=True
        ):
            epochs = np.arange(1, len(history[column]) + 1)
            axes.plot(epochs, history[column], color=colour, label=name)
        axes.set(xlabel="epoch", title=column.replace("_", " "))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.2)
    figure.axes[-1].legend(fontsize=7)
    return figure


def draw_boxes(
    boxes: Sequence[tuple[str, Sequence[int]]], title: str
) -> Figure:
    """Draws maps and vectors as boxes to scale, from input to output.

    A map is as high as its rows and as deep as its columns; its width goes
    with its channels. A vector is as high as it has units, on another scale,
    in another colour.

    Args:
        boxes: label and shape, `(height, width, channels)` or `(units,)`.
        title: of the picture.
    """
    maps = [shape for _, shape in boxes if len(shape) == 3]
    tallest = max(max(shape[:2]) for shape in maps)
    channels = max(shape[2] for shape in maps)
    units = max((s[0] for _, s in boxes if len(s) == 1), default=1)
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    left = 0.0
    for label, shape in boxes:
        size, colour = (0.03, shape[0] / units, 0.0), _WAYS[2]
        if len(shape) == 3:
            width = max(0.3 * shape[2] / channels, 0.005)
            depth = 0.25 * shape[1] / tallest
            size, colour = (width, shape[0] / tallest, depth), _WAYS[1]
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
    """A box seen from the front, the right and above, centred on y = 0."""
    width, height, depth = size
    right, top, bottom = left + width, height / 2, -height / 2
    rise = depth / 2
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
        image: uint8 `(height, width, 3)`.
        corners: `(top, left, bottom, right)` in pixels, all included.
        caption: below the image.
    """
    top, left, bottom, right = corners
    shown = image // 3
    inside = np.s_[top : bottom + 1, left : right + 1]
    shown[inside] = image[inside]
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    show_image(axes, shown)
    axes.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5),
            right - left + 1,
            bottom - top + 1,
            fill=False,
            edgecolor=_VALIDATION,
            linewidth=2,
        )
    )
    axes.set_xlabel(caption, wrap=True)
    return figure


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Shows an image without ticks and frame."""
    axes.imshow(image)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_cascade(
    steps: Sequence[str], correlations: Mapping[str, Sequence[float]]
) -> Figure:
    """Draws how far maps stay the same while a network is destroyed.

    Args:
        steps: what was randomised last; the first is empty, for nothing.
        correlations: by method, one rank correlation for each step.
    """
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(steps))
    for number, (method, values) in enumerate(correlations.items()):
        # Colours come round again: the second time dashed, then dotted.
        style = ("o-", "s--", "^:")[number // len(_MANY) % 3]
        colour = _MANY[number % len(_MANY)]
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


def draw_explained(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    captions: Sequence[str],
    columns: int = 10,
) -> Figure:
    """Draws images, and under each the same with its heat map over it.

    Args:
        images: uint8 arrays of shape `(height, width, 3)`.
        maps: of the same height and width, 0 to 1.
        captions: one for each image.
        columns: images in a row.
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
        above.set_title(caption, fontsize=8)
        show_image(below, image)
        below.imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1)
    return figure
