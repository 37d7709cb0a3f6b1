"""Names of data sets that need no path."""

from __future__ import annotations

from tlkit.data.public.catalogue import PUBLIC

SAMPLE = "cartoon"
"""The drawn cats and dogs that come with tlkit."""


def dataset_names() -> tuple[str, ...]:
    """Returns the names, the embedded sample first."""
    return (SAMPLE, *PUBLIC)
