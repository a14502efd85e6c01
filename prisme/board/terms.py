"""Filters as lists of terms, to be read and changed one term at a time: what `stats/filters.py` reads, for links.

A term is kept as it is written in the URL: escaped, and with its `!` where it excludes.
"""

import re
from typing import Final

_ESCAPED: Final = re.compile(r"[\\,*]|^!")
_TERM: Final = re.compile(r"(?:\\.|[^\\,])*", re.DOTALL)
_UNESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def write(text: str, *, excludes: bool = False) -> str:
    """The term that fits exactly this text."""
    return "!" * excludes + _ESCAPED.sub(r"\\\g<0>", text)


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
