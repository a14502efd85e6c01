"""A dashboard, from the answers of the stats to all that its template shows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from prisme.base.timexpr import SECOND
from prisme.dashboard import chart, countries, display, lists, numbers, state, terms
from prisme.dashboard.chart import Chart
from prisme.dashboard.lists import List, Tab
from prisme.dashboard.state import COMPARISONS, CUSTOM, PERIODS, State
from prisme.stats import filters
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.dashboard import Dashboard, build_dashboard
from prisme.stats.frames import Frame
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Page

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# The rows of each list that a page is made of: referrers go by a few names, and what changed may be far down.
ROWS: Final = 500
# What may have changed most.
_CHANGING: Final = ("top-pages", "top-referrers", "top-countries", "top-utm-campaigns")
_CHANGES: Final = 5
_DOMAINS: Final = "domain"
_FILTER_NAMES: Final = {
    "domain": "Site", "path": "Page", "entry-path": "Entry page", "exit-path": "Exit page", "referrer": "Referrer",
    "os": "System", "browser": "Browser", "device": "Device", "device-type": "Device type", "country": "Country",
    "utm-source": "UTM source", "utm-medium": "UTM medium", "utm-campaign": "Campaign", "utm-term": "UTM term",
    "utm-content": "UTM content", "event": "Event", "status": "Status",
}  # fmt: skip

# Filters whose values have names.
_LABELLED: Final = {"country": "top-countries", "device-type": "top-device-types"}


# The figure that is with its lists and not among the tiles, which are as many as there is room for.
EVENTS: Final = "events"


class Tile(msgspec.Struct, frozen=True):
    """A figure of the whole span; `link` lets the chart show it."""

    id: str
    title: str
    value: str
    exact: str
    change: numbers.Change | None
    link: str
    chosen: bool


class Chip(msgspec.Struct, frozen=True):
    """A term of a filter, such as `Page is` and `/blog/*`, and the page without it."""

    what: str
    text: str
    link: str


class Cell(msgspec.Struct, frozen=True):
    """An hour of a weekday: pageviews, and how many that is, from 0 (none) to 5 (most)."""

    title: str
    value: str
    level: int


class Moved(msgspec.Struct, frozen=True):
    """What contributed to a change; `by` has its sign."""

    label: str
    kind: str
    by: str
    fraction: float
    link: str


class Country(msgspec.Struct, frozen=True):
    """The shape of a country, or of several; `level` as in `Cell`."""

    path: str
    title: str
    level: int


class Metric(msgspec.Struct, frozen=True):
    """A figure by bucket, made of one or two series."""

    title: str
    of: tuple[str, ...]
    combine: Callable[[Sequence[float]], float]
    show: Callable[[float], str]
    exact: Callable[[float], str]
    whole: bool = True
    less_is_better: bool = False


def _divide(figures: Sequence[float]) -> float:
    return figures[0] / figures[1] if figures[1] else 0.0


def _first(figures: Sequence[float]) -> float:
    return figures[0]


METRICS: Final[dict[str, Metric]] = {
    "visitors": Metric("Visitors", ("visitors",), _first, numbers.count, numbers.exact),
    "sessions": Metric("Sessions", ("sessions",), _first, numbers.count, numbers.exact),
    "pageviews": Metric("Pageviews", ("pageviews",), _first, numbers.count, numbers.exact),
    "views-per-session": Metric(
        "Views per session", ("pageviews", "sessions"), _divide, numbers.ratio, numbers.ratio, whole=False
    ),
    "bounce-rate": Metric(
        "Bounce rate", ("bounces", "sessions"), _divide, numbers.percent, numbers.percent, whole=False,
        less_is_better=True,
    ),
    "duration": Metric(
        "Session duration", ("sessions-duration",), _first, numbers.duration, numbers.duration, whole=False
    ),
    EVENTS: Metric("Events", ("events",), _first, numbers.count, numbers.exact),
}  # fmt: skip


def build(
    stats: Stats, here: State, asked: StatsQuery, domains: Sequence[str], now: int, kept: IncrementalCache
) -> dict[str, Any]:
    """All values of the template; `domains` are those that may be chosen. `asked` is for `ROWS` rows."""
    found = build_dashboard(stats, asked, now, kept, _CHANGING)
    own = frozenset(domains)
    shown = _shown(stats, here, asked, found, own)
    metric = here.get("metric") if here.get("metric") in METRICS else "visitors"
    tiles = {name: _tile(here, name, one, found, name == metric) for name, one in METRICS.items()}
    return {
        "state": here,
        "period": here.period,
        "periods": _periods(here),
        "period_title": PERIODS[here.period].title if here.period != CUSTOM else state.describe(asked),
        "described": state.describe(asked),
        "first_day": state.day(asked.span.start, asked.zone),
        "last_day": state.day(asked.span.end - 1, asked.zone),
        "compared": _describe_compared(asked),
        "earlier": _shifted(here, asked, now, -1),
        "later": _shifted(here, asked, now, 1),
        "comparisons": _comparisons(here, asked),
        "tz": asked.zone.key,
        "interval": asked.interval,
        "live": numbers.exact(found.live_visitors),
        "tiles": [tile for name, tile in tiles.items() if name != EVENTS],
        "events": tiles[EVENTS],
        "metric": METRICS[metric].title,
        "chart": _chart(here, metric, found, asked, now),
        "chips": chips(here),
        "filter_names": [(name, _FILTER_NAMES[name]) for name in filters.NAMES],
        "sites": _sites(here, domains),
        "site": _site(here, domains),
        "chosen_domains": _chosen_domains(here, domains),
        "panels": {which: lists.panel(here, which, shown[which]) for which in lists.PANELS},
        "countries": lists.build(
            here, "top-countries", lists.pairs(found.tops["top-countries"]), found.totals["sessions"], own
        ),
        "map": _map(found.tops["top-countries"]),
        "world": countries.world(),
        "week": _week(found.weekday_hours),
        "changes": _changes(here, found),
        "event": _event(here),
        "is_empty": not any(found.totals[one] for one in ("pageviews", "sessions", "events")),
    }  # fmt: skip


def _shown(stats: Stats, here: State, asked: StatsQuery, found: Dashboard, own: frozenset[str]) -> dict[str, List]:
    """The list of each panel. What a dashboard's answer does not have is asked for."""
    shown = {}
    for which in lists.PANELS:
        name = lists.chosen(here, which)
        if name == lists.ERRORS:
            frame = stats.tops(["top-pages"], _broken(asked), asked.span, Page(lists.ROWS))["top-pages"]
        elif name == lists.PROPERTIES:
            frame = stats.properties(asked.filters, asked.span, Page(lists.ROWS), here.get("property"))
        else:
            frame = found.tops[lists.KINDS[name].name or name]
        shown[which] = lists.build(here, name, lists.pairs(frame), _total(name, found), own)
    return shown


