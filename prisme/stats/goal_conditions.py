"""Goals as SQL conditions on rows, and the filter `goal`: the sessions that reached a goal, by its name."""
# Only SQL made here is composed; values from requests and definitions are bound.
# ruff: noqa: S608

from collections.abc import Callable, Sequence
from typing import Final

from prisme.base.domains import is_wildcard, suffix
from prisme.base.errors import InputError
from prisme.base.goals import PAGE, Goal
from prisme.stats import filters
from prisme.stats.dialect import Dialect
from prisme.stats.filters import GOAL, Bind, Filter, Filters
from prisme.stats.patterns import Pattern
from prisme.stats.properties import property_value

_LONGEST_SHOWN: Final = 128
# A condition on ids of sessions that all fulfil.
EVERY_SESSION: Final = "true"


class GoalFilter(Filter, frozen=True):
    """The filter `goal` with the definitions that its terms name: caches tell one from another by these too."""

    included: tuple[Goal, ...] = ()
    excluded: tuple[Goal, ...] = ()


def resolve(given: Filters, goals: Sequence[Goal]) -> Filters:
    """Return the filters with the definitions of goals in place of their names.

    Raises InputError for a name that no goal has.
    """
    if GOAL not in given:
        return given
    one = given[GOAL]
    # Each once: 500 terms may match 500 goals each, and a query of as many conditions is planned for minutes.
    included = dict.fromkeys(goal for pattern in one.includes for goal in _find(pattern, goals))
    excluded = dict.fromkeys(goal for pattern in one.excludes for goal in _find(pattern, goals))
    return given | {GOAL: GoalFilter(one.includes, one.excludes, tuple(included), tuple(excluded))}


def matches(pattern: Pattern, text: str) -> bool:
    """Whether a text matches a pattern, in one pass: a regular expression would try all ways to fill the stars."""
    if len(pattern) == 1:
        return text == pattern[0]
    first, *between, last = pattern
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in between:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def session_condition(one: Filter, bind: Bind, dialect: Dialect, within: Callable[[str], str]) -> str:
    """Return the condition of a filter from `resolve` on a row of any table: it is one of its session.

    Of a table, only rows are looked at that are `within` the condition on them, which has to hold for all of the
    session of the row.
    """
    if not isinstance(one, GoalFilter):
        raise TypeError("a filter on goals has to be resolved")
    parts = [f"NOT ({reached})" for reached in _list_reached(one.excluded, bind, dialect, within)]
    if one.included:
        parts.append(" OR ".join(_list_reached(one.included, bind, dialect, within)))
    return " AND ".join(f"({part})" for part in parts)


def goal_table(goal: Goal) -> str:
    """Return the table whose rows may reach a goal."""
    return "pageviews" if goal.kind == PAGE else "events_custom"


def goal_condition(goal: Goal, bind: Bind, dialect: Dialect) -> str:
    """Return the condition on a row of `goal_table` that reaches a goal; `bind` binds a value to a parameter."""
    name, column = ("path", "path") if goal.kind == PAGE else ("event", "name")
    pattern = filters.read({name: goal.pattern})[name]
    parts = [_of_site(goal.site, bind, dialect), filters.condition(column, pattern, bind, dialect)]
    if goal.property:
        text = property_value(goal.property, bind, dialect)
        parts.append(f"{text} = {bind(goal.value)}" if goal.value else f"{text} IS NOT NULL")
    return " AND ".join(f"({part})" for part in parts)


def _list_reached(goals: Sequence[Goal], bind: Bind, dialect: Dialect, within: Callable[[str], str]) -> list[str]:
    """Return the conditions of which one holds if a session reached one of the goals: one of each table.

    A subquery of each goal would take seconds to plan where there are many.
    """
    of_tables: dict[str, list[str]] = {}
    for goal in goals:
        of_tables.setdefault(goal_table(goal), []).append(f"({goal_condition(goal, bind, dialect)})")
    return [
        f"session_uuid IN (SELECT session_uuid FROM {table} WHERE {within(table)} AND ({' OR '.join(conditions)}))"
        for table, conditions in of_tables.items()
    ]


def _of_site(site: str, bind: Bind, dialect: Dialect) -> str:
    """Return the condition on the domain of a row of a site, with any port."""
    if is_wildcard(site):
        return dialect.ends_with(dialect.before_colon("domain"), bind(suffix(site)))
    return f"domain = {bind(site)} OR {dialect.starts_with('domain', bind(f'{site}:'))}"


def _find(pattern: Pattern, goals: Sequence[Goal]) -> list[Goal]:
    found = [goal for goal in goals if matches(pattern, goal.name)]
    if not found:
        name = "*".join(pattern)[:_LONGEST_SHOWN]
        if goals:
            raise InputError("goal: there is no goal {name!r}; such as goal={first}", name=name, first=goals[0].name)
        raise InputError("goal: there is no goal {name!r}; an admin adds some on the page of a site", name=name)
    return found
