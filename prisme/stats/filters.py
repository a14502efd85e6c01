"""Filters as query parameters, and as SQL conditions: the sessions that count, and their pageviews and events.

A filter is a comma-separated list of terms: `/blog/*,!/blog/draft-*`. A term that starts with `!` excludes, `*` matches
any number of characters, and a backslash escapes the next character. A value matches a filter if it matches no
excluding term, and at least one including term if there is any. Paths and hosts may be decoded (`patterns.py`).

A parameter such as `prop.plan` is a filter on a property of custom events.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from prisme.base.errors import InputError
from prisme.stats.columns import CITY, REGION
from prisme.stats.dialect import Dialect
from prisme.stats.patterns import Pattern, normalise
from prisme.stats.properties import property_value

# A column of every table, with the same value in all rows of a session.
DOMAIN: Final = "domain"
# The import that brought a session, such as `plausible-1`; `SEEN` for those that Prisme saw itself.
IMPORTED: Final = "imported"
SEEN: Final = "no"
# The table of a filter that is about the rows of every table.
EVERY_TABLE: Final = ""


class Field(NamedTuple):
    """What a filter compares: an SQL expression, as text, on the rows of a table, before `Dialect.column`.

    A session matches if one of its rows does; in the lists of that table, only these rows count.
    """

    table: str
    expression: str


# All filters, in the order in which pages list them. A new one needs a title in `dashboard/filter_chips.py` as well.
FIELDS: Final[dict[str, Field]] = {
    DOMAIN: Field(EVERY_TABLE, "domain"),
    "entry-path": Field("sessions", "entry_path"),
    "exit-path": Field("sessions", "exit_path"),
    "source": Field("sessions", "source"),
    "channel": Field("sessions", "channel"),
    "referrer": Field("sessions", "referrer_domain"),
    "os": Field("sessions", "operating_system"),
    "browser": Field("sessions", "browser_family"),
    "device": Field("sessions", "device"),
    "device-type": Field("sessions", "device_type"),
    "country": Field("sessions", "country_code"),
    "region": Field("sessions", REGION),
    "city": Field("sessions", CITY),
    "utm-source": Field("sessions", "utm_source"),
    "utm-medium": Field("sessions", "utm_medium"),
    "utm-campaign": Field("sessions", "utm_campaign"),
    "utm-term": Field("sessions", "utm_term"),
    "utm-content": Field("sessions", "utm_content"),
    "path": Field("pageviews", "path"),
    "status": Field("pageviews", "CAST(status AS VARCHAR)"),
    "event": Field("events_custom", "name"),
    "outbound-link": Field("outbound_link_clicks", "link"),
    "file-download": Field("file_downloads", "url"),
    IMPORTED: Field("sessions", f"CASE imported WHEN '' THEN '{SEEN}' ELSE imported END"),
}
# Goals by their names: a session matches if it reached one (`goal_conditions.py`).
GOAL: Final = "goal"
NAMES: Final = (*FIELDS, GOAL)
# What the name of a filter on a property begins with: `prop.plan`. The filters of a request on properties, and on
# `event`, have to match the same event.
PROPERTY: Final = "prop."
# Each parses the properties of all events that the other filters leave.
MOST_PROPERTIES: Final = 8

# Enough for a referrer with a host in each country.
_MOST_TERMS: Final = 500
_MOST_STARS: Final = 8
LONGEST: Final = 8192
_SPECIAL: Final = re.compile(r"[\\%_]")  # in LIKE
_TOKEN: Final = re.compile(r"\\(.)|([,*])|([^\\,*]+)", re.DOTALL)


class Filter(msgspec.Struct, frozen=True):
    """One filter; without `includes`, every value matches that is not excluded."""

    includes: tuple[Pattern, ...]
    excludes: tuple[Pattern, ...]


Filters = dict[str, Filter]
Bind = Callable[[Any], str]


def read(parameters: Mapping[str, str]) -> Filters:
    """Read the filters among query parameters. Raises InputError, with the parameter's name and an example."""
    return {name: _make_filter(parse(name, parameters[name])) for name in list_names(parameters)}


