"""The metrics of lists: what each list can be ordered by, and how a value is made of the figures of a row."""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from prisme.base.errors import InputError
from prisme.base.timexpr import SECOND
from prisme.stats.columns import TOPS

VISITORS: Final = "visitors"
EVENTS: Final = "events"


class Figures(NamedTuple):
    """The figures of a list's row. Those that were not asked for are 0.

    `actions` are pageviews or events; `bounces` and `durations` (microseconds, all together) are those of `entries`,
    the sessions that began in the span: of a page, the ones that entered there.
    """

    key: str
    visitors: int = 0
    sessions: int = 0
    actions: int = 0
    entries: int = 0
    bounces: int = 0
    durations: int = 0

    def add(self, other: "Figures") -> "Figures":
        """The sums of both, under this key."""
        return Figures(self.key, *(a + b for a, b in zip(self[1:], other[1:], strict=True)))


class ListMetric(msgspec.Struct, frozen=True):
    """A metric of rows. `rank` is the figure by which rows are ordered: rates of few sessions say little.

    `compute` returns None where a row has no such value. `needs` are the figures that have to be counted.
    """

    rank: str
    compute: Callable[[Figures], float | None]
    needs: tuple[str, ...]


def _divide(value: float, by: int) -> float | None:
    return value / by if by else None


LIST_METRICS: Final[dict[str, ListMetric]] = {
    VISITORS: ListMetric("visitors", lambda row: row.visitors, ("visitors",)),
    "sessions": ListMetric("sessions", lambda row: row.sessions, ("sessions",)),
    "pageviews": ListMetric("actions", lambda row: row.actions, ("actions",)),
    EVENTS: ListMetric("actions", lambda row: row.actions, ("actions",)),
    "views-per-session": ListMetric(
        "sessions", lambda row: _divide(row.actions, row.sessions), ("sessions", "actions")
    ),
    "bounce-rate": ListMetric("entries", lambda row: _divide(row.bounces, row.entries), ("entries",)),
    "duration": ListMetric("entries", lambda row: _divide(row.durations / SECOND, row.entries), ("entries",)),
}
# What the lists of a table have, their own unit first.
_OF_SESSIONS: Final = ("sessions", VISITORS, "pageviews", "views-per-session", "bounce-rate", "duration")
_OF_PAGES: Final = ("pageviews", VISITORS, "sessions", "views-per-session", "bounce-rate", "duration")
_OF_STATUSES: Final = _OF_PAGES[:4]
_OF_EVENTS: Final = (EVENTS, VISITORS)


def list_metrics(name: str) -> tuple[str, ...]:
    """The names of the metrics that one of `TOPS` has, its own unit first."""
    column, table = TOPS[name]
    if table == "sessions":
        return _OF_SESSIONS
    if table == "pageviews":
        return _OF_PAGES if column == "path" else _OF_STATUSES
    return _OF_EVENTS


def choose_metric(name: str, metric: str) -> str:
    """The metric if the list has it, otherwise the list's own unit."""
    return metric if metric in list_metrics(name) else list_metrics(name)[0]


def check_metric(name: str, metric: str) -> None:
    """Raise InputError for a metric that the list has not."""
    known = list_metrics(name)
    if metric and metric not in known:
        raise InputError(
            "metric: {metric!r} is none of {name}, which has {known}, such as {first}",
            metric=metric[:64],
            name=name,
            known=", ".join(known),
            first=known[0],
        )
