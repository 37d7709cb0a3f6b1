"""The index of a data set: its images, their classes and their splits.

A `DatasetIndex` is made once, before training. It is kept beside the batches
and not on them, since tf.data drops any attribute when a dataset is mapped.
TensorFlow is not needed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.base.image_size import ImageSize
from tlkit.base.records import COUNT, Column, Shown, Table, shorten
from tlkit.data.decode import read_image, resize_image
from tlkit.data.names import ALL as ALL
from tlkit.data.names import SPLITS as SPLITS
from tlkit.data.names import TEST as TEST
from tlkit.data.names import TRAIN as TRAIN
from tlkit.data.names import VALIDATION as VALIDATION
from tlkit.data.scan import LeftOut as LeftOut


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """The images of one split, in their fixed order.

    Args:
        images: Paths of files, or a uint8 array of shape
            `(count, height, width, 3)`.
        labels: Class numbers, an int64 array of shape `(count,)` of positions
            in `class_names`.
        digests: For each image 32 hexadecimal digits of its content; equal
            images have equal digests.
        groups: For each image the name of what it shows, such as a patient,
            whose images must stay in one split; an empty name for an image
            of no group, and an empty tuple if there are no groups.
    """

    images: Sequence[Path] | np.ndarray
    labels: np.ndarray
    digests: tuple[str, ...]
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.digests)

    def __repr__(self) -> str:
        if isinstance(self.images, np.ndarray):
            height, width = self.images.shape[1:3]
            return f"Split({len(self)} images of {height} x {width} pixels)"
        return f"Split({len(self)} files)"

    def read(self, row: int, image_size: ImageSize | None = None) -> np.ndarray:
        """Returns image number `row` as uint8 `(height, width, 3)`.

        Args:
            row: Number of the image in this split, 0 to `len(split) - 1`.
            image_size: Size in pixels to which the image is resized, or a
                `Frame`; None keeps its own size.

        Raises:
            TlkitError: The file has become unreadable since it was indexed.
        """
        image = self.images[row]
        if isinstance(image, Path):
            return read_image(image, image_size)
        return image if image_size is None else resize_image(image, image_size)

    def rows_of(self, digests: Sequence[str]) -> np.ndarray:
        """Returns the row of each digest, an int64 array of shape `(count,)`.

        Of equal images, which share a digest, it is the last one's row.
        """
        rows = {digest: row for row, digest in enumerate(self.digests)}
        return np.array([rows[digest] for digest in digests], np.int64)

    def name(self, row: int) -> str:
        """Returns the path of image `row`, or its number for an array."""
        image = self.images[row]
        return str(image) if isinstance(image, Path) else f"#{row}"

    def select(self, rows: np.ndarray) -> Split:
        """Returns a split with only these rows, in this order."""
        rows = np.asarray(rows, dtype=np.int64)
        images = (
            self.images[rows]
            if isinstance(self.images, np.ndarray)
            else tuple(self.images[row] for row in rows)
        )
        digests = tuple(self.digests[row] for row in rows)
        groups = tuple(self.groups[row] for row in rows if self.groups)
        return Split(images, self.labels[rows], digests, groups)


@dataclass(frozen=True, eq=False, repr=False)
class DatasetIndex(Shown):
    """A data set: its classes, its splits, and what was left out of it.

    Args:
        name: Short name, for run folders and titles.
        source: The path or the name that it was loaded from.
        class_names: Names of the classes. They are the same for all splits,
            and a label is a position in them.
        splits: The splits by name: `"train"`, `"validation"` and, where
            there is one, `"test"`.
        left_out: Files and folders that are not used, with the reasons.
        notes: What a reader should know before trusting a figure.
        prints: By digest what `tlkit.data.likeness.fingerprint_of` returns;
            empty where the images are not in files.
        read_as: How `load_dataset` has read it, by which `load_again` reads
            it once more; empty for arrays in memory.

    Example:
        >>> images = np.zeros((2, 8, 8, 3), np.uint8)
        >>> split = Split(images, np.array([0, 1]), ("a" * 32, "b" * 32))
        >>> DatasetIndex("pets", "pets/", ("cats", "dogs"), {"train": split})
        DatasetIndex('pets': 2 classes, 2 train images)
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    prints: Mapping[str, bytes] = field(default_factory=dict)
    read_as: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"DatasetIndex({shorten(self.name)!r}: {self._in_short()})"

    def _in_short(self) -> str:
        # Of data without splits there is no name to say.
        sizes = ", ".join(
            str(len(split)) if name == ALL else f"{len(split)} {name}"
            for name, split in self.splits.items()
        )
        classes = "class" if len(self.class_names) == 1 else "classes"
        return f"{len(self.class_names)} {classes}, {sizes} images"

    def summary(self, most: int = 20) -> str:
        """Returns what was found, what was left out, and the notes.

        Args:
            most: Number of left-out files that are named at most. Of further
                ones only the number is given.
        """
        lines = [f"{self.name}: {self._in_short()}"]
        if self.left_out:
            lines.append(f"left out {len(self.left_out)}:")
            lines += [
                f"  {left.path}: {left.reason}" for left in self.left_out[:most]
            ]
        if len(self.left_out) > most:
            lines.append(f"  and {len(self.left_out) - most} more")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def table(self) -> Table:
        """Returns the number of images of each class in each split."""
        counts, notes = self.counts(), self.notes
        if self.left_out:
            left = f"Files and folders left out: {len(self.left_out)}."
            notes = (*notes, left)
        return Table(
            self.name,
            (Column("class"), *(Column(split, COUNT) for split in counts)),
            tuple(
                (name, *(split[name] for split in counts.values()))
                for name in self.class_names
            ),
            notes,
        )

    def split(self, name: str) -> Split:
        """Returns a split by its name.

        Raises:
            UsageError: The data set has no such split.
        """
        if name not in self.splits:
            raise UsageError(
                f"The data set {self.name} has no {name} split.",
                where=self.source,
                expected=" or ".join(self.splits),
                received=name,
                remedy=did_you_mean(name, self.splits),
            )
        return self.splits[name]

    def with_note(self, note: str) -> DatasetIndex:
        """Returns the same index with one more note for the reader."""
        return replace(self, notes=(*self.notes, note))

    def counts(self) -> dict[str, dict[str, int]]:
        """Returns images per split and class: `{split: {class: count}}`."""
        return {
            name: {
                class_name: int(np.sum(split.labels == label))
                for label, class_name in enumerate(self.class_names)
            }
            for name, split in self.splits.items()
        }

    def fingerprint(self) -> str:
        """Returns 16 hexadecimal digits that change when the data change.

        They depend on class names, image contents, labels and splits, and
        not on paths: a moved or renamed folder keeps its fingerprint.
        """
        # Sorted, since renaming a file changes the order of the images.
        parts = [repr(self.class_names)]
        for name in sorted(self.splits):
            split = self.splits[name]
            rows = zip(split.digests, split.labels.tolist(), strict=True)
            parts.append(repr((name, sorted(rows))))
        return digest("".join(parts).encode())[:16]


def digest(content: bytes) -> str:
    """Returns 32 hexadecimal digits that identify `content` (SHA-256)."""
    # 128 bits: that two different images share them is practically excluded,
    # and the files that list all images stay half as long.
    return hashlib.sha256(content).hexdigest()[:32]
