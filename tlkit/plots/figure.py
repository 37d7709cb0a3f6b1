"""Figures whose texts are names: no mathematics, and no empty boxes.

Names of classes, files and models come from the user. A name such as
`$0_$50` is no formula, and Chinese or an emoji needs a font that has it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

import matplotlib.figure
from matplotlib import font_manager
from matplotlib.axis import Axis
from matplotlib.text import Text

from tlkit.base.console import say

#: Fonts that draw a box for every character, or whose colours FreeType leaves
#: out, so that nothing is seen.
_USELESS = ("last resort", "color emoji", "colour emoji", "twemoji")
#: Categories of Unicode that no font draws: control characters, and parts of
#: bytes that are no UTF-8.
_UNDRAWN = ("Cc", "Cs", "Cn", "Co")
#: Noto's fonts for scripts that share one; others are named like the script.
_SHARED = {
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL"), "Sans CJK"),
    **dict.fromkeys(("FULLWIDTH", "IDEOGRAPHIC", "BOPOMOFO"), "Sans CJK"),
}

#: The family found for a character, or None where no font has it. Looking for
#: one opens every font, which is done once.
_families: dict[str, str | None] = {}
_said: set[str] = set()


class Figure(matplotlib.figure.Figure):
    r"""A figure that shows every text to the letter.

    When it is drawn, texts are no longer taken for mathematics, and texts
    with characters that their font lacks get an installed font that has
    them. Characters that no font has are written as their code, such as
    `\u732b`, and a line on standard error says which font to install.
    """

    def draw(self, renderer: Any) -> None:
        """Draws the figure; matplotlib calls it, wherever it is shown."""
        axes = [axis for own in self.axes for axis in (own.xaxis, own.yaxis)]
        for axis in axes:
            axis.get_ticklabels()  # makes them, so that they are found below
        with _any_weight():
            texts = [text for text in self.findobj(Text) if text.get_text()]
            _look_up(char for text in texts for char in _missing(text))
            for axis in axes:
                _spell_ticks(axis)
            for text in texts:
                _show_literally(text)
            super().draw(renderer)


def legible(name: object) -> list[str]:
    r"""Returns the characters of a text as a picture can show them.

    Args:
        name: The text, or an object whose `str` is meant.

    Returns:
        One text for each character: itself, or its code where no installed
        font has it.

    Example:
        >>> "".join(legible("a\x1b[31m"))
        'a\\x1b[31m'
    """
    text = str(name)
    _look_up(_missing(Text(text=text)))
    return [_spelled(char) for char in text]


def _show_literally(text: Text) -> None:
    words = text.get_text()
    # matplotlib's own labels of logarithmic axes are mathematics.
    if "$" in words and r"\mathdefault" not in words:
        text.set_parse_math(False)
    found = {
        family for char in _missing(text) if (family := _families.get(char))
    }
    if found:
        # The text's own font comes first: it keeps drawing what it has.
        text.set_fontfamily([*text.get_fontfamily(), *sorted(found)])
    if (spelled := _spelled(words)) != words:
        text.set_text(spelled)


def _spell_ticks(axis: Axis) -> None:
    """Spells out the names at an axis, whose texts are remade when drawn."""
    names = [label.get_text() for label in axis.get_ticklabels()]
    spelled = [_spelled(name) for name in names]
    if names != spelled:
        axis.set_ticks(axis.get_ticklocs(), spelled)


@contextlib.contextmanager
def _any_weight() -> Iterator[None]:
    """Uses a font that has the characters but not the weight, in silence."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _missing(text: Text) -> set[str]:
    """Returns the characters that the font of a text lacks."""
    path = font_manager.findfont(text.get_fontproperties())
    font = font_manager.get_font(path)
    return {
        char
        for char in set(text.get_text()) - {"\n"}
        if not char.isascii() or not char.isprintable()
        if not font.get_char_index(ord(char))
    }


def _spelled(words: str) -> str:
    """Writes characters without a font as Python writes them."""
    return "".join(
        _code(char) if _families.get(char, "") is None else char
        for char in words
    )


def _code(char: str) -> str:
    # Marks that only change how others are drawn, as within emoji, are not
    # missed.
    if unicodedata.category(char) == "Cf" or char in "\ufe0e\ufe0f":
        return ""
    return char.encode("unicode_escape").decode()


def _look_up(characters: Iterable[str]) -> None:
    """Finds a font for each character, and says for which there is none."""
    new = set(characters) - _families.keys()
    _families.update(dict.fromkeys(new))
    wanted = {c for c in new if unicodedata.category(c) not in _UNDRAWN}
    wanted = {char for char in wanted if _code(char)}
    if not wanted:
        return
    for entry, font in _installed():
        has = {char for char in wanted if font.get_char_index(ord(char))}
        _families.update(dict.fromkeys(has, entry.name))
        wanted -= has
        if not wanted:
            return
    _say_what_lacks(wanted)


def _installed() -> Iterator[tuple[Any, Any]]:
    """Yields every installed font that can be used, upright sans first."""

    def order(entry: Any) -> tuple[bool, bool, str]:
        plain = entry.style == "normal" and entry.weight in (400, "normal")
        return not plain, "Sans" not in entry.name, entry.name

    listed = sorted(font_manager.fontManager.ttflist, key=order)
    for entry in itertools.chain(listed, _newly_installed()):
        if any(word in entry.name.lower() for word in _USELESS):
            continue
        # A font may be removed or broken since it was listed.
        with contextlib.suppress(OSError, RuntimeError):
            yield entry, font_manager.get_font(entry.fname)


def _newly_installed() -> Iterator[Any]:
    """Yields fonts that matplotlib, which keeps a list, does not know yet."""
    manager = font_manager.fontManager
    known = {entry.fname for entry in manager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        # Fonts of coloured bitmaps cannot be added.
        with contextlib.suppress(OSError, RuntimeError):
            manager.addfont(path)
            yield manager.ttflist[-1]


def _say_what_lacks(characters: set[str]) -> None:
    for font in sorted({_font_for(char) for char in characters} - _said):
        _said.add(font)
        few = "".join(sorted(c for c in characters if _font_for(c) == font))[:8]
        say(
            f"Pictures show codes for characters such as {few}, since no "
            f"installed font has them: install a font such as {font}."
        )


def _font_for(char: str) -> str:
    """Names a font that has a character, by the character's own name."""
    script = unicodedata.name(char, "SYMBOL").split("-")[0].split()[0]
    if unicodedata.category(char) in ("So", "Sk", "Me"):
        return "Noto Emoji"
    return f"Noto {_SHARED.get(script, f'Sans {script.title()}')}"
