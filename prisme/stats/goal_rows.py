"""The pageviews and events that reach goals, as SQL."""
# Only SQL made here is composed; values from requests and definitions are bound.

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prisme.base.domains import is_wildcard
from prisme.base.goals import EVENT, Goal, concerns
from prisme.stats.conditions import Conditions
from prisme.stats.event_properties import AMOUNT, property_amount, property_currency
from prisme.stats.filters import DOMAIN, Bind, Filter, Filters
from prisme.stats.goal_conditions import goal_condition, goal_table, matches
from prisme.stats.sql import load_sql

_PAGES: Final = load_sql("goal_pages")
_EVENTS: Final = load_sql("goal_events")
_WITHOUT_SUM: Final = Goal(0, "", "", "event", "")
# Goals to count as one: a row that reaches several of them counts once.
Group = Sequence[Goal]


def is_chosen(site: str, chosen: Filters) -> bool:
    """Whether the filter on `domain` may leave rows of a site."""
    one = chosen.get(DOMAIN, Filter((), ()))
    if (site,) in one.excludes:
        return False
    return not one.includes or any(_may_match(pattern, site) for pattern in one.includes)


def reached_rows(groups: Sequence[Group], conditions: Conditions) -> str:
    """Return a query: `number`, `visitor_id`, `session_uuid`, `reached_at`, `amount` and `currency` of rows that reach goals.

    `number` is that of a group, which has to have a goal. Only sessions that match the filters count, but all of their
    rows within the span.
    """
    queries = []
    if numbers := list(_number_rows(groups, "pageviews", conditions.bind)):
        every, rows = conditions.rows_unfiltered("pageviews"), conditions.rows_of_sessions("pageviews")
        queries.append(_PAGES.format(numbers=", ".join(numbers), every=every, rows=rows, amount=AMOUNT))
    if numbers := list(_number_rows(groups, "events_custom", conditions.bind)):
        rows = conditions.rows_of_sessions("events_custom")
        amount = _choose_expression(groups, conditions.bind, _express_amount)
        currency = _choose_expression(groups, conditions.bind, _express_currency)
        queries.append(_EVENTS.format(numbers=", ".join(numbers), rows=rows, amount=amount, currency=currency))
    return " UNION ALL ".join(queries)


def _may_match(pattern: tuple[str, ...], site: str) -> bool:
    if len(pattern) == 1:
        return concerns(site, pattern[0])
    return is_wildcard(site) or matches(pattern, site)


def _number_rows(groups: Sequence[Group], table: str, bind: Bind) -> Iterator[str]:
    """Yield an expression for each group with goals of a table: the group's number if the row reaches one of them."""
    for number, goals in enumerate(groups):
        if own := [goal_condition(goal, bind) for goal in goals if goal_table(goal) == table]:
            yield f"CASE WHEN {' OR '.join(own)} THEN {number} END"


def _choose_expression(groups: Sequence[Group], bind: Bind, express: Callable[[Goal, Bind], str]) -> str:
    """Return an expression for rows with the number of a group: that of the first of its goals that a row reaches."""
    cases = []
    for number, goals in enumerate(groups):
        events = [goal for goal in goals if goal.kind == EVENT]
        if any(goal.sum_property for goal in events):
            whens = (f"WHEN {goal_condition(goal, bind)} THEN {express(goal, bind)}" for goal in events)
            cases.append(f"WHEN {number} THEN CASE {' '.join(whens)} END")
    none = express(_WITHOUT_SUM, bind)
    return f"CASE number {' '.join(cases)} ELSE {none} END" if cases else none


def _express_amount(goal: Goal, bind: Bind) -> str:
    return property_amount(goal.sum_property, bind) if goal.sum_property else f"CAST(NULL AS {AMOUNT})"


def _express_currency(goal: Goal, bind: Bind) -> str:
    return property_currency(goal.currency_property, bind) if goal.currency_property else "''"
