"""Names that fit where they stand: wrapped, and shortened in the middle."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from tlkit.plots.figure import legible

#: Mean width of a letter, as a share of the size of the font.
_LETTER = 0.6


def fitted(text: object, inches: float, size: float = 8, lines: int = 2) -> str:
    """Returns a text in lines that have room.

    Beginning and end of a name tell more than its middle, which gives way
    where there is not enough room.

    Args:
        text: The text, or an object whose `str` is meant. Its own line breaks
            stay, and each of its lines is fitted alone.
        inches: Width of the place.
        size: Size of the font in points, of which an inch has 72.
        lines: Number of lines, at most, that one line of the text becomes.

    Example:
        >>> fitted("a-name-that-is-much-too-long.jpg", 1, 8, 1)
        'a-name-…ong.jpg'
    """
    # A code, such as that of an emoji, has ten letters.
    room = max(12, int(72 * inches / (_LETTER * size)))
    return "\n".join(
        _wrapped(legible(line), room, lines) for line in str(text).split("\n")
    )


def _cut(letters: Sequence[str], most: int) -> list[str]:
    """Leaves out the middle of what is too wide."""
    if _width(letters) <= most:
        return list(letters)
    start: list[str] = []
    end: list[str] = []
    # From both ends inwards, since characters differ in width.
    for first, last in zip(letters, reversed(letters), strict=True):
        if _width([*start, first, *end]) >= most:
            break
        start.append(first)
        if _width([*start, last, *end]) >= most:
            break
        end.insert(0, last)
    return [*start, "…", *end]


def _wrapped(letters: Sequence[str], room: int, lines: int) -> str:
    """Breaks a line behind a space or a mark if there is one, else anywhere."""
    done: list[str] = []
    # The last wide letter of a line may have no room and begin the next one.
    widest = max((_width([letter]) for letter in letters), default=1)
    letters = _cut(letters, room * lines - (lines - 1) * (widest - 1))
    while _width(letters) > room and len(done) < lines - 1:
        most = max(
            n for n in range(1, len(letters)) if _width(letters[:n]) <= room
        )
        marks = [n for n in range(most) if letters[n] in (*" _-./",)]
        # Only if what is left has room in the lines that are left.
        rest = room * (lines - 1 - len(done))
        cut = marks[-1] + 1 if marks else most
        if _width(letters[cut:]) > rest:
            cut = most
        done.append("".join(letters[:cut]).rstrip())
        letters = letters[cut:]
    return "\n".join([*done, "".join(letters)])


def _width(letters: Sequence[str]) -> int:
    """Returns the width in letters; a Chinese character counts as two."""
    return sum(
        len(letter) + (unicodedata.east_asian_width(letter[-1]) in "WF")
        for letter in letters
        if letter
    )
