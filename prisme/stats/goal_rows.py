"""The pageviews and events that reach goals, as SQL."""
# Only SQL made here is composed; values from requests and definitions are bound.

from collections.abc import Callable, Iterator, Sequence

from prisme.base.domains import is_wildcard
from prisme.base.goals import Goal, concerns
from prisme.stats.conditions import Conditions
from prisme.stats.dialect import Dialect
from prisme.stats.event_properties import property_amount, property_currency
from prisme.stats.filters import DOMAIN, Bind, Filter, Filters
from prisme.stats.goal_conditions import goal_condition, goal_table, matches

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
    if numbers := list(_number_rows(groups, "pageviews", conditions)):
        every, rows = conditions.rows_unfiltered("pageviews"), conditions.rows_of_sessions("pageviews")
        queries.append(conditions.dialect.sql("goal_pages").format(numbers=", ".join(numbers), every=every, rows=rows))
    if numbers := list(_number_rows(groups, "events_custom", conditions)):
        rows = conditions.rows_of_sessions("events_custom")
        queries.append(conditions.dialect.sql("goal_events").format(numbers=", ".join(numbers), rows=rows))
    return " UNION ALL ".join(queries)


def sum_query(groups: Sequence[Group], conditions: Conditions) -> str:
    """Return a query: the number of a group, currency, sum and count of events; empty if no goal sums anything.

    Of an event that reaches several goals of a group that sum something, the first one decides what.
    """
    summing = [[goal for goal in goals if goal.sum_property] for goals in groups]
    numbers = list(_number_rows(summing, "events_custom", conditions))
    if not numbers:
        return ""
    bind, dialect = conditions.bind, conditions.dialect
    return dialect.sql("goal_sums").format(
        numbers=", ".join(numbers),
        rows=conditions.rows_of_sessions("events_custom"),
        amount=_choose(summing, conditions, lambda goal: property_amount(goal.sum_property, bind, dialect)),
        currency=_choose(summing, conditions, lambda goal: _express_currency(goal, bind, dialect)),
    )


def _may_match(pattern: tuple[str, ...], site: str) -> bool:
    if len(pattern) == 1:
        return concerns(site, pattern[0])
    return is_wildcard(site) or matches(pattern, site)


def _number_rows(groups: Sequence[Group], table: str, conditions: Conditions) -> Iterator[str]:
    """Yield an expression for each group with goals of a table: the group's number if the row reaches one of them."""
    for number, goals in enumerate(groups):
        own = [_reach(goal, conditions) for goal in goals if goal_table(goal) == table]
        if own:
            yield f"CASE WHEN {' OR '.join(own)} THEN {number} END"


def _choose(groups: Sequence[Group], conditions: Conditions, express: Callable[[Goal], str]) -> str:
    """Return an expression for rows with the number of a group: that of the first of its goals that a row reaches."""
    cases = []
    for number, goals in enumerate(groups):
        if goals:
            whens = (f"WHEN {_reach(goal, conditions)} THEN {express(goal)}" for goal in goals)
            cases.append(f"WHEN number = {number} THEN CASE {' '.join(whens)} END")
    return f"CASE {' '.join(cases)} END"


def _reach(goal: Goal, conditions: Conditions) -> str:
    return goal_condition(goal, conditions.bind, conditions.dialect)


def _express_currency(goal: Goal, bind: Bind, dialect: Dialect) -> str:
    return property_currency(goal.currency_property, bind, dialect) if goal.currency_property else "''"
