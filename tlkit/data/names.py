"""Names of splits and of data sets, and what holds where nothing is said."""

from __future__ import annotations

import unicodedata

from tlkit.data.public.catalogue import PUBLIC

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
"""What images are there for: to learn from, to choose by, to measure on."""

ALL = "all"
"""All images of data without splits, where a model is judged on them."""

VALIDATION_FRACTION = 0.2
"""Share of validation images where data have no such split."""

TEST_FRACTION = 0.2
"""Share of test images where data have no splits at all."""

SAMPLE = "cartoon"
"""The drawn cats and dogs that come with tlkit."""

SAMPLE_SIZES = {TRAIN: 200, VALIDATION: 100, TEST: 400}
"""Images in each split of the sample."""


def dataset_names() -> tuple[str, ...]:
    """Returns the names that need no path, the embedded sample first."""
    return (SAMPLE, *PUBLIC)


def class_key(name: str) -> str:
    """Returns the form in which two spellings of a class are compared.

    Systems of files write accents in different ways, and people write case
    and spaces so.

    Args:
        name: Name of a class.

    Example:
        >>> class_key(" Maine  Coon"), class_key("maine coon")
        ('maine coon', 'maine coon')
    """
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()
