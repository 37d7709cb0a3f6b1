"""Says what the numbers of images of the classes mean for the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tlkit.base.wording import name_some, say_not_judged
from tlkit.data.index import TEST, TRAIN, VALIDATION, Split

#: With fewer test images than this, one more right or wrong moves a class's
#: accuracy by more than a tenth.
_JUDGED = 10
#: Fewer training images than this show little of what a class looks like.
_LEARNT = 10
#: How much larger than another a class is where that has to be said.
_UNEVEN = 3


def notes_on_sizes(
    class_names: Sequence[str], splits: Mapping[str, Split]
) -> tuple[str, ...]:
    """Returns what a reader should know of the sizes of the classes.

    Args:
        class_names: Names of the classes.
        splits: The splits by name.

    Returns:
        At most a sentence of each kind: classes of which the test split (or
        validation, where there is no test split) has no images, or fewer than
        10; classes with fewer than 10 training images; and classes of very
        different sizes.
    """
    judged = TEST if TEST in splits else VALIDATION
    counts = {
        split: np.bincount(splits[split].labels, minlength=len(class_names))
        for split in {judged, TRAIN} & set(splits)
    }
    notes: list[str | None] = []
    if judged in counts:
        notes.append(
            say_not_judged(
                absent_classes(splits[judged].labels, class_names), judged
            )
        )
        few = _fewer_than(_JUDGED, counts[judged], class_names, judged)
        notes.append(few and f"{few}: their accuracy is hardly known.")
    if TRAIN in counts:
        few = _fewer_than(_LEARNT, counts[TRAIN], class_names, "training")
        notes.append(few and f"{few}: little can be learnt of them.")
        notes.append(_on_imbalance(counts[TRAIN], class_names))
    return tuple(note for note in notes if note)


def absent_classes(labels: np.ndarray, class_names: Sequence[str]) -> list[str]:
    """Returns the names of the classes that have no images.

    Args:
        labels: Class numbers of the images, an int array of shape `(count,)`.
        class_names: Names of the classes.
    """
    counts = np.bincount(labels, minlength=len(class_names))
    pairs = zip(class_names, counts, strict=True)
    return [name for name, count in pairs if not count]


def _fewer_than(
    most: int, counts: np.ndarray, class_names: Sequence[str], split: str
) -> str | None:
    few = [
        f"{counts[label]} of {class_names[label]}"
        for label in np.argsort(counts, kind="stable")
        if 0 < counts[label] < most
    ]
    return f"Few {split} images ({name_some(few)})" if few else None


def _on_imbalance(counts: np.ndarray, class_names: Sequence[str]) -> str | None:
    most, fewest = int(counts.argmax()), int(counts.argmin())
    if counts[most] < _UNEVEN * counts[fewest]:
        return None
    return (
        f"The classes differ in size: {counts[most]} training images of "
        f"{class_names[most]}, {counts[fewest]} of {class_names[fewest]}. "
        "Accuracy is mainly that of the large ones; balanced accuracy counts "
        "each class alike, and --balance does so in training."
    )
