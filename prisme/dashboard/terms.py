"""Filters as lists of terms, to be read and changed one term at a time: what `stats/filters.py` reads, for links.

A term is kept as it is written in the URL: escaped, and with its `!` where it excludes.
"""

import re
from typing import Final

from prisme.dashboard import display
from prisme.stats import filters

_ESCAPED: Final = re.compile(r"[\\,*]|^!")
_SPECIAL: Final = re.compile(r"[\\,*]")
_TERM: Final = re.compile(r"(?:\\.|[^\\,])*", re.DOTALL)
_UNESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def write(text: str, *, excludes: bool = False) -> str:
    """The term that fits exactly this text."""
    return "!" * excludes + _ESCAPED.sub(r"\\\g<0>", text)


def write_value(name: str, text: str) -> str:
    """The term of a filter that fits exactly this value of its column, as it is shown."""
    return write(display.show(name, text))


def canonical(name: str, raw: str) -> str:
    """A filter as links of the dashboard have it, however it was typed. Raises InputError for one that is wrong."""
    return ",".join(
        "!" * excludes + _write_pattern(display.show_pattern(name, pattern))
        for excludes, pattern in filters.parse(name, raw)
    )


def _write_pattern(pattern: tuple[str, ...]) -> str:
    head, *rest = pattern
    return "*".join([write(head), *(_SPECIAL.sub(r"\\\g<0>", piece) for piece in rest)])


def split(raw: str) -> list[str]:
    """The terms of a filter."""
    found, at = [], 0
    while raw and at <= len(raw):
        match = _TERM.match(raw, at)
        end = len(raw) if match is None else match.end()
        found.append(raw[at:end])
        at = end + 1
    return found


def show(term: str) -> tuple[str, str]:
    """What a term says, in words: `is` or `is not`, and the text."""
    excludes = term.startswith("!")
    return ("is not" if excludes else "is"), _UNESCAPE.sub(r"\1", term[excludes:])


def toggle(raw: str, term: str) -> str:
    """The filter with this term alone; without it, where it has it."""
    terms = split(raw)
    return ",".join(one for one in terms if one != term) if term in terms else term


def add(raw: str, term: str) -> str:
    """The filter with this term as well; its opposite goes."""
    opposite = term[1:] if term.startswith("!") else "!" + term
    kept = [one for one in split(raw) if one not in (term, opposite)]
    return ",".join([*kept, term])
