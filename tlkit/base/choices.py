"""Names to choose from: which there are, and which was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from tlkit.base.errors import UsageError


def check_known(where: str, name: Any, known: Iterable[str]) -> None:
    """Raises UsageError that lists the known names unless `name` is one.

    Args:
        where: what the name was given for.
        name: as it was given.
        known: the names that exist.
    """
    known = list(known)
    if name not in known:
        raise UsageError(
            f"There is no {where} {name!r}.",
            where=where,
            expected=", ".join(known),
            remedy=did_you_mean(str(name), known),
        )


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A sentence with the known names nearest to `name`, or None.

    Example:
        >>> did_you_mean("vgg61", ["vgg16", "xception"])
        'Did you mean vgg16?'
    """
    near = difflib.get_close_matches(name, list(known), n=4, cutoff=0.6)
    return f"Did you mean {', '.join(near)}?" if near else None


def names_in(text: str) -> tuple[str, ...]:
    """Reads names with commas between them.

    Example:
        >>> names_in("gradcam, saliency")
        ('gradcam', 'saliency')
    """
    return tuple(name.strip() for name in text.split(","))
