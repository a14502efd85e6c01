"""The pageviews and events that reach goals, as SQL."""
# Only SQL made here is composed; values from requests and definitions are bound.

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prisme.base.domains import is_wildcard
from prisme.base.goals import Goal, concerns
from prisme.stats.conditions import Conditions
from prisme.stats.event_properties import property_amount, property_currency
from prisme.stats.filters import DOMAIN, Bind, Filter, Filters
from prisme.stats.goal_conditions import goal_condition, goal_table, matches
from prisme.stats.sql import load_sql

_PAGES: Final = load_sql("goal_pages")
_EVENTS: Final = load_sql("goal_events")
_SUMS: Final = load_sql("goal_sums")
# Goals to count as one: a row that reaches several of them counts once.
Group = Sequence[Goal]


def is_chosen(site: str, chosen: Filters) -> bool:
    """Whether the filter on `domain` may leave rows of a site."""
    one = chosen.get(DOMAIN, Filter((), ()))
    if (site,) in one.excludes:
        return False
    return not one.includes or any(_may_match(pattern, site) for pattern in one.includes)


def reached_rows(groups: Sequence[Group], conditions: Conditions) -> str:
    """Return a query: `number`, `visitor` (a hash), `session_uuid` and `reached_at` of the rows that reach goals.

    `number` is that of a group. Only sessions that match the filters count, but all of their rows within the span.
    There has to be a goal.
    """
    queries = []
    if numbers := list(_number_rows(groups, "pageviews", conditions.bind)):
        every, rows = conditions.rows_unfiltered("pageviews"), conditions.rows_of_sessions("pageviews")
        queries.append(_PAGES.format(numbers=", ".join(numbers), every=every, rows=rows))
    if numbers := list(_number_rows(groups, "events_custom", conditions.bind)):
        rows = conditions.rows_of_sessions("events_custom")
        queries.append(_EVENTS.format(numbers=", ".join(numbers), rows=rows))
    return " UNION ALL ".join(queries)


def sum_query(groups: Sequence[Group], conditions: Conditions) -> str:
    """Return a query: the number of a group, currency, sum and count of events; empty if no goal sums anything.

    Of an event that reaches several goals of a group that sum something, the first one decides what.
    """
    summing = [[goal for goal in goals if goal.sum_property] for goals in groups]
    numbers = list(_number_rows(summing, "events_custom", conditions.bind))
    if not numbers:
        return ""
    return _SUMS.format(
        numbers=", ".join(numbers),
        rows=conditions.rows_of_sessions("events_custom"),
        amount=_choose(summing, conditions.bind, lambda goal: property_amount(goal.sum_property, conditions.bind)),
        currency=_choose(summing, conditions.bind, lambda goal: _express_currency(goal, conditions.bind)),
    )


def _may_match(pattern: tuple[str, ...], site: str) -> bool:
    if len(pattern) == 1:
        return concerns(site, pattern[0])
    return is_wildcard(site) or matches(pattern, site)


def _number_rows(groups: Sequence[Group], table: str, bind: Bind) -> Iterator[str]:
    """Yield an expression for each group with goals of a table: the group's number if the row reaches one of them."""
    for number, goals in enumerate(groups):
        if own := [goal_condition(goal, bind) for goal in goals if goal_table(goal) == table]:
            yield f"CASE WHEN {' OR '.join(own)} THEN {number} END"


def _choose(groups: Sequence[Group], bind: Bind, express: Callable[[Goal], str]) -> str:
    """Return an expression for rows with the number of a group: that of the first of its goals that a row reaches."""
    cases = []
    for number, goals in enumerate(groups):
        if goals:
            whens = (f"WHEN {goal_condition(goal, bind)} THEN {express(goal)}" for goal in goals)
            cases.append(f"WHEN {number} THEN CASE {' '.join(whens)} END")
    return f"CASE number {' '.join(cases)} END"


def _express_currency(goal: Goal, bind: Bind) -> str:
    return property_currency(goal.currency_property, bind) if goal.currency_property else "''"
