"""The figures that were measured of a classifier, as a record."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tlkit.base.records import COUNT, SHARE, Column, Shown, Table, plain
from tlkit.base.wording import say_not_judged
from tlkit.data.names import ALL
from tlkit.evaluation.intervals import INTERVAL_COLUMN, INTERVAL_NAME

_COLUMNS = (
    Column("class"),
    Column("images", COUNT),
    Column("accuracy", SHARE),
    INTERVAL_COLUMN,
    Column("precision", SHARE),
)
#: From here on classes differ so much in size that the accuracy is mainly
#: that of the largest one, and the balanced accuracy is named beside it.
_UNEVEN = 1.5


def balanced_accuracy(
    per_class: Mapping[str, Mapping[str, Any]],
) -> float | None:
    """Returns the mean recall of the classes, each counting alike.

    A model that always says the largest of `k` classes has a balanced
    accuracy of `1 / k`, however large that class is (Brodersen and others,
    *The balanced accuracy and its posterior distribution*, ICPR 2010).

    Args:
        per_class: The figures of each class, of which `count` and `recall`
            are used. Classes without images do not count.

    Returns:
        The mean, 0 to 1; None if no class has images.
    """
    # Exact, so that for classes of one size it is the accuracy, to the last
    # digit that is shown.
    recalls = [
        Fraction(one["recall"]).limit_denominator(one["count"])
        for one in per_class.values()
        if one["count"]
    ]
    return float(sum(recalls) / len(recalls)) if recalls else None


class Evaluation(Shown, dict[str, Any]):
    """The figures of a classifier on one split: a dictionary with a table.

    Its keys are those of `metrics.json`. They are explained in
    `tlkit.evaluation.metrics.measure`.

    Example:
        >>> measured = Evaluation(
        ...     split="test", count=4, correct=3, accuracy=0.75,
        ...     accuracy_interval=(0.301, 0.954), log_loss=0.5, per_class={},
        ... )
        >>> measured["accuracy"], measured
        (0.75, Evaluation(75.0% of 4 test images))
    """

    def __repr__(self) -> str:
        return f"Evaluation({self.in_short()})"

    def in_short(self) -> str:
        """Returns accuracy and number of images in a few words.

        The balanced accuracy stands beside them where the largest class has
        at least 1.5 times the images of the smallest, or where one has none.
        """
        # The record of a run without `metrics.json` is empty.
        if not self:
            return "nothing measured"
        words = f"{SHARE.text(self['accuracy'])} of {self._images()}"
        return words + self._balanced_where_uneven()

    def summary(self) -> str:
        """Returns the result in a sentence that can be quoted.

        It names the split, the number of images and the confidence interval,
        without which an accuracy should not be quoted.
        """
        if not self:
            return self.in_short()
        ends = INTERVAL_COLUMN.kind.text(self["accuracy_interval"])
        return (
            f"{SHARE.text(self['accuracy'])} of {self._images()} right "
            f"({INTERVAL_NAME} {ends})" + self._balanced_where_uneven()
        )

    def _balanced_where_uneven(self) -> str:
        counts = [one["count"] for one in self._classes().values()]
        if not counts or max(counts) < _UNEVEN * min(counts):
            return ""
        return self._balanced()

    def _balanced(self) -> str:
        # From the classes, as runs of earlier versions do not name it.
        share = balanced_accuracy(self._classes())
        if share is None:
            return ""
        return f", balanced accuracy {SHARE.text(share)}"

    def _notes(self) -> tuple[str, ...]:
        """Returns the notes, and which classes nothing can be said of."""
        classes = self._classes().items()
        absent = [name for name, one in classes if not one["count"]]
        # The note of the data set may say so already, in the same words.
        notes = (*self.get("notes", ()), say_not_judged(absent, self._split()))
        return tuple(dict.fromkeys(filter(None, notes)))

    def _classes(self) -> Mapping[str, Mapping[str, Any]]:
        return self.get("per_class", {})

    def _split(self) -> str:
        # Data without splits are judged whole, as one split called "all".
        name = str(self.get("split", ""))
        return "" if name == ALL else name

    def _images(self) -> str:
        words = str(self["count"]), self._split(), "images"
        return " ".join(filter(None, words))

    def table(self) -> Table:
        """Returns the figures over all images, then class by class.

        The accuracy of a class is its recall, the share of its images that
        are recognised. Its precision is the share of right answers among the
        images that the model takes for this class.
        """
        if not self:
            return Table(self.in_short(), _COLUMNS, ())
        overall = ("all", *self._measured(self, "accuracy"), None)
        classes = (
            (name, *self._measured(one, "recall"), one["precision"])
            for name, one in self._classes().items()
        )
        return Table(
            f"{self._images()}, log loss {self['log_loss']:.3f}"
            + self._balanced(),
            _COLUMNS,
            (overall, *classes),
            self._notes(),
            totals=1,
        )

    @staticmethod
    def _measured(one: Mapping[str, Any], share: str) -> tuple[Any, ...]:
        return one["count"], one[share], one[f"{share}_interval"]

    def to_dict(self) -> dict[str, Any]:
        """Returns everything measured as a dictionary that JSON can hold."""
        return plain(self)
