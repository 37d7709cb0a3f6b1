"""How large the store may be."""

from __future__ import annotations

import os
import re

from tlkit.base.errors import UsageError

_VARIABLE = "TLKIT_STORE_CAP"
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def store_cap() -> int:
    """Returns how many bytes the store may hold.

    Returns:
        The value of the environment variable `TLKIT_STORE_CAP`, such as
        "20G", else 50 GB.

    Raises:
        UsageError: The variable is not a size.
    """
    return read_size(os.environ.get(_VARIABLE, "50G"), _VARIABLE)


def read_size(text: str, where: str | None = None) -> int:
    """Reads a number of bytes such as "500M" or "20G".

    Args:
        text: A number, optionally followed by K, M, G or T (powers of 1,000)
            and a B.
        where: What the text was given as; None if that is plain.

    Returns:
        The number of bytes.

    Raises:
        UsageError: The text is not a size.

    Example:
        >>> read_size("1.5G")
        1500000000
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", text.upper())
    if found is None:
        raise UsageError(
            "This is not a size in bytes.",
            where=where,
            expected="a number, optionally with K, M, G or T, such as 20G",
            received=text,
        )
    return int(float(found[1]) * _UNITS[found[2]])