def find(stats: Stats, here: State, asked: StatsQuery, name: str, own: frozenset[str]) -> List:
    """All of a list, up to `asked.page.limit` rows."""
    kind = lists.KINDS[name]
    chosen = _broken(asked) if name == lists.ERRORS else asked.filters
    if name == lists.PROPERTIES:
        frame = stats.properties(chosen, asked.span, asked.page, here.get("property"))
    else:
        frame = stats.tops([kind.name or name], chosen, asked.span, asked.page)[kind.name or name]
    totals = stats.series(["sessions" if kind.unit == "Sessions" else "pageviews"], asked.filters, asked.span)
    total = next(iter(totals.values())).total if kind.unit in ("Sessions", "Pageviews") else 0
    return lists.build(here, name, lists.pairs(frame), total, own, asked.page.limit)


def _broken(asked: StatsQuery) -> filters.Filters:
    return asked.filters | filters.read({"status": lists.BROKEN})


def _total(name: str, found: Dashboard) -> float:
    unit = lists.KINDS[name].unit
    return found.totals[unit.lower()] if unit in ("Sessions", "Pageviews") else 0


def _describe_compared(asked: StatsQuery) -> str:
    if asked.compared is None:
        return ""
    return state.describe_span(asked.compared.start, asked.compared.end, asked.zone)


