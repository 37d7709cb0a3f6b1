"""Checks names against those that exist, and suggests near ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from tlkit.base.errors import UsageError


def check_known(where: str, name: Any, known: Iterable[str]) -> None:
    """Raises UsageError unless a name is known.

    Args:
        where: What the name stands for, such as `way`; the message names it.
        name: The name that was given.
        known: The names that exist; the message lists them.
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
    """Returns a sentence with the known names nearest to `name`, or None.

    Args:
        name: The name that was given.
        known: The names that exist.

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
