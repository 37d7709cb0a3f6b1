"""Finds the images that must stay together when a data set is divided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlkit.data.index import Split


@dataclass(frozen=True, eq=False)
class Units:
    """The parts of a split that may not be divided.

    Equal images belong together, and so do the images of one group. Where a
    group has an image that equals one of another group, both are one unit.

    Args:
        numbers: Number of the unit of each image, from 0, an int array of
            shape `(count,)`.
        keys: For each unit the texts by which it is known, whatever else is
            in the data: the names of its groups, or its image's digest.
    """

    numbers: np.ndarray
    keys: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.keys)

    def holding(self, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns which units hold which classes.

        Args:
            labels: Class numbers, an int array of shape `(count,)`.

        Returns:
            Units, classes and numbers of images, three int arrays of one
            length: each class that a unit holds, once.
        """
        classes = int(labels.max()) + 1
        pairs, images = np.unique(
            self.numbers * classes + labels, return_counts=True
        )
        return *np.divmod(pairs, classes), images


def find_units(split: Split) -> Units:
    """Finds what must stay together in a split.

    Args:
        split: The images. One whose group has an empty name belongs to no
            group.
    """
    digests = np.unique(np.array(split.digests), return_inverse=True)
    if not split.groups:
        return Units(digests[1], tuple((str(key),) for key in digests[0]))
    pairs = zip(split.groups, split.digests, strict=True)
    names, of_image = np.unique(
        np.array([group or content for group, content in pairs]),
        return_inverse=True,
    )
    numbers = _connected(of_image, digests[1])[of_image]
    return Units(numbers, _collect(names, of_image, numbers))


def _connected(groups: np.ndarray, contents: np.ndarray) -> np.ndarray:
    """Returns a number for each group, the same for those that share images."""
    # SciPy takes a while to import, and data without groups do not need it.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = int(groups.max()) + 1
    nodes = first + int(contents.max()) + 1
    links = coo_array(
        (np.ones(len(groups)), (groups, first + contents)), (nodes, nodes)
    )
    return connected_components(links, directed=False)[1][:first]


def _collect(
    names: np.ndarray, of_image: np.ndarray, numbers: np.ndarray
) -> tuple[tuple[str, ...], ...]:
    """Returns the names of each unit's groups."""
    found: list[list[str]] = [[] for _ in range(int(numbers.max()) + 1)]
    _, firsts = np.unique(of_image, return_index=True)
    for name, image in zip(names.tolist(), firsts, strict=True):
        found[numbers[image]].append(name)
    return tuple(map(tuple, found))
