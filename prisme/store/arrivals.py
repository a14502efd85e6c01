"""How visits came: the distinct values of the columns of `sessions` that say so, in memory.

They are read once, and again from where loads changed something. What nobody has any more, as loads changed it, stays.
Queries look them up in a table: as parameters of each query, thousands of texts take longer than the query itself.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from prisme.store.load_log import LoadLog
from prisme.store.rollups import list_units, outside_of

# Far more than a busy site has. With texts of that length, they take some 40 MB; anybody may send random ones.
MOST: Final = 50_000
LONGEST: Final = 300
# Most of them need not be remembered: unknown hosts.
_MOST_READ: Final = 2 * MOST
_ARRIVALS: Final = """
SELECT referrer_domain, utm_source, utm_medium, click_id, count(*) AS sessions FROM sessions
WHERE {condition} AND strlen(referrer_domain) + strlen(utm_source) + strlen(utm_medium) <= {longest}
GROUP BY ALL
"""
_MOST_FREQUENT: Final = """
SELECT referrer_domain, utm_source, utm_medium, click_id FROM ({arrivals})
GROUP BY ALL ORDER BY sum(sessions) DESC LIMIT {most}
"""
_ROLLED: Final = "SELECT * EXCLUDE (unit) FROM rollup.arrivals"
# In a database of its own: a reader sees no tables of a database that are made after it first read one there, and those
# of `cache` are made while figures are counted, perhaps by source.
TABLE: Final = "names.arrivals"
CREATE: Final = f"""
ATTACH ':memory:' AS names;
CREATE TABLE {TABLE} (
    referrer VARCHAR, utm VARCHAR, medium VARCHAR, click VARCHAR, source VARCHAR, channel VARCHAR
)
"""
# What is there already is left out: a statement that failed may have been committed.
_ADD: Final = f"""
INSERT INTO {TABLE} (
    SELECT
        unnest(CAST($referrers AS VARCHAR[])), unnest(CAST($utms AS VARCHAR[])), unnest(CAST($mediums AS VARCHAR[])),
        unnest(CAST($clicks AS VARCHAR[])), unnest(CAST($sources AS VARCHAR[])), unnest(CAST($channels AS VARCHAR[]))
    EXCEPT SELECT * FROM {TABLE}
)
"""  # noqa: S608  # names of ours
_PARAMETERS: Final = ("referrers", "utms", "mediums", "clicks", "sources", "channels")


class Arrival(NamedTuple):
    """How visits came, as `sessions` has it."""

    referrer_domain: str
    utm_source: str
    utm_medium: str
    click_id: str


class Asker(Protocol):
    """What reads the tables, such as a reader. It sees the first `loads` loads; the methods raise UnavailableError."""

    loads: int

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    def keep(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement on tables in memory."""

    def check(self) -> None:
        """Raise if it is too late."""


# Gives the source and the channel of visits; None where they need not be remembered.
Describe = Callable[[Arrival], tuple[str, str] | None]


class Arrivals:
    """Sources and channels by arrival, also in `TABLE`, which has to be empty at first. For any threads."""

    def __init__(self, load_log: LoadLog, most: int = MOST) -> None:
        self._load_log = load_log
        self._most = most
        self._lock = threading.Lock()
        self._loads = -1
        self._described: dict[Arrival, tuple[str, str]] = {}

    def update(self, reader: Asker, describe: Describe) -> None:
        """Put into the table all that `describe` describes of what the reader sees.

        It is always the same function. Beyond `most` arrivals, new ones are left out. Raises UnavailableError.
        """
        lowest = 0 if self._loads < 0 else self._load_log.since(self._loads)
        if lowest is not None:
            self._extend(reader, describe, lowest)

    def _extend(self, reader: Asker, describe: Describe, start: int) -> None:
        """Read what began at `start` (microseconds) or later. Other threads may do the same meanwhile."""
        found = {}
        for row in reader.ask(_MOST_FREQUENT.format(arrivals=_compose(reader, start), most=_MOST_READ), {}):
            reader.check()
            arrival = Arrival(*row)
            described = self._described.get(arrival) or describe(arrival)
            if described is not None:
                found[arrival] = described
                if len(found) == self._most:
                    break
        with self._lock:
            room = self._most - len(self._described)
            new = [(*one, *names) for one, names in found.items() if one not in self._described][:room]
            if new:
                reader.keep(_ADD, dict(zip(_PARAMETERS, _transpose(new), strict=True)))
                self._described |= {Arrival(*row[:4]): row[4:] for row in new}
            self._loads = max(self._loads, reader.loads)


def compose_arrivals(condition: str) -> str:
    """A query of how sessions came that fulfil a condition, and how many."""
    return _ARRIVALS.format(condition=condition, longest=LONGEST)


def _compose(reader: Asker, start: int) -> str:
    """The same of all sessions that began at `start` (microseconds) or later; of 0, of rollups as far as there are."""
    if start:
        return compose_arrivals(f"entry_timestamp >= make_timestamp({start})")
    others = compose_arrivals(outside_of(list_units(reader.ask), "entry_timestamp"))
    return f"{_ROLLED} UNION ALL {others}"


def _transpose(rows: Sequence[tuple[str, ...]]) -> list[list[str]]:
    return [[*column] for column in zip(*rows, strict=True)]
