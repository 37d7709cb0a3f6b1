"""Names of files made of names that users have given."""

from __future__ import annotations

import hashlib
import os
import re

#: File systems take no longer names; they count bytes and not characters.
MOST_BYTES = 255
#: A slash, control characters, and bytes that are not UTF-8, which some file
#: systems refuse.
_UNSAFE = re.compile("[/\\x00-\\x1f\\x7f\\ud800-\\udfff]")


def file_name(name: str, ending: str = "") -> str:
    """Returns a name that every file system takes, as like `name` as can be.

    Names that are changed get eight digits that depend on the whole name, so
    that two long ones with the same beginning stay apart.

    Args:
        name: The name as it should be, of any length.
        ending: What the file's name must end with, such as `.png`.

    Returns:
        At most 255 bytes, of which `ending` is the end.

    Example:
        >>> file_name("001_cat", ".png"), file_name("a/b", ".png")
        ('001_cat.png', 'a-b-c14cddc0.png')
    """
    safe = _UNSAFE.sub("-", name)
    room = MOST_BYTES - len(os.fsencode(ending))
    if safe == name and len(os.fsencode(safe)) <= room:
        return safe + ending
    told = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    mark = f"-{told[:8]}"
    # A character that is cut in two is left out.
    start = os.fsencode(safe)[: room - len(mark)].decode("utf-8", "ignore")
    return start + mark + ending


def last_bytes(text: str, most: int) -> str:
    """Returns the end of a text that has at most so many bytes."""
    while len(os.fsencode(text)) > most:
        text = text[1:]
    return text
