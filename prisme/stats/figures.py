"""Every question by its name, and the one that a whole page is made of."""

from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from prisme.base.timexpr import SECOND, Interval
from prisme.stats import parameters as asked
from prisme.stats.cache.incremental import Found, Kept, Want
from prisme.stats.cache.partials import HOURS, PROPERTIES
from prisme.stats.frames import Frame
from prisme.stats.parameters import Asked
from prisme.stats.queries import SERIES, TOPS, Page, Series, Span, Stats

DASHBOARD: Final = "dashboard"


class Period(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Unix seconds."""

    start: int
    end: int


class Dashboard(msgspec.Struct, frozen=True, rename="kebab"):
    """All that a page shows; what is compared is None where nothing is."""

    period: Period
    compared_period: Period | None
    interval: Interval
    tz: str
    live_visitors: int | float
    totals: dict[str, int | float]
    compared_totals: dict[str, int | float] | None
    series: dict[str, Frame]
    compared_series: dict[str, Frame] | None
    tops: dict[str, Frame]
    custom_properties: Frame
    weekday_hours: Frame
    compared_tops: dict[str, Frame] | msgspec.UnsetType = msgspec.UNSET


Answer = Callable[[Stats, Asked, int], Frame]


def _series(name: str) -> Answer:
    return lambda stats, question, _: stats.series([name], question.filters, question.span)[name].frame


def _top(name: str) -> Answer:
    return lambda stats, question, _: stats.tops([name], question.filters, question.span, question.page)[name]


FRAMES: Final[dict[str, Answer]] = {
    **{name: _series(name) for name in SERIES},
    "live-visitors": lambda stats, question, now: stats.live(question.filters, now),
    **{name: _top(name) for name in TOPS},
    "custom-properties": lambda stats, question, _: stats.properties(
        question.filters, question.span, question.page, question.property
    ),
    "weekday-hours": lambda stats, question, _: stats.week(question.filters, question.span, question.zone),
}
NAMES: Final = (*FRAMES, DASHBOARD)


def parameters(name: str) -> tuple[str, ...]:
    """The parameters that a question has beside the usual ones."""
    return {"custom-properties": asked.PROPERTY, DASHBOARD: asked.COMPARE}.get(name, ())


def answer(name: str, stats: Stats, question: Asked, now: int, kept: Kept) -> Frame | Dashboard:
    """The answer to one of `NAMES`; `now` in microseconds."""
    return draw(stats, question, now, kept) if name == DASHBOARD else FRAMES[name](stats, question, now)


def draw(stats: Stats, question: Asked, now: int, kept: Kept, changing: Collection[str] = ()) -> Dashboard:
    """All figures of a page. `changing` are the lists that are compared as well, some of `TOPS`."""
    filters, page, zone = question.filters, question.page, question.zone
    wants = [Want((*TOPS, PROPERTIES, HOURS), filters, question.span, zone)]
    if question.compared is not None:
        wants.append(Want(tuple(changing), filters, question.compared, zone))
    shown, *others = (
        _count(stats, want, page) if one is None else one
        for want, one in zip(wants, kept.count(stats, wants, page, now), strict=True)
    )
    compared = others[0] if others else None
    frames = dict(shown.frames)
    properties, hours = frames.pop(PROPERTIES), frames.pop(HOURS)
    return Dashboard(
        _period(question.span),
        None if question.compared is None else _period(question.compared),
        question.interval,
        question.zone.key,
        stats.live(filters, now).values[0],
        _totals(shown.series),
        None if compared is None else _totals(compared.series),
        _frames(shown.series),
        None if compared is None else _frames(compared.series),
        frames,
        properties,
        hours,
        compared.frames if compared is not None and changing else msgspec.UNSET,
    )


def _count(stats: Stats, want: Want, page: Page) -> Found:
    """What `Kept` counts, with nothing kept."""
    frames = stats.tops([name for name in want.names if name in TOPS], want.filters, want.span, page)
    if PROPERTIES in want.names:
        frames[PROPERTIES] = stats.properties(want.filters, want.span, page)
    if HOURS in want.names:
        frames[HOURS] = stats.week(want.filters, want.span, want.zone)
    return Found(stats.series(SERIES, want.filters, want.span), frames)


def _period(span: Span) -> Period:
    return Period(span.start // SECOND, span.end // SECOND)


def _totals(series: dict[str, Series]) -> dict[str, int | float]:
    return {name: one.total for name, one in series.items()}


def _frames(series: dict[str, Series]) -> dict[str, Any]:
    return {name: one.frame for name, one in series.items()}
