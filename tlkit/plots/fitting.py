"""Names that fit where they stand: wrapped, and shortened in the middle."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile

from tlkit.plots.figure import legible

#: Mean width of a letter, as a share of the size of the font.
_LETTER = 0.6
#: Where a name may be broken without breaking a word.
_MARKS = " _-./,"


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


def fitted_names(
    names: Sequence[str], inches: float, size: float = 8, lines: int = 2
) -> list[str]:
    """Returns names that have room, each different from the others.

    Names that would look alike without their middle, such as those of a
    hundred species of one genus, leave out what they begin with instead.

    Args:
        names: Different names.
        inches: Width of the place of each.
        size: Size of the font in points.
        lines: Number of lines, at most, that a name becomes.
    """
    fit = partial(fitted, inches=inches, size=size, lines=lines)
    return _told_apart(names, fit)


def _told_apart(names: Sequence[str], fit: Callable[[str], str]) -> list[str]:
    shown = [fit(name) for name in names]
    for text, count in Counter(shown).items():
        places = [place for place, own in enumerate(shown) if own == text]
        alike = [names[place] for place in places]
        begin = _shared_beginning(alike)
        if count == 1 or not begin:
            continue
        rests = _told_apart([f"…{name[begin:]}" for name in alike], fit)
        for place, rest in zip(places, rests, strict=True):
            shown[place] = rest
    return shown


def _shared_beginning(names: Sequence[str]) -> int:
    """Returns how many letters may go; 0 where that tells nothing apart."""
    letters = zip(*names, strict=False)
    same = sum(1 for _ in takewhile(lambda one: len(set(one)) == 1, letters))
    shared = names[0][:same]
    # A number is not cut in two: 1 and 10 would become nothing and 0.
    whole = max(shared.rfind(mark) for mark in _MARKS) + 1
    equal = len(set(names)) < len(names)
    # What has been cut begins with an ellipsis already.
    return 0 if equal or same < 2 else whole or same


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
        marks = [n for n in range(most) if letters[n] in (*_MARKS,)]
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
