"""Views: augmented images go through the frozen part once, not each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlkit.base.errors import UsageError
from tlkit.data.augment import Augmentation, View
from tlkit.data.index import TRAIN, VALIDATION, DatasetIndex
from tlkit.features.frozen import FrozenPart
from tlkit.store.housekeeping import prune_store, store_cap
from tlkit.store.pixels import keep_pixels
from tlkit.store.store import StoredRows


@dataclass(frozen=True)
class Views:
    """How many augmented views of each training image are kept.

    Args:
        count: epoch `e` trains on view `e` modulo this. With as many views
            as epochs it is the same computation as training end to end.
        dtype: what is kept, `"float16"` or `"float32"`.

    Raises:
        UsageError: there is no view.
    """

    count: int = 5
    dtype: str = "float16"

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(
                "There are too few views.",
                where="views",
                expected="1 or more",
                received=self.count,
                remedy="To train end to end instead: --end-to-end, or "
                "views=None in Python.",
            )


@dataclass(frozen=True, eq=False)
class ViewRows:
    """What a frozen part gives for the images that train its suffix.

    Attributes:
        train: for each view rows of the training images, `(count, ...)`.
        validation: rows of the validation images, not augmented.
        computed: how many images and views were computed just now.
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
    """Runs views through a frozen part, unless that was done before.

    Args:
        part: the frozen part.
        data: the data set.
        augmentation: random views of the training images.
        seed: of the views: the same one gives the same views.
        count: how many views of each training image, 1 or more.

    Raises:
        TlkitError: an image has become unreadable, the disk is full, or a
            value is too large for float16.
    """
    train, validation = data.splits[TRAIN], data.splits[VALIDATION]
    views = [View(augmentation, seed, number) for number in range(count)]
    # Several views of an image are worth keeping it decoded.
    several = count > 1 and part.lacks(train, views)
    decoded = keep_pixels(data, part.image_size) if several else {}
    (plain,), computed = part.rows(
        validation, VALIDATION, decoded=decoded.get(VALIDATION)
    )
    rows, more = part.rows(train, TRAIN, views, decoded.get(TRAIN))
    if computed + more:
        prune_store(store_cap())
    return ViewRows(rows, plain, computed + more)
