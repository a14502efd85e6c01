"""The figures of goals: visitors who reached each, conversions, rate, and the sums of a number of their events.

Goals of several sites with the same name count as one.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from prisme.base.goals import Goal
from prisme.stats.cache.span_cache import SpanCache
from prisme.stats.filters import Filters
from prisme.stats.frames import write_csv
from prisme.stats.goal_rows import is_chosen, reached_rows, sum_query
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Period, Span


class CurrencySum(msgspec.Struct, frozen=True):
    """The sum of a goal's events in a currency, three letters or empty, over the `count` events that have a number."""

    currency: str
    sum: Decimal
    count: int


class GoalCount(msgspec.Struct, frozen=True):
    """What is counted of a goal in a span: the currencies with the most events first."""

    visitors: int = 0
    conversions: int = 0
    sums: tuple[CurrencySum, ...] = ()


class GoalRow(msgspec.Struct, frozen=True, rename="kebab"):
    """A goal in a response. `rate` is the share of all visitors; without a comparison, the compared ones are None."""

    goal: str
    visitors: int
    conversions: int
    rate: float
    sums: tuple[CurrencySum, ...]
    compared_visitors: int | None
    compared_conversions: int | None
    compared_rate: float | None


class GoalFigures(msgspec.Struct, frozen=True, rename="kebab"):
    """A response: the goals of the chosen sites, those that most visitors reached first, of so many `visitors`."""

    period: Period
    compared_period: Period | None
    visitors: int
    compared_visitors: int | None
    goals: list[GoalRow]

    def to_csv(self, spreadsheet: bool = False) -> str:
        """Return a row for each goal, and for each currency of its sums."""
        rows: list[tuple[str | int | float, ...]] = []
        for row in self.goals:
            for one in row.sums or (CurrencySum("", Decimal(0), 0),):
                amount = f"{one.sum:f}" if row.sums else ""
                rows.append((row.goal, row.visitors, row.conversions, row.rate, one.currency, amount))
        return write_csv(("goal", "visitors", "conversions", "rate", "currency", "sum"), rows, spreadsheet)


def build_goal_figures(
    stats: Stats,
    query: StatsQuery,
    visitors: float | None = None,
    compared_visitors: float | None = None,
    cache: SpanCache | None = None,
) -> GoalFigures:
    """Return the figures of the goals of `stats`; the numbers of all visitors are counted unless they are known."""
    if visitors is None:
        visitors = _count_visitors(stats, query.filters, query.span)
    if query.compared is not None and compared_visitors is None:
        compared_visitors = _count_visitors(stats, query.filters, query.compared)
    names = list_names(stats.definitions.goals, query.filters)
    counts = _find_counts(stats, names, query.filters, query.span, cache)
    before = None if query.compared is None else _find_counts(stats, names, query.filters, query.compared, cache)
    rows = [
        _make_row(name, counts[name], visitors, None if before is None else before[name], compared_visitors or 0)
        for name in names
    ]
    return GoalFigures(
        Period.of(query.span),
        None if query.compared is None else Period.of(query.compared),
        int(visitors),
        None if query.compared is None else int(compared_visitors or 0),
        sorted(rows, key=lambda row: (-row.visitors, row.goal)),
    )


def list_names(goals: Sequence[Goal], filters: Filters) -> list[str]:
    """Return the names of the goals of the sites that the filter on `domain` may choose, each once."""
    return list(dict.fromkeys(goal.name for goal in goals if is_chosen(goal.site, filters)))


def count_goals(stats: Stats, names: Sequence[str], filters: Filters, span: Span) -> dict[str, GoalCount]:
    """Return what is counted of the goals with some names, 0 for those that nobody reached."""
    if not names:
        return {}
    groups = [[goal for goal in stats.definitions.goals if goal.name == name] for name in names]
    conditions = stats.conditions(filters, span.start, span.end)
    reached = stats.dialect.sql("goals").format(reached=reached_rows(groups, conditions))
    counts = {number: (visitors, rows) for number, rows, visitors in stats.run(reached, conditions)}
    sums: dict[int, list[CurrencySum]] = {}
    query = sum_query(groups, conditions)
    for number, currency, amount, count in stats.run(query, conditions) if query else ():
        stats.reader.check()
        sums.setdefault(number, []).append(CurrencySum(currency, _shorten(amount), count))
    return {
        name: GoalCount(
            *counts.get(number, (0, 0)),
            tuple(sorted(sums.get(number, ()), key=lambda one: (-one.count, one.currency))),
        )
        for number, name in enumerate(names)
    }


def _find_counts(
    stats: Stats, names: Sequence[str], filters: Filters, span: Span, cache: SpanCache | None
) -> dict[str, GoalCount]:
    def count() -> dict[str, GoalCount]:
        return count_goals(stats, names, filters, span)

    return count() if cache is None else cache.find(stats, ("goals", stats.definitions.goals), filters, span, count)


def _count_visitors(stats: Stats, filters: Filters, span: Span) -> float:
    return stats.series(["visitors"], filters, Span(span.start, span.end, [span.start, span.end]))["visitors"].total


def _make_row(
    name: str, now: GoalCount, visitors: float, before: GoalCount | None, compared_visitors: float
) -> GoalRow:
    return GoalRow(
        name,
        now.visitors,
        now.conversions,
        _rate(now.visitors, visitors),
        now.sums,
        None if before is None else before.visitors,
        None if before is None else before.conversions,
        None if before is None else _rate(before.visitors, compared_visitors),
    )


def _rate(visitors: int, all_: float) -> float:
    """Return a share, 0 of none, and 1 at most: who only sends events is not among all visitors."""
    return min(visitors / all_, 1.0) if all_ else 0.0


def _shorten(amount: Decimal) -> Decimal:
    """Return the number without zeros at its end, as `12.5`."""
    return amount.to_integral_value() if amount == amount.to_integral_value() else amount.normalize()
