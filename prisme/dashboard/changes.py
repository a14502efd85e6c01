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
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats.dashboard import Dashboard
from prisme.stats.frames import Frame

# The rows of each list that are read: a row that changed much may be far down.
ROWS: Final = 500
# The lists that are compared, and what a row of each is called.
_LISTS: Final = {
    "top-pages": mark("Page"),
    SOURCES: mark("Source"),
    "top-countries": mark("Country"),
    "top-utm-campaigns": mark("Campaign"),
}
COMPARED_LISTS: Final = tuple(map(stats_name, _LISTS))
_MOST: Final = 5
_MOST_NAMED: Final = 3
# A smaller relative change is none worth a reason.
_SAME_BELOW: Final = 0.02


class Row(msgspec.Struct, frozen=True):
    """A row that changed, by `change` from `before`."""

    list: str
    key: str
    label: str
    before: float
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


def build_changes(state: UrlState, metric: str, dashboard: Dashboard) -> Changes | None:
    """What changed, of a key of `METRICS` or of visitors if it is no count; None if there is no comparison."""
    before, earlier = dashboard.compared_totals, dashboard.compared_tops
    if before is None or isinstance(earlier, msgspec.UnsetType):
        return None
    rows = sorted(_list_changes(earlier, dashboard.tops), key=lambda row: (-abs(row.change), row.list, row.label))
    highest = abs(rows[0].change) if rows else 0
    up, down = ([row for row in rows if (row.change > 0) == rising][:_MOST] for rising in (True, False))
    counted = metric if metric in ("visitors", "sessions", "pageviews") else "visitors"
    unit = "Pageviews" if counted == "pageviews" else "Sessions"
    named = [(row.label, row.before, row.change) for row in rows if LIST_TYPES[row.list].unit == unit]
    words = "" if counted == unit.lower() else translate(unit).lower()
    return Changes(
        summarise(translate(METRICS[counted].title), dashboard.totals[counted], before[counted], named, words),
        [_build_contributor(state, row, highest) for row in up],
        [_build_contributor(state, row, highest) for row in down],
    )


def summarise(title: str, now: float, before: float, rows: Sequence[tuple[str, float, float]], unit: str = "") -> str:
    """A sentence such as `Visitors up 23%: Hacker News +66, Germany +12 sessions`.

    `rows` are labels with the count before and its change. Those are named that changed more than the whole did, with
    `unit` if they count something else.
    """
    if not before:
        if now:
            return translate("{title}: {count}, none before", title=title, count=format_exact(now))
        return translate("No {title}, as before", title=title.lower())
    if abs(now / before - 1) < _SAME_BELOW:
        return translate("{title}: about the same as before", title=title)
    relative, sign = now / before - 1, 1 if now > before else -1
    surplus = {label: sign * (change - old * relative) for label, old, change in rows if sign * change > 0}
    largest = sorted((row for row in rows if surplus.get(row[0], 0) > 0), key=lambda row: -surplus[row[0]])
    named = ", ".join(f"{label} {_sign(change)}" for label, _, change in largest[:_MOST_NAMED])
    size = describe_change(now, before, "").text
    text = (
        translate("{title} up {size}", title=title, size=size)
        if sign > 0
        else translate("{title} down {size}", title=title, size=size)
    )
    return f"{text}: {named} {unit}".rstrip() if named else text


def _list_changes(earlier: Mapping[str, Frame], later: Mapping[str, Frame]) -> Iterator[Row]:
    """The rows of all compared lists that changed."""
    for name in _LISTS:
        for key, before, after in _compare(earlier[stats_name(name)], later[stats_name(name)]):
            if before != after:
                yield Row(name, key, label_row(name, key), before, after - before)


def _compare(earlier: Frame, later: Frame) -> Iterator[tuple[str, int, int]]:
    """Each key that is known, with both counts: a key that one of the frames lacks may be below its last row."""
    before, after = ({str(key): int(count) for key, count in frame_rows(frame)} for frame in (earlier, later))
    for key in before.keys() | after.keys():
        if (key in before or len(before) < ROWS) and (key in after or len(after) < ROWS):
            yield key, before.get(key, 0), after.get(key, 0)


def _build_contributor(state: UrlState, row: Row, highest: float) -> Contributor:
    list_type = LIST_TYPES[row.list]
    terms = filter_terms.make_value_term(list_type.filter, row.key)
    own, current = filter_terms.split(terms), state.get(list_type.filter)
    active = set(own) <= set(filter_terms.split(current))
    return Contributor(
        row.label,
        translate(_LISTS[row.list]),
        f"{_sign(row.change)} {translate(list_type.unit).lower()}",
        round(100 * abs(row.change) / highest, 1),
        state.link({list_type.filter: filter_terms.remove(current, own) if active else terms}),
    )


def _sign(change: float) -> str:
    return ("+" if change > 0 else "\N{MINUS SIGN}") + format_exact(abs(change))
