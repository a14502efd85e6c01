"""Filters as a URL has them: which sessions count, and of these, which pageviews and events.

A filter is a list of terms with commas between: `/blog/*,!/blog/draft-*`. A term that begins with `!` excludes, `*` is
any run of characters, also none, and a backslash takes the meaning from what follows it. A text matches that fits at
least one term, where any includes, and no term that excludes. Paths and hosts may be written decoded (`normal.py`).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from prisme.base.errors import InputError
from prisme.stats.patterns import Pattern, normalise

# A column of every table: all rows of a session have the same.
DOMAIN: Final = "domain"
# Columns of `sessions`.
SESSION_COLUMNS: Final = {
    "entry-path": "entry_path",
    "exit-path": "exit_path",
    "referrer": "referrer_domain",
    "os": "operating_system",
    "browser": "browser_family",
    "device": "device",
    "device-type": "device_type",
    "country": "country_code",
    "utm-source": "utm_source",
    "utm-medium": "utm_medium",
    "utm-campaign": "utm_campaign",
    "utm-term": "utm_term",
    "utm-content": "utm_content",
}
# Columns of `pageviews`: a session has what one of its pageviews has.
VIEW_COLUMNS: Final = {"path": "path", "status": "CAST(status AS VARCHAR)"}
# Columns of `events_custom`, likewise.
EVENT_COLUMNS: Final = {"event": "name"}
NAMES: Final = (DOMAIN, *SESSION_COLUMNS, *VIEW_COLUMNS, *EVENT_COLUMNS)

# A source of referrers may have a host in each country.
_MOST_TERMS: Final = 500
_MOST_STARS: Final = 8
LONGEST: Final = 8192
_SPECIAL: Final = re.compile(r"[\\%_]")  # to LIKE
_TOKEN = re.compile(r"\\(.)|([,*])|([^\\,*]+)", re.DOTALL)


class Filter(msgspec.Struct, frozen=True):
    """One filter; `includes` is empty where all is included that is not excluded."""

    includes: tuple[Pattern, ...]
    excludes: tuple[Pattern, ...]


Filters = dict[str, Filter]
Bind = Callable[[Any], str]


def read(parameters: Mapping[str, str]) -> Filters:
    """The filters among a query's parameters. Raises InputError that names the parameter and an example."""
    return {name: _group(parse(name, parameters[name])) for name in NAMES if parameters.get(name)}


def parse(name: str, raw: str) -> list[tuple[bool, Pattern]]:
    """The terms of a filter in their order: whether it excludes, and its pattern. Raises InputError, as `read` does."""
    return [(negated, normalise(name, pattern)) for negated, pattern in _split(name, raw)]


def condition(column: str, one: Filter, bind: Bind) -> str:
    """What a filter asks of a column, in SQL; `bind` takes a value and gives the parameter that stands for it."""
    parts = [f"NOT {_fit(column, pattern, bind)}" for pattern in one.excludes]
    if one.includes:
        parts.append("(" + " OR ".join(_fit(column, pattern, bind) for pattern in one.includes) + ")")
    return " AND ".join(parts)


def _fit(column: str, pattern: Pattern, bind: Bind) -> str:
    if len(pattern) == 1:
        return f"{column} = {bind(pattern[0])}"
    if len(pattern) == 2 and not pattern[1]:
        return f"starts_with({column}, {bind(pattern[0])})"
    like = "%".join(_SPECIAL.sub(r"\\\g<0>", part) for part in pattern)
    return f"{column} LIKE {bind(like)} ESCAPE '\\'"


def _split(name: str, raw: str) -> list[tuple[bool, Pattern]]:
    example = f"{name}: such as {name}=a,b* or {name}=!c"
    if len(raw) > LONGEST:
        raise InputError(f"{example}; at most {LONGEST} characters")
    terms: list[list[str]] = [[""]]
    negations = [raw.startswith("!")]
    at = int(negations[0])
    while at < len(raw):
        token = _TOKEN.match(raw, at)
        if token is None:
            raise InputError(f"{example}; a backslash has to stand before a character")
        escaped, mark, text = token.groups()
        at = token.end()
        if mark == ",":
            negations.append(raw.startswith("!", at))
            terms.append([""])
            at += negations[-1]
        elif mark == "*":
            terms[-1].append("")
        else:
            terms[-1][-1] += escaped or text
    if len(terms) > _MOST_TERMS or any(len(term) > _MOST_STARS + 1 for term in terms):
        raise InputError(f"{example}; at most {_MOST_TERMS} terms, each with at most {_MOST_STARS} stars")
    return list(zip(negations, map(tuple, terms), strict=True))


def _group(terms: list[tuple[bool, Pattern]]) -> Filter:
    return Filter(
        tuple(pattern for negated, pattern in terms if not negated),
        tuple(pattern for negated, pattern in terms if negated),
    )
