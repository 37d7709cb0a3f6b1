"""Draws images, alone and in sheets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tlkit.data.augment import Augmentation
from tlkit.data.decode import resize_image
from tlkit.data.index import DatasetIndex, Split
from tlkit.data.names import ALL, TRAIN
from tlkit.plots.figure import Figure
from tlkit.plots.fitting import fitted, fitted_names

#: Number of classes, at most, that a sheet has room for, and up to which the
#: images are large.
_MOST_CLASSES, _FEW_CLASSES = 60, 12
_SHEETS = {TRAIN: "training images", ALL: "images"}


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Shows an image without ticks and frame.

    Args:
        axes: Axes to draw into.
        image: Image as matplotlib takes it.
    """
    # Not `set_axis_off`, which would hide the labels that some sheets have.
    axes.imshow(image)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_contact_sheet(data: DatasetIndex, per_class: int = 8) -> Figure:
    """Draws images of each class: training images, where data have splits.

    Up to 60 classes are drawn, those beyond 12 with fewer and smaller images.
    The title says so where there are more.

    Args:
        data: Data set whose images are drawn.
        per_class: Number of images of each class, at most.
    """
    name, split = _drawn_split(data)
    shown = data.class_names[:_MOST_CLASSES]
    few = len(shown) <= _FEW_CLASSES
    number, side = (per_class, 1.4) if few else (min(per_class, 5), 0.8)
    columns = 1 if few else 3
    rows = -(-len(shown) // columns)
    width = columns * (number * side + 0.3)
    figure = Figure(
        figsize=(width, rows * (side + 0.35) + 0.6), layout="constrained"
    )
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells[len(shown) :]:
        axes.set_axis_off()
    names = fitted_names(shown, number * side - 1, 9, 1)
    for label, (axes, own) in enumerate(zip(cells, names, strict=False)):
        images = np.flatnonzero(split.labels == label)
        show_image(axes, _strip(split, images, number))
        title = f"{own}: {len(images):,} images"
        axes.set_title(title, fontsize=9, loc="left")
    whole = f"{data.name}: {_SHEETS.get(name, f'{name} images')}"
    if len(shown) < len(data.class_names):
        whole += f", {len(shown)} of {len(data.class_names)} classes"
    figure.suptitle(fitted(whole, width, 12))
    return figure


def _drawn_split(data: DatasetIndex) -> tuple[str, Split]:
    """Returns the training split, or the first one where there is none."""
    name = TRAIN if TRAIN in data.splits else next(iter(data.splits))
    return name, data.splits[name]


def _strip(split: Split, images: np.ndarray, number: int) -> np.ndarray:
    """Puts some images of a class side by side, with gaps between."""
    side, gap = 160, 12
    strip = np.full((side, number * (side + gap) - gap, 3), 255, np.uint8)
    # Spread over the class: neighbours in a folder often look alike.
    many = min(number, len(images))
    picked = np.linspace(0, len(images) - 1, many).astype(int)
    for place, row in enumerate(images[picked]):
        left = place * (side + gap)
        strip[:, left : left + side] = split.read(int(row), side)
    return strip


def draw_augmentation_sheet(
    data: DatasetIndex, augmentation: Augmentation, image_size: int = 150
) -> Figure:
    """Draws one training image of each of two classes, augmented many times.

    Args:
        data: Data set whose images are drawn. Without a training split, those
            of its first split are drawn.
        augmentation: Random changes to the images.
        image_size: Side in pixels to which an image is resized before.
    """
    (_, split), columns = _drawn_split(data), 8
    labels = np.unique(split.labels)[:2]
    figure = Figure(
        figsize=(1.4 * columns, 3 * len(labels)), layout="constrained"
    )
    grid = figure.subplots(2 * len(labels), columns)
    for place, label in enumerate(labels):
        row = int(np.flatnonzero(split.labels == label)[0])
        image = split.read(row, image_size)
        cells = grid[2 * place : 2 * place + 2].ravel()
        show_image(cells[0], image)
        cells[0].set_title("as it is", fontsize=8)
        for view, axes in enumerate(cells[1:]):
            show_image(
                axes, augmentation(image, seed=0, image_id=row, view=view)
            )
    figure.suptitle("two images, augmented many times")
    return figure


def draw_predictions(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    right: Sequence[bool],
    columns: int = 8,
) -> Figure:
    """Draws images with what a classifier said about them.

    Args:
        images: Images as uint8 `(height, width, 3)`.
        captions: One caption per image.
        right: Whether the classifier was right, for each image. The captions
            of mistakes are red.
        columns: Number of images in a row.
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
            fitted(caption, 1.4),
            fontsize=8,
            color="black" if is_right else "#C00000",
        )
    return figure
