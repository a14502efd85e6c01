"""Lines for people: whether a stream is a terminal, colours, and texts that cannot control it."""

import os
from collections.abc import Mapping
from typing import Final, Literal

Color = Literal["red", "green", "yellow", "cyan", "dim", "bold"]
# Select Graphic Rendition (ECMA-48, section 8.3.117).
_CODES: Final[dict[Color, str]] = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}


def is_terminal(stream: int) -> bool:
    """Whether a file descriptor is a terminal; false for one that is closed."""
    try:
        return os.isatty(stream)
    except OSError:
        return False


class Painter:
    """Colours texts, or leaves them as they are."""

    def __init__(self, colors: bool) -> None:
        self._colors = colors

    def paint(self, text: str, color: Color) -> str:
        """The text in a colour, where there are colours."""
        return f"\033[{_CODES[color]}m{text}\033[0m" if self._colors else text


def choose_painter(stream: int, environ: Mapping[str, str]) -> Painter:
    """One that uses colours on a terminal, unless NO_COLOR (no-color.org) or a dumb terminal says otherwise."""
    return Painter(is_terminal(stream) and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb")


def escape(text: str) -> str:
    """The text with all that is not printable, line feeds too, escaped: it may be from anyone."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
