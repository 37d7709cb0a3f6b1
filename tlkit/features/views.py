"""Sends views of the training images through the frozen part, once each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlkit.cluster.engines import RAY, keeping_ray
from tlkit.data.augment import Augmentation, View
from tlkit.data.index import TRAIN, VALIDATION, DatasetIndex
from tlkit.features.frozen import FrozenPart
from tlkit.store.housekeeping import prune_to_cap
from tlkit.store.pixels import keep_pixels
from tlkit.store.store import StoredRows


@dataclass(frozen=True, eq=False)
class ViewRows:
    """The rows that train the part of a network above the frozen one.

    Attributes:
        train: For each view the rows of the training images, of shape
            `(count, ...)`.
        validation: The rows of the validation images, which are not
            augmented.
        computed: Number of rows that were computed just now.
    """

    train: Sequence[StoredRows]
    validation: StoredRows
    computed: int


def extract_views(
    part: FrozenPart,
    data: DatasetIndex,
    augmentation: Augmentation,
    seed: int,
    count: int,
) -> ViewRows:
    """Runs views through a frozen part, unless their rows are stored.

    Args:
        part: The frozen part.
        data: The data set.
        augmentation: The random changes of training images. If it changes
            nothing, there is one view: the image as it is.
        seed: Seed of the views; the same seed gives the same views.
        count: Number of views of each training image, 1 or more.

    Raises:
        TlkitError: An image has become unreadable, the disk is full, or a
            value is too large for float16.
    """
    train, validation = data.splits[TRAIN], data.splits[VALIDATION]
    views: list[View | None] = [None]
    if not augmentation.changes_nothing:
        views = [View(augmentation, seed, number) for number in range(count)]
    # Decoded pixels take much more room than the files. That pays only if
    # each image would otherwise be decoded once for every view. Actors of Ray
    # read the files, as this machine's store need not be in their reach.
    several = len(views) > 1 and part.lacks(train, views)
    here = several and part.engine != RAY
    decoded = keep_pixels(data, part.frame) if here else {}
    with keeping_ray():
        plain, computed = part.rows({VALIDATION: validation}, decoded=decoded)
        rows, more = part.rows({TRAIN: train}, views, decoded)
    if computed + more:
        prune_to_cap()
    return ViewRows(rows[TRAIN], plain[VALIDATION][0], computed + more)
