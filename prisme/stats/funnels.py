"""The figures of funnels: visits that reach some goals one after the other, and where the others stop.

A step counts if the visit reached it within the span, and later than the step before: no event is two steps.
"""

from collections.abc import Sequence

import msgspec

from prisme.base.goals import Funnel, Goal
from prisme.stats.cache.span_cache import SpanCache
from prisme.stats.frames import write_csv
from prisme.stats.goal_rows import is_chosen, reached_rows
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Period


class FunnelStep(msgspec.Struct, frozen=True, rename="kebab"):
    """Visits that reached a step after all steps before it, and as shares of the first step and of the one before.

    `dropped` is the share of the visits at the step before that did not reach this one; 0 at the first.
    """

    goal: str
    visits: int
    rate: float
    dropped: float


class FunnelRow(msgspec.Struct, frozen=True, rename="kebab"):
    """A funnel of a site; `rate` is the share of the visits at its first step that reached the last."""

    funnel: str
    site: str
    rate: float
    steps: list[FunnelStep]


class FunnelFigures(msgspec.Struct, frozen=True, rename="kebab"):
    """A response: the funnels of the chosen sites, by site and name."""

    period: Period
    funnels: list[FunnelRow]

    def to_csv(self, spreadsheet: bool = False) -> str:
        """Return a row for each step."""
        rows = [
            (row.funnel, row.site, number, step.goal, step.visits, step.rate, step.dropped)
            for row in self.funnels
            for number, step in enumerate(row.steps, 1)
        ]
        return write_csv(("funnel", "site", "step", "goal", "visits", "rate", "dropped"), rows, spreadsheet)


def build_funnel_figures(stats: Stats, query: StatsQuery, cache: SpanCache | None = None) -> FunnelFigures:
    """Return the figures of the funnels of `stats`, all of them counted in one query."""
    funnels = [funnel for funnel in stats.definitions.funnels if is_chosen(funnel.site, query.filters)]
    goals = {(goal.site, goal.name): goal for goal in stats.definitions.goals}
    used = list(dict.fromkeys((funnel.site, step) for funnel in funnels for step in funnel.steps))
    plan = [
        (place, number, used.index((funnel.site, step)))
        for place, funnel in enumerate(funnels)
        for number, step in enumerate(funnel.steps, 1)
    ]

    def count() -> dict[tuple[int, int], int]:
        return _count_visits(stats, query, [goals[key] for key in used], plan) if plan else {}

    what = "funnels", stats.definitions
    visits = count() if cache is None else cache.find(stats, what, query.filters, query.span, count)
    rows = [
        _make_row(funnel, [visits.get((place, step), 0) for step in range(1, len(funnel.steps) + 1)])
        for place, funnel in enumerate(funnels)
    ]
    return FunnelFigures(Period.of(query.span), rows)


def _count_visits(
    stats: Stats, query: StatsQuery, goals: Sequence[Goal], plan: Sequence[tuple[int, int, int]]
) -> dict[tuple[int, int], int]:
    """Return the visits by the place of a funnel and the number of a step; `plan` has both, and a goal's place."""
    conditions = stats.conditions(query.filters, query.span.start, query.span.end)
    places, steps, numbers = (conditions.bind(list(column)) for column in zip(*plan, strict=True))
    reached = reached_rows([[goal] for goal in goals], conditions)
    text = stats.dialect.sql("funnels").format(funnels=places, steps=steps, goals=numbers, reached=reached)
    return {(place, step): visits for place, step, visits in stats.run(text, conditions)}


def _make_row(funnel: Funnel, visits: Sequence[int]) -> FunnelRow:
    first, before = visits[0], (visits[0], *visits)
    steps = [
        FunnelStep(goal, count, _divide(count, first), _divide(earlier - count, earlier))
        for goal, count, earlier in zip(funnel.steps, visits, before, strict=False)
    ]
    return FunnelRow(funnel.name, funnel.site, steps[-1].rate, steps)


def _divide(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
