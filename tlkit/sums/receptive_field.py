"""Receptive fields: which places of the input a unit can see.

Along one axis, and on an input without end, the units of a layer see `size`
places each, `jump` places apart. A window of F elements, D apart, moved S
units at a time after P units of padding, makes of them

    size  + (F - 1) D jump,   jump S,   start - P jump

(Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
Networks", 2019, equations 1 to 3; dilation added). At the border of a real
input a unit sees less; the first and last place that every unit does see is
kept beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

#: First place of a unit that sees nothing but padding; its last is -1.
_NOWHERE = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Field:
    """What the units along one axis of a layer see along that of the input.

    Attributes:
        size: places that a unit sees on an endless input; infinite where all
            of the input is seen, however large.
        jump: places from one unit's field to the next; 0 of a unit that has
            no place, such as those of a dense layer.
        start: first place that the first unit sees; negative in padding.
        first: int64 `(units,)`, the first place of the real input that each
            unit sees.
        last: int64 `(units,)`, the last such place; below `first` where a
            unit sees nothing but padding.
    """

    size: float
    jump: int
    start: float
    first: np.ndarray
    last: np.ndarray

    @property
    def centre(self) -> float:
        """Middle of the first unit's field; that of unit i is i jumps on."""
        return self.start + (self.size - 1) / 2

    @property
    def is_whole(self) -> bool:
        """Whether it is the field of units without a place."""
        return math.isinf(self.size) and self.jump == 0


def input_field(places: int) -> Field:
    """Returns the field of the input itself: every place sees itself."""
    return Field(1, 1, 0, np.arange(places), np.arange(places))


def slide(
    field: Field,
    window: int,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
) -> Field:
    """Moves a window over the units: the field of a convolution or pooling.

    Args:
        field: of the units below.
        window: elements of the window.
        stride: units from one position of the window to the next.
        padding: units of padding before and after.
        dilation: units from one element of the window to the next.
    """
    padded = pad(field, *padding)
    extent = dilation * (window - 1) + 1
    starts = np.arange(0, len(padded.first) - extent + 1, stride)
    seen = starts[:, None] + dilation * np.arange(window)
    size, jump = field.size, field.jump
    return Field(
        size + (window - 1) * dilation * jump if jump else size,
        jump * stride,
        padded.start,
        padded.first[seen].min(axis=1),
        padded.last[seen].max(axis=1),
    )


def pad(field: Field, before: int, after: int) -> Field:
    """Adds units of padding, which see nothing.

    Args:
        field: of the units.
        before: units to add in front.
        after: units to add behind.
    """
    return replace(
        field,
        start=field.start - before * field.jump,
        first=np.pad(field.first, (before, after), constant_values=_NOWHERE),
        last=np.pad(field.last, (before, after), constant_values=-1),
    )


def crop(field: Field, before: int, after: int) -> Field:
    """Takes units away at both ends.

    Args:
        field: of the units.
        before: units to take away in front.
        after: units to take away behind.
    """
    kept = slice(before, len(field.first) - after)
    return replace(
        field,
        start=field.start + before * field.jump,
        first=field.first[kept],
        last=field.last[kept],
    )


def union(fields: Sequence[Field]) -> Field | None:
    """Joins the fields of branches that meet: from the first to the last.

    Args:
        fields: one per branch, of as many units each, or of one unit that is
            given to all.

    Returns:
        The joint field; None where the branches have another jump, so that
        no single one describes their sum.
    """
    jumps = {field.jump for field in fields if not field.is_whole}
    if len(jumps) > 1:
        return None
    start = min(field.start for field in fields)
    size = math.inf
    if not any(math.isinf(field.size) for field in fields):
        size = max(field.start + field.size for field in fields) - start
    return Field(
        size,
        max(jumps, default=0),
        start,
        np.min(np.broadcast_arrays(*(f.first for f in fields)), axis=0),
        np.max(np.broadcast_arrays(*(f.last for f in fields)), axis=0),
    )


def whole(field: Field) -> Field:
    """Joins all units to one without a place, as dense layers do."""
    return Field(
        math.inf, 0, -math.inf, field.first.min()[None], field.last.max()[None]
    )


def spread(field: Field) -> Field:
    """Lets every unit see what any sees, as normalisation over places does."""
    return Field(
        math.inf,
        field.jump,
        -math.inf,
        np.full_like(field.first, field.first.min()),
        np.full_like(field.last, field.last.max()),
    )