def domains_in_full(filters: Filters) -> frozenset[str] | None:
    """Return the domains that the filters choose, if they name them in full; None for any."""
    one = filters.get(DOMAIN)
    if one is None or not one.includes or any(len(pattern) > 1 for pattern in one.includes):
        return None
    return frozenset(pattern[0] for pattern in one.includes)


def is_filter(name: str) -> bool:
    """Whether a query parameter is a filter."""
    return name in NAMES or name.startswith(PROPERTY)


def list_names(parameters: Mapping[str, str]) -> list[str]:
    """Return the names of the filters among query parameters, without empty ones. Raises InputError for too many."""
    of_properties = [name for name, text in parameters.items() if text and name.startswith(PROPERTY)]
    if len(of_properties) > MOST_PROPERTIES:
        raise InputError(
            "{name}: at most {most} properties, such as prop.plan=pro",
            name=of_properties[-1][:64],
            most=MOST_PROPERTIES,
        )
    return [*(name for name in NAMES if parameters.get(name)), *sorted(of_properties)]


def parse(name: str, raw: str) -> list[tuple[bool, Pattern]]:
    """Parse a filter into its terms, in order: whether each excludes, and its pattern. Raises InputError."""
    return [(negated, normalise(name, pattern)) for negated, pattern in _split(name, raw)]


def compose(name: str, one: Filter, bind: Bind, dialect: Dialect) -> tuple[str, str]:
    """Return the table of a filter, and its SQL condition on the rows of that table."""
    if name.startswith(PROPERTY):
        field = Field("events_custom", property_value(name.removeprefix(PROPERTY), bind, dialect))
    else:
        field = FIELDS[name]
    return field.table, condition(dialect.column(field.expression), one, bind, dialect)


def condition(column: str, one: Filter, bind: Bind, dialect: Dialect) -> str:
    """Return the SQL condition of a filter on a column; `bind` binds a value, and returns the name of its parameter."""
    parts = [f"NOT {_match(column, pattern, bind, dialect)}" for pattern in one.excludes]
    if one.includes:
        parts.append("(" + " OR ".join(_match(column, pattern, bind, dialect) for pattern in one.includes) + ")")
    return " AND ".join(parts)


def _match(column: str, pattern: Pattern, bind: Bind, dialect: Dialect) -> str:
    if len(pattern) == 1:
        return f"{column} = {bind(pattern[0])}"
    if len(pattern) == 2 and not pattern[1]:
        return dialect.starts_with(column, bind(pattern[0]))
    like = "%".join(_SPECIAL.sub(r"\\\g<0>", part) for part in pattern)
    return dialect.like(column, bind(like))


def _split(name: str, raw: str) -> list[tuple[bool, Pattern]]:
    """Split a filter into terms, and these at their stars."""
    if max(len(raw), len(name)) > LONGEST:
        raise _error(name, InputError("at most {most} characters", most=LONGEST))
    terms: list[list[str]] = [[""]]
    negations = [raw.startswith("!")]
    at = int(negations[0])
    while at < len(raw):
        token = _TOKEN.match(raw, at)
        if token is None:
            raise _error(name, InputError("a backslash has to stand before a character"))
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
        raise _error(
            name,
            InputError("at most {most} terms, each with at most {stars} stars", most=_MOST_TERMS, stars=_MOST_STARS),
        )
    return list(zip(negations, map(tuple, terms), strict=True))


def _error(name: str, why: InputError) -> InputError:
    return InputError("{name}: such as {name}=a,b* or {name}=!c; {why}", name=name[:64], why=why)


def _make_filter(terms: list[tuple[bool, Pattern]]) -> Filter:
    return Filter(
        tuple(pattern for negated, pattern in terms if not negated),
        tuple(pattern for negated, pattern in terms if negated),
    )
