"""The predictions of a classifier, as records and as a table."""

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

#: Number of classes that a table shows after the most likely one.
_NEXT = 2


@dataclass(frozen=True, repr=False)
class Prediction:
    """The prediction of a classifier for one image.

    Args:
        image: Path of the image, or, if it was not a file, `#0`, `#1` and so
            on for its number among those classified.
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
        """Returns the prediction as a dictionary that JSON can hold."""
        return {
            "image": self.image,
            "class": self.class_name,
            "probability": self.probability,
            "probabilities": dict(self.ranked),
        }


def _next_text(ranked: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {SHARE.text(share)}" for name, share in ranked)


#: The columns of the table of predictions.
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
    """The predictions of a classifier for several images, in their order."""

    def __repr__(self) -> str:
        first = f", the first: {self[0]!r}" if self else ""
        return f"Predictions({len(self)} images{first})"

    def table(self) -> Table:
        """Returns a row for each image with its most likely classes."""
        return tabulate("", _COLUMNS, self)

    def to_dict(self) -> dict[str, Any]:
        """Returns all probabilities as a dictionary that JSON can hold."""
        return {"predictions": [one.to_dict() for one in self]}


def rank(
    images: Sequence[str], shares: np.ndarray, class_names: Sequence[str]
) -> Predictions:
    """Makes predictions of probabilities, the most probable class first.

    Args:
        images: A name for each image.
        shares: The probabilities, of shape `(count, classes)`. Of equally
            probable classes the one that comes first in `class_names` is
            ranked first.
        class_names: A name for each class.
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