def _periods(here: State) -> list[tuple[str, str, str, str]]:
    return [
        (name, one.title, one.key, here.link({"period": name, "from": None, "to": None}))
        for name, one in PERIODS.items()
    ]


def _comparisons(here: State, asked: StatsQuery) -> list[tuple[str, str, str, bool]]:
    now, chosen = _comparison(here, asked), {"compare-from": None, "compare-to": None}
    return [(name, title, here.link({"compare": name, **chosen}), name == now) for name, title in COMPARISONS.items()]


def _comparison(here: State, asked: StatsQuery) -> str:
    if asked.compared is None:
        return "none"
    return "chosen" if here.get("compare-from") else here.get("compare") or "previous"


def _shifted(here: State, asked: StatsQuery, now: int, direction: int) -> str:
    if here.period == "all":
        return ""
    changes = state.shift(asked, now, direction)
    return "" if changes is None else here.link(changes)


def _tile(here: State, name: str, metric: Metric, found: Dashboard, chosen: bool) -> Tile:
    value = metric.combine([found.totals[one] for one in metric.of])
    change = None
    if found.compared_totals is not None:
        before = metric.combine([found.compared_totals[one] for one in metric.of])
        change = numbers.change(value, before, metric.show(before), less_is_better=metric.less_is_better)
    link = here.link({"metric": None if name == "visitors" else name})
    return Tile(name, metric.title, metric.show(value), metric.exact(value), change, link, chosen)


