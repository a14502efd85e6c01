"""Filters as lists of terms, which links add and remove one by one. `stats/filters.py` reads the same syntax.

A term is written as in the URL: escaped, with a leading `!` if it excludes.
"""

import re
from typing import Final

from prisme.dashboard import display
from prisme.dashboard.words import mark
from prisme.stats import filters

_ESCAPED: Final = re.compile(r"[\\,*]|^!")
_SPECIAL: Final = re.compile(r"[\\,*]")
_TERM: Final = re.compile(r"(?:\\.|[^\\,])*", re.DOTALL)
_UNESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_CONTAINED: Final = re.compile(r"\*((?:\\.|[^\\*])+)\*", re.DOTALL)
# How a term compares, by the name in forms.
IS, IS_NOT, CONTAINS, CONTAINS_NOT = "is", "is-not", "contains", "contains-not"
OPERATORS: Final = {
    IS: mark("is"),
    IS_NOT: mark("is not"),
    CONTAINS: mark("contains"),
    CONTAINS_NOT: mark("does not contain"),
}


def make_term(text: str, *, excludes: bool = False) -> str:
    """The term that matches exactly this text."""
    return "!" * excludes + _ESCAPED.sub(r"\\\g<0>", text)


def make_part_term(text: str, *, excludes: bool = False) -> str:
    """The term that matches each text with this one in it."""
    part = _SPECIAL.sub(r"\\\g<0>", text)
    return "!" * excludes + f"*{part}*"


def make_value_term(name: str, stored: str) -> str:
    """The term of the filter `name` that matches exactly this stored value, in its decoded form."""
    return make_term(display.decode_value(name, stored))


def normalise(name: str, raw: str) -> str:
    """A filter in the one form that the dashboard's links use. Raises InputError for an invalid filter."""
    return ",".join(
        "!" * excludes + _write_pattern(display.decode_pattern(name, pattern))
        for excludes, pattern in filters.parse(name, raw)
    )


def _write_pattern(pattern: tuple[str, ...]) -> str:
    head, *rest = pattern
    return "*".join([make_term(head), *(_SPECIAL.sub(r"\\\g<0>", piece) for piece in rest)])


def split(raw: str) -> list[str]:
    """The terms of a filter."""
    found, at = [], 0
    while raw and at <= len(raw):
        match = _TERM.match(raw, at)
        end = len(raw) if match is None else match.end()
        found.append(raw[at:end])
        at = end + 1
    return found


def join(terms: list[str]) -> str:
    """The filter of these terms."""
    return ",".join(terms)


def describe(term: str) -> tuple[str, str]:
    """A term for people: one of the texts of `OPERATORS`, and the text without escapes.

    A term with other stars than one at each end keeps them: it `is` `/blog/*`.
    """
    excludes = term.startswith("!")
    text = term[excludes:]
    part = _CONTAINED.fullmatch(text)
    if part:
        text, operator = part[1], CONTAINS_NOT if excludes else CONTAINS
    else:
        operator = IS_NOT if excludes else IS
    return OPERATORS[operator], _UNESCAPE.sub(r"\1", text)


def toggle(raw: str, term: str) -> str:
    """The filter without this term if it has it; otherwise this term as the only one."""
    return remove(raw, [term]) if term in split(raw) else term


def add(raw: str, term: str) -> str:
    """The filter with this term added and its opposite removed."""
    opposite = term[1:] if term.startswith("!") else "!" + term
    return join([*(one for one in split(raw) if one not in (term, opposite)), term])


def remove(raw: str, terms: list[str]) -> str:
    """The filter without these terms."""
    return join([one for one in split(raw) if one not in terms])
