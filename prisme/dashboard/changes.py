"""What changed between two periods: one sentence, and the rows of some lists that contributed most to it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from prisme.dashboard import filter_terms
from prisme.dashboard.list_types import LIST_TYPES, SOURCES, stats_name
from prisme.dashboard.lists import frame_rows
from prisme.dashboard.metrics import METRICS
from prisme.dashboard.number_format import describe_change, format_exact
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.sources import group_referrers
from prisme.dashboard.url_state import UrlState
from prisme.stats.dashboard import Dashboard
from prisme.stats.frames import Frame

# The rows of each list that are read: a row that changed much may be far down.
ROWS: Final = 500
# The lists that are compared, and what a row of each is called.
_LISTS: Final = {
    "top-pages": "Page",
    SOURCES: "Source",
    "top-countries": "Country",
    "top-utm-campaigns": "Campaign",
}
COMPARED_LISTS: Final = tuple(map(stats_name, _LISTS))
_MOST: Final = 5
_MOST_NAMED: Final = 3
# A smaller relative change is none worth a reason.
_SAME_BELOW: Final = 0.02


class Row(msgspec.Struct, frozen=True):
    """A row that changed: `terms` is the filter that matches it, `change` the difference of its counts."""

    list: str
    label: str
    terms: str
    change: float


class Contributor(msgspec.Struct, frozen=True):
    """A row that contributed to a change; `change` is signed and has its unit, `bar` is the length of its bar in %."""

    label: str
    what: str
    change: str
    bar: float
    link: str


class Changes(msgspec.Struct, frozen=True):
    """The sentence, and the largest contributors up and down."""

    sentence: str
    up: list[Contributor]
    down: list[Contributor]


def build_changes(state: UrlState, metric: str, dashboard: Dashboard, own_domains: frozenset[str]) -> Changes | None:
    """What changed, of a key of `METRICS` or of visitors if it is no count; None if there is no comparison."""
    before, earlier = dashboard.compared_totals, dashboard.compared_tops
    if before is None or isinstance(earlier, msgspec.UnsetType):
        return None
    rows = sorted(
        _list_changes(earlier, dashboard.tops, own_domains), key=lambda row: (-abs(row.change), row.list, row.label)
    )
    highest = abs(rows[0].change) if rows else 0
    up, down = ([row for row in rows if (row.change > 0) == rising][:_MOST] for rising in (True, False))
    counted = metric if metric in ("visitors", "sessions", "pageviews") else "visitors"
    unit = "Pageviews" if counted == "pageviews" else "Sessions"
    named = [(row.label, row.change) for row in rows if LIST_TYPES[row.list].unit == unit]
    sentence = summarise(METRICS[counted].title, dashboard.totals[counted], before[counted], named)
    return Changes(
        sentence if counted == unit.lower() or ":" not in sentence else f"{sentence} {unit.lower()}",
        [_build_contributor(state, row, highest) for row in up],
        [_build_contributor(state, row, highest) for row in down],
    )


def summarise(title: str, now: float, before: float, rows: Sequence[tuple[str, float]]) -> str:
    """A sentence such as `Visitors up 23%: Hacker News +66, Germany +12`, from what changed most, the largest first."""
    if not before:
        return f"{title}: {format_exact(now)}, none before" if now else f"No {title.lower()}, as before"
    if abs(now / before - 1) < _SAME_BELOW:
        return f"{title}: about the same as before"
    rising, change = now > before, describe_change(now, before, "")
    named = [f"{label} {_sign(difference)}" for label, difference in rows if (difference > 0) == rising][:_MOST_NAMED]
    return f"{title} {'up' if rising else 'down'} {change.text}{': ' if named else ''}{', '.join(named)}"


def _list_changes(
    earlier: Mapping[str, Frame], later: Mapping[str, Frame], own_domains: frozenset[str]
) -> Iterator[Row]:
    """The rows of all compared lists that changed."""
    for name in _LISTS:
        compared = _compare(earlier[stats_name(name)], later[stats_name(name)])
        pairs = [(key, change) for key, change in compared if change]
        if name == SOURCES:
            yield from _group_sources(pairs, own_domains)
        else:
            for key, change in pairs:
                yield Row(
                    name, label_row(name, key), filter_terms.make_value_term(LIST_TYPES[name].filter, key), change
                )


def _group_sources(pairs: Sequence[tuple[str, float]], own_domains: frozenset[str]) -> Iterator[Row]:
    for source in group_referrers(((host, int(change)) for host, change in pairs), own_domains):
        terms = [filter_terms.make_value_term(LIST_TYPES[SOURCES].filter, host) for host in source.hosts]
        if source.count:
            yield Row(SOURCES, source.name, filter_terms.join(terms), source.count)


def _compare(earlier: Frame, later: Frame) -> Iterator[tuple[str, float]]:
    """The change of each key that is known: a key that one of the frames lacks may be below its last row."""
    before, after = ({str(key): count for key, count in frame_rows(frame)} for frame in (earlier, later))
    for key in before.keys() | after.keys():
        if (key in before or len(before) < ROWS) and (key in after or len(after) < ROWS):
            yield key, after.get(key, 0) - before.get(key, 0)


def _build_contributor(state: UrlState, row: Row, highest: float) -> Contributor:
    list_type = LIST_TYPES[row.list]
    own, current = filter_terms.split(row.terms), state.get(list_type.filter)
    active = set(own) <= set(filter_terms.split(current))
    return Contributor(
        row.label,
        _LISTS[row.list],
        f"{_sign(row.change)} {list_type.unit.lower()}",
        round(100 * abs(row.change) / highest, 1),
        state.link({list_type.filter: filter_terms.remove(current, own) if active else row.terms}),
    )


def _sign(change: float) -> str:
    return ("+" if change > 0 else "\N{MINUS SIGN}") + format_exact(abs(change))