def _chart(here: State, name: str, found: Dashboard, asked: StatsQuery, now: int) -> Chart:
    metric = METRICS[name]

    def values(series: dict[str, Frame] | None) -> list[float] | None:
        if series is None:
            return None
        return [metric.combine(some) for some in zip(*(series[one].values for one in metric.of), strict=True)]

    def zoom(start: int, end: int) -> str:
        if asked.interval == "minute":
            return ""
        return here.link({"period": None, "from": str(start // SECOND), "to": str(min(end, now) // SECOND)})

    return chart.draw(
        asked.span.edges,
        values(found.series) or [],
        values(found.compared_series),
        asked.compared.edges if asked.compared else None,
        asked.interval,
        asked.zone,
        now,
        metric.show,
        zoom,
        metric.whole,
    )


def chips(here: State) -> list[Chip]:
    """What the filters say, term by term."""
    found = []
    for name in filters.NAMES:
        parts = terms.split(here.get(name))
        for number, term in enumerate(parts):
            words, text = terms.show(term)
            if name in _LABELLED:
                text = lists.label(_LABELLED[name], text)
            rest = ",".join(parts[:number] + parts[number + 1 :])
            found.append(Chip(f"{_FILTER_NAMES[name]} {words}", text, here.link({name: rest})))
    return found


def _sites(here: State, domains: Sequence[str]) -> list[Tab]:
    raw = here.get(_DOMAINS)
    sites = [Tab("All sites", here.link({_DOMAINS: None}), not raw)]
    for domain in domains:
        term = terms.write_value(_DOMAINS, domain)
        has = term in terms.split(raw)
        rest = ",".join(one for one in terms.split(raw) if one != term)
        link = here.link({_DOMAINS: rest if has else terms.add(raw, term)})
        sites.append(Tab(display.decode_host(domain), link, has))
    return sites


def _chosen_domains(here: State, domains: Sequence[str]) -> list[str]:
    """Those that the page is of, by their names alone."""
    some = terms.split(here.get(_DOMAINS))
    return [domain for domain in domains if len(domains) == 1 or terms.write_value(_DOMAINS, domain) in some]


def _site(here: State, domains: Sequence[str]) -> str:
    some = [terms.show(term) for term in terms.split(here.get(_DOMAINS))]
    if not some:
        return display.decode_host(domains[0]) if len(domains) == 1 else "All sites"
    if len(some) > 1 or some[0][0] == "is not":
        return f"{len(some)} sites" if all(words == "is" for words, _ in some) else "Some sites"
    return some[0][1]


def _level(value: float, top: float) -> int:
    return 0 if not value or not top else max(1, min(5, int(value * 5 / top + 0.999999)))


def _week(frame: Frame) -> list[tuple[str, list[Cell]]]:
    top = max(frame.values, default=0)
    rows = []
    for day, weekday in enumerate(_WEEKDAYS):
        some = frame.values[day * 24 : day * 24 + 24]
        cells = [
            Cell(f"{weekday} {hour:02d}:00, {numbers.exact(value)} pageviews", numbers.exact(value), _level(value, top))
            for hour, value in enumerate(some)
        ]
        rows.append((weekday, cells))
    return rows


def _map(frame: Frame) -> list[Country]:
    """Each country with sessions, and before them, all others as one shape."""
    counts = {str(key): value for key, value in lists.pairs(frame) if key != countries.UNKNOWN}
    top = max(counts.values(), default=0)
    shapes = countries.world().shapes
    others = "".join(shape.path for shape in shapes if shape.code not in counts)
    return [
        Country(others, "", 0),
        *(
            Country(
                shape.path,
                f"{countries.name(shape.code)}: {numbers.exact(counts[shape.code])}",
                _level(counts[shape.code], top),
            )
            for shape in shapes
            if shape.code in counts
        ),
    ]


def _changes(here: State, found: Dashboard) -> tuple[list[Moved], list[Moved]] | None:
    """The largest contributors up and down; None where nothing is compared."""
    earlier = found.compared_tops
    if isinstance(earlier, msgspec.UnsetType):
        return None
    moved = {
        (name, key): by for name in _CHANGING for key, by in _compare(earlier[name], found.tops[name]) if by
    }  # fmt: skip
    top = max(map(abs, moved.values()), default=0)
    ordered = sorted(moved.items(), key=lambda item: (-abs(item[1]), item[0]))
    up, down = ([item for item in ordered if (item[1] > 0) == rising][:_CHANGES] for rising in (True, False))
    return [_moved(here, *what, by, top) for what, by in up], [_moved(here, *what, by, top) for what, by in down]


def _compare(earlier: Frame, later: Frame) -> Iterator[tuple[str, float]]:
    """What changed of each key, as far as it is known: a key may be too far down in one list to be in it."""
    before, after = ({str(key): count for key, count in lists.pairs(frame)} for frame in (earlier, later))
    for key in before.keys() | after.keys():
        if (key in before or len(before) < ROWS) and (key in after or len(after) < ROWS):
            yield key, after.get(key, 0) - before.get(key, 0)


def _moved(here: State, name: str, key: str, by: float, top: float) -> Moved:
    kind = lists.KINDS[name]
    link = here.link({kind.filter: terms.toggle(here.get(kind.filter), terms.write_value(kind.filter, key))})
    sign = "+" if by > 0 else "\N{MINUS SIGN}"
    title = {"top-pages": "Page", "top-referrers": "Referrer", "top-countries": "Country"}.get(name, "Campaign")
    shown = f"{sign}{numbers.exact(abs(by))} {kind.unit.lower()}"
    return Moved(lists.label(name, key), title, shown, round(100 * abs(by) / top, 1), link)


def _event(here: State) -> tuple[str, str]:
    """The property that is looked at, and the page without it."""
    return here.get("property"), here.link({"property": None})
