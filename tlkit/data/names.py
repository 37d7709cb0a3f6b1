"""Names of splits and of data sets, and what holds where nothing is said."""

from __future__ import annotations

import re
import unicodedata

from tlkit.data.public.catalogue import PUBLIC

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
"""What images are there for: to learn from, to choose by, to measure on."""

#: What people call these splits, in small letters and without "set" or "data".
#: What is there to evaluate on is a test split: nothing is chosen by it.
_WORDS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(
        ("validation", "valid", "val", "validate", "dev", "development"),
        VALIDATION,
    ),
    **dict.fromkeys(
        ("test", "testing", "holdout", "heldout", "eval", "evaluation"), TEST
    ),
}
#: Words beside the name of a split that change nothing, as in `test_images`.
_FILLING = re.compile(r"data(set)?s?|sets?|split|images?|imgs?|pictures|photos")

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


def split_of(name: str) -> str | None:
    """Returns the split that a folder's name means.

    Args:
        name: Name of the folder, in any case; numbers and words such as
            "set" may stand beside that of the split.

    Returns:
        One of `SPLITS`, or None if it is no name of a split.

    Example:
        >>> split_of("Training_set"), split_of("test1"), split_of("cats")
        ('train', 'test', None)
    """
    words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", name))
    kept = [
        re.sub(r"(?<=.)(set|data)$", "", word)
        for word in map(str.casefold, words)
        if not _FILLING.fullmatch(word)
    ]
    return _WORDS.get("".join(kept))


def class_key(name: str) -> str:
    """Returns what is equal for names that differ in form only.

    Forms differ in capital letters, and in what `class_title` evens out.

    Args:
        name: Name of a class.

    Example:
        >>> class_key(" Maine  Coon") == class_key("maine coon")
        True
    """
    return class_title(name).casefold()


def as_unicode(name: str) -> str:
    r"""Returns the name of a file or folder in a form that any program reads.

    Args:
        name: The name, in which Python has put surrogates in place of bytes
            that are not UTF-8. They are written out, as `\xe9`.
    """
    # Python's own way back to the bytes, whose odd ones are then spelled.
    told = name.encode("utf-8", "surrogateescape")
    return told.decode("utf-8", "backslashreplace")


def class_title(name: str) -> str:
    """Returns the name of a class as it is shown and saved.

    Args:
        name: Name of a folder or file, or a part of one. Spaces before, after
            and between its words are reduced to one, and letters with accents
            composed.
    """
    return " ".join(unicodedata.normalize("NFC", as_unicode(name)).split())
