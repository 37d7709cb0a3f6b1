"""Puts things into words, as several rooms need them."""

from __future__ import annotations

from collections.abc import Sequence


def name_some(names: Sequence[str], most: int = 5) -> str:
    """Returns names in a row, of a long list the first ones and how many more.

    Args:
        names: The names.
        most: Number of names that are given at most.

    Example:
        >>> name_some(["cats", "dogs", "owls"], most=1)
        'cats and 2 more'
    """
    more = len(names) - most
    shown = ", ".join(names[:most])
    return f"{shown} and {more} more" if more > 0 else shown
