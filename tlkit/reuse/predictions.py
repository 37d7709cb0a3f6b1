"""What a classifier says of pictures, as records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlkit.base.records import (
    SHARE,
    Column,
    Field,
    Kind,
    Shown,
    Table,
    shorten,
    tabulate,
)

#: So many classes are shown after the most likely one.
_NEXT = 2


@dataclass(frozen=True, repr=False)
class Prediction:
    """What a classifier says of one picture.

    Args:
        image: The picture's path, or `#0`, `#1` and so on, which is its place
            among those classified, if it was no file.
        ranked: Pairs of class name and probability, the most probable first.
    """

    image: str
    ranked: tuple[tuple[str, float], ...]

    def __repr__(self) -> str:
        said = f"{shorten(self.class_name)} {SHARE.text(self.probability)}"
        return f"Prediction({shorten(self.image)!r}: {said})"

    @property
    def class_name(self) -> str:
        """The most probable class."""
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        """The probability of that class, 0 to 1."""
        return self.ranked[0][1]

    def to_dict(self) -> dict[str, Any]:
        """Returns the prediction as JSON can hold it."""
        return {
            "image": self.image,
            "class": self.class_name,
            "probability": self.probability,
            "probabilities": dict(self.ranked),
        }


def _next_text(ranked: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {SHARE.text(share)}" for name, share in ranked)


#: What a table shows of each picture.
_COLUMNS: list[Field[Prediction]] = [
    (Column("image", long=True), lambda x: x.image),
    (Column("class"), lambda x: x.class_name),
    (Column("probability", SHARE), lambda x: x.probability),
    (
        Column("next most likely", Kind("classes", _next_text, right=False)),
        lambda x: x.ranked[1 : 1 + _NEXT],
    ),
]


class Predictions(Shown, tuple[Prediction, ...]):
    """What a classifier says of several pictures, in their order."""

    def __repr__(self) -> str:
        first = f", the first: {self[0]!r}" if self else ""
        return f"Predictions({len(self)} pictures{first})"

    def table(self) -> Table:
        """Returns the pictures with their most likely classes."""
        return tabulate("", _COLUMNS, self)

    def to_dict(self) -> dict[str, Any]:
        """Returns all classes' probabilities, as JSON can hold them."""
        return {"predictions": [one.to_dict() for one in self]}


def rank(
    images: Sequence[str], shares: np.ndarray, class_names: Sequence[str]
) -> Predictions:
    """Makes records of probabilities.

    Args:
        images: A name for each picture.
        shares: The probabilities, of shape `(count, classes)`. Of equal ones
            the class that comes first in `class_names` is ranked first.
        class_names: One name per class.
    """
    return Predictions(
        Prediction(
            image,
            tuple(
                (class_names[label], float(row[label]))
                for label in (-row).argsort(kind="stable")
            ),
        )
        for image, row in zip(images, shares, strict=True)
    )
