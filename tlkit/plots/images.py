"""Draws images, alone and in sheets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tlkit.data.augment import Augmentation
from tlkit.data.decode import resize_image
from tlkit.data.index import DatasetIndex


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
    """Draws training images of each of the first 12 classes.

    Args:
        data: Data set whose images are drawn.
        per_class: Number of images of each class.
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
        data: Data set whose images are drawn.
        augmentation: Random changes to the images.
        image_size: Side in pixels to which an image is resized before.
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
            caption, fontsize=8, color="black" if is_right else "#C00000"
        )
    return figure
