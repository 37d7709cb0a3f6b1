"""Receptive fields: the places of the input that a unit can see.

Along one axis, and on an endless input, each unit of a layer sees `size`
places, and the fields of neighbouring units lie `jump` places apart. A window
of F elements, D units apart, moved S units at a time after P units of padding,
makes of this

    size  + (F - 1) D jump,   jump S,   start - P jump

(Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
Networks", 2019, equations 1 to 3; dilation added). At the border of a real
input a unit sees less. For that reason the first and the last place that each
unit really sees are kept as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

#: First place of a unit that sees nothing but padding; its last place is -1.
#: The minimum and maximum over a window thus leave such units out.
_NOWHERE = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Field:
    """What the units of a layer see of the input, along one axis.

    Attributes:
        size: Places that a unit sees on an endless input. Infinite if a unit
            sees all of the input, however large.
        jump: Places from the field of one unit to that of the next. 0 for
            units without a place, such as those of a dense layer.
        start: First place that the first unit sees. Negative in padding.
        first: First place of the real input that each unit sees, as int64
            `(units,)`.
        last: Last place of the real input that each unit sees, as int64
            `(units,)`. Below `first` if the unit sees nothing but padding.
    """

    size: float
    jump: int
    start: float
    first: np.ndarray
    last: np.ndarray

    @property
    def centre(self) -> float:
        """Middle of the first unit's field; unit i has its own i jumps on."""
        return self.start + (self.size - 1) / 2

    @property
    def is_whole(self) -> bool:
        """Whether the units have no place and see all of the input."""
        return math.isinf(self.size) and self.jump == 0


def input_field(places: int) -> Field:
    """Returns the field of the input itself: every place sees itself.

    Args:
        places: Number of places along the axis.
    """
    return Field(1, 1, 0, np.arange(places), np.arange(places))


def slide(
    field: Field,
    window: int,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
) -> Field:
    """Returns the field of a convolution or pooling.

    Args:
        field: Field of the units that the window slides over.
        window: Elements of the window.
        stride: Units from one position of the window to the next.
        padding: Units of padding before and after.
        dilation: Units from one element of the window to the next.
    """
    padded = pad(field, *padding)
    extent = dilation * (window - 1) + 1
    starts = np.arange(0, len(padded.first) - extent + 1, stride)
    # (positions, 1) + (elements,): the units under each position.
    seen = starts[:, None] + dilation * np.arange(window)
    size, jump = field.size, field.jump
    # Units without a place (jump 0) all see the same; a window adds nothing.
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
        field: Field of the units.
        before: Number of units to add in front.
        after: Number of units to add behind.
    """
    return replace(
        field,
        start=field.start - before * field.jump,
        first=np.pad(field.first, (before, after), constant_values=_NOWHERE),
        last=np.pad(field.last, (before, after), constant_values=-1),
    )


def crop(field: Field, before: int, after: int) -> Field:
    """Removes units at both ends.

    Args:
        field: Field of the units.
        before: Number of units to remove in front.
        after: Number of units to remove behind.
    """
    # Counted from the front: a slice to -0 would remove everything.
    kept = slice(before, len(field.first) - after)
    return replace(
        field,
        start=field.start + before * field.jump,
        first=field.first[kept],
        last=field.last[kept],
    )


def union(fields: Sequence[Field]) -> Field | None:
    """Joins the fields of branches that meet.

    Args:
        fields: One field per branch, all with the same number of units. A
            branch may also have a single unit that is given to all places.

    Returns:
        The joint field, from the first place that a branch sees to the last.
        None if the branches differ in their jump, because no single field then
        describes their sum.
    """
    # A branch without places, such as squeeze-and-excitation's, fits any jump.
    jumps = {field.jump for field in fields if not field.is_whole}
    if len(jumps) > 1:
        return None
    start = min(field.start for field in fields)
    size = math.inf  # -inf + inf below would be NaN
    if not any(math.isinf(field.size) for field in fields):
        size = max(field.start + field.size for field in fields) - start
    return Field(
        size,
        max(jumps, default=0),
        start,
        # Broadcast, because a single unit stands for all.
        np.min(np.broadcast_arrays(*(f.first for f in fields)), axis=0),
        np.max(np.broadcast_arrays(*(f.last for f in fields)), axis=0),
    )


def whole(field: Field) -> Field:
    """Joins all units into one without a place, as dense layers do.

    Args:
        field: Field of the units.
    """
    return Field(
        math.inf, 0, -math.inf, field.first.min()[None], field.last.max()[None]
    )


def spread(field: Field) -> Field:
    """Lets every unit see what any unit sees, as normalising over places does.

    Args:
        field: Field of the units.
    """
    return Field(
        math.inf,
        field.jump,
        -math.inf,
        np.full_like(field.first, field.first.min()),
        np.full_like(field.last, field.last.max()),
    )
