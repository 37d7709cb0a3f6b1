"""What tables show of a network's layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from tlkit.base.records import COUNT, SHAPE, Column, Field, Kind, number_as
from tlkit.sums.layer_sums import Fields

_ALL = "all"


def _both(sides: str | tuple[float, float]) -> str:
    """Writes one number for both axes where they agree."""
    if isinstance(sides, str):
        return sides
    rows, columns = sides
    return f"{rows:g}" if rows == columns else f"{rows:g}x{columns:g}"


def _count_text(count: int) -> str:
    return COUNT.text(count) if count else ""


_SEES = Kind("pixels", _both, missing="not known")
_PLACES = Kind("pixels", _both)
_SUMS = Kind("count", _count_text, missing="not counted")
_WEIGHTS = Kind("count", _count_text)


def _on_both_axes(what: str) -> Callable[[Any], tuple[float, float] | None]:
    """Gets something of a layer's receptive fields, if it says anything."""

    def get(layer: Any) -> tuple[float, float] | None:
        fields: Fields | None = layer.fields
        if fields is None or (what == "centre" and _sees_all(fields)):
            return None
        rows, columns = (getattr(field, what) for field in fields)
        # A unit without a place, such as a dense layer's, has no neighbour.
        nowhere = what == "jump" and _sees_all(fields) and rows == columns == 0
        return None if nowhere else (rows, columns)

    return get


def _sees_all(fields: Fields) -> bool:
    return math.isinf(fields[0].size)


def sees(layer: Any) -> str | tuple[float, float] | None:
    """Returns the pixels a side that a unit of a layer sees.

    Args:
        layer: A `LayerArithmetic`.

    Returns:
        Rows and columns, "all" where that is the whole image, or None where
        it is not known.
    """
    if layer.fields is None:
        return None
    return _ALL if _sees_all(layer.fields) else _on_both_axes("size")(layer)


SEES = Column("sees", _SEES)
LAYER_COLUMNS: list[Field[Any]] = [
    (Column("layer", long=True), attrgetter("name")),
    (Column("kind", long=True, spare=True), attrgetter("kind")),
    (Column("window", long=True, spare=True), attrgetter("window")),
    (
        Column("(W - F + 2P)/S + 1", long=True, spare=True),
        attrgetter("size_sum"),
    ),
    (Column("output", SHAPE, long=True), attrgetter("output")),
    (Column("parameters", _WEIGHTS), attrgetter("parameters")),
    (Column("multiply-adds", _SUMS), attrgetter("multiply_adds")),
    (
        Column("kB", number_as(",.1f"), spare=True),
        lambda layer: layer.activation_bytes / 1e3,
    ),
    (SEES, sees),
    (Column("jump", _PLACES, spare=True), _on_both_axes("jump")),
    (Column("centre", _PLACES, spare=True), _on_both_axes("centre")),
]
"""What `tlkit describe` shows of a layer: a line here is a column there."""
