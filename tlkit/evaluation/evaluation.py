"""The figures that were measured of a classifier, as a record."""

from __future__ import annotations

from typing import Any

from tlkit.base.records import COUNT, SHARE, Column, Shown, Table, plain
from tlkit.data.names import ALL
from tlkit.evaluation.intervals import INTERVAL_COLUMN, INTERVAL_NAME

_COLUMNS = (
    Column("class"),
    Column("images", COUNT),
    Column("accuracy", SHARE),
    INTERVAL_COLUMN,
    Column("precision", SHARE),
)


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
        """Returns accuracy and number of images in a few words."""
        # The record of a run without `metrics.json` is empty.
        if not self:
            return "nothing measured"
        return f"{SHARE.text(self['accuracy'])} of {self._images()}"

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
            f"({INTERVAL_NAME} {ends})"
        )

    def _images(self) -> str:
        split = self.get("split", "")
        # Where all images are judged there is no split to name.
        words = str(self["count"]), "" if split == ALL else split, "images"
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
            for name, one in self["per_class"].items()
        )
        return Table(
            f"{self._images()}, log loss {self['log_loss']:.3f}",
            _COLUMNS,
            (overall, *classes),
            tuple(self.get("notes", ())),
            totals=1,
        )

    @staticmethod
    def _measured(one: dict[str, Any], share: str) -> tuple[Any, ...]:
        return one["count"], one[share], one[f"{share}_interval"]

    def to_dict(self) -> dict[str, Any]:
        """Returns everything measured as a dictionary that JSON can hold."""
        return plain(self)
