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


def say_not_judged(names: Sequence[str], split: str) -> str | None:
    """Returns the sentence that some classes are not judged.

    Args:
        names: Names of the classes without images; where there are none,
            there is no sentence.
        split: Name of the split, which may be empty.
    """
    if not names:
        return None
    images = f"{split} images" if split else "images"
    return f"There are no {images} of {name_some(names)}: not judged."
