"""The panels of goals and of funnels."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.lists import CSV, link_export
from prisme.dashboard.number_format import Change, describe_change, format_count, format_exact, format_percent
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate
from prisme.stats.cache.span_cache import SpanCache
from prisme.stats.dashboard import Dashboard
from prisme.stats.filters import GOAL
from prisme.stats.funnels import FunnelRow, build_funnel_figures
from prisme.stats.goals import CurrencySum, GoalRow, build_goal_figures
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats

# An event may have any three letters as its currency; the others are in the stats API.
_MOST_CURRENCIES: Final = 3
_MINUS: Final = "\N{MINUS SIGN}"


class GoalLine(msgspec.Struct, frozen=True):
    """A goal in its panel; `bar` is the length of its bar in %, `link` filters by it, or not if it is `active`."""

    label: str
    visitors: str
    exact: str
    conversions: str
    rate: str
    change: Change | None
    sums: str
    bar: float
    link: str
    exclude: str
    add: str
    active: bool


class StepLine(msgspec.Struct, frozen=True):
    """A step of a funnel; `dropped` says how many sessions were lost since the step before, empty at the first."""

    label: str
    sessions: str
    exact: str
    rate: str
    dropped: str
    bar: float


class FunnelTable(msgspec.Struct, frozen=True):
    """A funnel with the share of its sessions that complete it; `site` is empty where there is only one."""

    name: str
    site: str
    rate: str
    steps: list[StepLine]


def build_goal_values(
    stats: Stats, state: UrlState, query: StatsQuery, dashboard: Dashboard, cache: SpanCache
) -> dict[str, Any]:
    """What the templates of both panels show. Nothing is counted where nothing is defined."""
    links = {
        "goals_csv": link_export(state, "goals", CSV),
        "goals_json": link_export(state, "goals"),
        "funnels_csv": link_export(state, "funnels", CSV),
        "funnels_json": link_export(state, "funnels"),
    }
    if not stats.definitions.goals:
        return {"goals": [], "funnels": [], **links}
    compared = dashboard.compared_totals
    # Imports tell nothing of goals: rates are of the visitors of sessions, which are then counted.
    visitors = None if dashboard.imported else dashboard.totals["visitors"]
    before = None if compared is None or dashboard.compared_imported else compared["visitors"]
    found = build_goal_figures(stats, query, visitors, before, cache)
    stats.reader.check()
    funnels = build_funnel_figures(stats, query, cache).funnels if stats.definitions.funnels else []
    highest = max((row.visitors for row in found.goals), default=0)
    sites = {row.site for row in funnels}
    return {
        "goals": [_build_goal(state, row, highest) for row in found.goals],
        "funnels": [_build_funnel(row, len(sites) > 1) for row in funnels],
        **links,
    }


def _build_goal(state: UrlState, row: GoalRow, highest: int) -> GoalLine:
    term, current = filter_terms.make_term(row.goal), state.get(GOAL)
    active = term in filter_terms.split(current)
    before = row.compared_visitors
    return GoalLine(
        row.goal,
        format_count(row.visitors),
        format_exact(row.visitors),
        format_count(row.conversions),
        format_percent(row.rate),
        None if before is None else describe_change(row.visitors, before, format_count(before)),
        "; ".join(map(_format_sum, row.sums[:_MOST_CURRENCIES])) + ("; …" if row.sums[_MOST_CURRENCIES:] else ""),
        round(100 * row.visitors / highest, 1) if highest else 0,
        state.link({GOAL: filter_terms.toggle(current, term)}),
        state.link({GOAL: filter_terms.add(current, f"!{term}")}),
        "" if active else state.link({GOAL: filter_terms.add(current, term)}),
        active,
    )


def _format_sum(one: CurrencySum) -> str:
    """`12.50 EUR`, `3`: money with two digits, other numbers as they are."""
    if one.currency:
        return f"{one.sum:,.2f} {one.currency}".replace("-", _MINUS)
    whole = one.sum == one.sum.to_integral_value()
    return f"{one.sum:,.0f}" if whole else f"{one.sum.quantize(Decimal('0.01')):,}"


def _describe_drop(dropped: float) -> str:
    return f"{_MINUS}{format_percent(dropped)}" if dropped else translate("No drop-off")


def _build_funnel(row: FunnelRow, has_others: bool) -> FunnelTable:
    steps = [
        StepLine(
            step.goal,
            format_count(step.visits),
            format_exact(step.visits),
            format_percent(step.rate),
            _describe_drop(step.dropped) if number else "",
            round(100 * step.rate, 1),
        )
        for number, step in enumerate(row.steps)
    ]
    return FunnelTable(row.funnel, row.site if has_others else "", format_percent(row.rate), steps)
