"""Merges what is imported into the tables, chunk by chunk, each in a transaction. For one thread at a time.

Events wait in the journal meanwhile, for a fraction of a second each time.
"""

import contextlib
import datetime
import importlib.resources
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import msgspec

from prisme.base.errors import InputError
from prisme.store.database import WORK_BYTES, Database
from prisme.store.errors import StoreError
from prisme.store.load_log import MOST_DOMAINS, Changed
from prisme.store.loader import Loader
from prisme.store.rollups import days_of_sessions
from prisme.store.write_connection import Held


def _read(name: str) -> list[str]:
    text = (importlib.resources.files("prisme.store") / name).read_text()
    return [part for part in text.split(";\n") if part.strip()]


_FIND_VISITS, _STORE_VISITS, _FIND_FIGURES = map(_read, ("import_visits.sql", "import_rows.sql", "import_figures.sql"))
_COUNTS: Final = """
SELECT
    (SELECT count(*) FROM visit), (SELECT count(*) FROM fresh), (SELECT count(*) FROM known WHERE has_grown),
    coalesce(sum(pageviews), 0), coalesce(sum(events), 0)
FROM (
    SELECT pageviews::HUGEINT AS pageviews, events::HUGEINT AS events FROM fresh
    UNION ALL SELECT -pageviews::HUGEINT, -events::HUGEINT FROM known WHERE has_grown
)
"""
_BOUNDS: Final = "SELECT epoch_us(min(entry_timestamp)), epoch_us(max(exit_timestamp)) FROM fresh"
# Rows may be before the entry of their visit.
_EARLIEST: Final = 'SELECT min("row"."at") FROM line JOIN fresh USING ("of")'
_DOMAINS: Final = "SELECT DISTINCT domain FROM fresh LIMIT ?"
_FIGURE_COUNTS: Final = """
SELECT
    (SELECT count(*) FROM figure), (SELECT count(*) FROM fresh), (SELECT count(*) FROM known WHERE has_changed)
"""
_CHANGED_FIGURES: Final = """
SELECT domain, "day" FROM fresh UNION ALL SELECT domain, "day" FROM known WHERE has_changed
"""
_STORE_FIGURES: Final = (
    """
    UPDATE imported_figures AS there SET
        visitors = known.visitors, sessions = known.sessions, pageviews = known.pageviews, events = known.events,
        bounces = known.bounces, seconds = known.seconds
    FROM known WHERE there.rowid = known.id AND known.has_changed
    """,
    "INSERT INTO imported_figures BY NAME SELECT $name AS imported, * FROM fresh ORDER BY domain, dimension, day",
)
_NOTE: Final = """
UPDATE state.imports SET
    visits = visits + $visits, pageviews = pageviews + $pageviews, events = events + $events,
    figures = figures + $figures, first_at = least(first_at, $first), last_at = greatest(last_at, $last)
WHERE name = $name
"""
_GROWN: Final = "session_uuid IN (SELECT session_uuid FROM known WHERE has_grown)"
_STORED_DAYS: Final = """
SELECT CAST(entry_timestamp AS DATE) AS day FROM fresh UNION SELECT CAST("timestamp" AS DATE) FROM happened
"""
_DAYS: Final = "SELECT DISTINCT domain, CAST(entry_timestamp AS DATE) FROM visit"
_FIGURE_DAYS: Final = "SELECT DISTINCT domain, day FROM figure"
# Days that have visits or figures of other origin.
_OVERLAP: Final = """
WITH day AS (SELECT unnest($domains) AS domain, unnest($days) AS "day")
SELECT count(*) FROM day WHERE (domain, "day") IN (
    SELECT domain, CAST(entry_timestamp AS DATE) FROM sessions
    WHERE entry_timestamp >= $first AND entry_timestamp < $last + INTERVAL 1 DAY
        AND list_contains($domains, domain) AND regexp_replace(imported, '-\\d+$', '') <> $format
    UNION SELECT domain, "day" FROM imported_figures WHERE regexp_replace(imported, '-\\d+$', '') <> $format
)
"""
# Formats whose visitors have ids that other servers generated. Those that readers make are of one site and one day.
_OF_SERVERS: Final = frozenset(("prisme", "prisme-go"))
# Of a few thousand days of a few sites; with more, later ones are not compared.
_MOST_DAYS: Final = 50_000
_EPOCH: Final = datetime.datetime.fromtimestamp(0, datetime.UTC).replace(tzinfo=None)
_DAY: Final = 24 * 3600 * 1_000_000  # microseconds


class Begun(NamedTuple):
    """What is imported: `source` is the same for the same files."""

    format: str
    source: str
    files: tuple[str, ...]


class Merged(msgspec.Struct):
    """What chunks have added, or would add. `known` visits or figures were there already; `grown` have more rows now.

    `first` and `last` are microseconds, of what is added.
    """

    visits: int = 0
    pageviews: int = 0
    events: int = 0
    figures: int = 0
    known: int = 0
    grown: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, other: "Merged") -> None:
        """Add what another chunk has added."""
        for name in ("visits", "pageviews", "events", "figures", "known", "grown"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first = min((one for one in (self.first, other.first) if one is not None), default=None)
        self.last = max((one for one in (self.last, other.last) if one is not None), default=None)


class Importer:
    """One import, whose name is `name` once something of it is stored; with `dry_run`, nothing ever is.

    An import of the same source that has not ended goes on. Its methods raise StoreError, after a rollback, and
    InputError if it was undone meanwhile.
    """

    def __init__(self, database: Database, loader: Loader, begun: Begun, now: int, dry_run: bool = False) -> None:
        self._database = database
        self._loader = loader
        self._begun = begun
        self._now = _timestamp(now)
        self._dry_run = dry_run
        self._days: set[tuple[str, datetime.date]] = set()
        self.name = ""

    def merge_visits(self, chunk: Path) -> Merged:
        """Merge the visits of a file."""
        with self._transaction() as held:
            cursor = held.cursor
            parameters = {"path": str(chunk), "name": self._find_name(cursor)}
            for statement in _FIND_VISITS:
                cursor.execute(statement, {name: parameters[name] for name in parameters if f"${name}" in statement})
            self._note_days(cursor, _DAYS)
            merged = _count_visits(cursor)
            if merged.visits or merged.grown:
                self._store(held, parameters["name"], merged, _STORE_VISITS)
        return merged

    def merge_figures(self, chunk: Path) -> Merged:
        """Merge the figures of a file."""
        with self._transaction() as held:
            cursor = held.cursor
            name = self._find_name(cursor)
            parameters = {"path": str(chunk), "format": self._begun.format}
            for statement in _FIND_FIGURES:
                cursor.execute(statement, {name: parameters[name] for name in parameters if f"${name}" in statement})
            self._note_days(cursor, _FIGURE_DAYS)
            merged = _count_figures(cursor)
            if merged.figures or merged.grown:
                self._store(held, name, merged, _STORE_FIGURES)
        return merged

    def end(self, report: bytes, now: int) -> None:
        """Note that all of it is stored; `report` is JSON."""
        if self._dry_run:
            return
        with self._transaction() as held:
            held.cursor.execute(
                "UPDATE state.imports SET ended_at = $now, report = $report "
                "WHERE name = $name OR (format = $format AND source = $source AND ended_at IS NULL)",
                {
                    "now": _timestamp(now),
                    "report": report.decode(),
                    "name": self.name,
                    "format": self._begun.format,
                    "source": self._begun.source,
                },
            )
            held.commit(Changed(now, now, []))  # no row changes that is counted

    def count_overlap(self) -> int:
        """On how many of the days of what was merged, counted for each site, there is something of other origin."""
        if not self._days:
            return 0
        with self._transaction() as held:
            domains, days = zip(*sorted(self._days), strict=True)
            parameters = {"first": min(days), "last": max(days), "format": self._begun.format}
            cursor = held.cursor.execute(_OVERLAP, {**parameters, "domains": domains, "days": days})
            return int(cursor.fetchall()[0][0])

    def _note_days(self, cursor: duckdb.DuckDBPyConnection, query: str) -> None:
        if self._dry_run and len(self._days) < _MOST_DAYS:
            self._days.update(cursor.execute(query).fetchall())

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Held]:
        """One that is rolled back unless the block has committed it."""
        try:
            with self._loader.hold() as held, self._database.on_one_thread(held.cursor):
                self._database.shrink_memory(held.cursor, WORK_BYTES)
                held.cursor.begin()
                try:
                    yield held
                finally:
                    with contextlib.suppress(duckdb.Error):
                        held.cursor.rollback()  # an error, where it has been committed
        except duckdb.Error as error:
            cause = str(error).partition("\n")[0]
            raise StoreError(f"the database cannot take what is imported: {cause}. This part was undone") from error

    def _store(self, held: Held, name: str, merged: Merged, statements: Sequence[str]) -> None:
        if self._dry_run:
            return
        cursor = held.cursor
        changed: Changed | None = _find_bounds(cursor, merged, are_days=statements is _STORE_FIGURES)
        if merged.grown and statements is _STORE_VISITS:
            self._database.rollups.drop_changed(cursor, days_of_sessions(_GROWN))
        for statement in statements:
            cursor.execute(statement, {"name": name} if "$name" in statement else {})
        if statements is _STORE_VISITS:
            self._database.rollups.drop_changed(cursor, _STORED_DAYS)
            is_foreign = self._begun.format in _OF_SERVERS
            if is_foreign and self._database.rollups.note_import(cursor, ("fresh", "happened")):
                changed = None
        self._note(cursor, name, merged)
        held.commit(changed)
        self.name = name

    def _find_name(self, cursor: duckdb.DuckDBPyConnection) -> str:
        """Its name, or that which it will have. Raises InputError if it was undone."""
        if self.name:
            if not cursor.execute("SELECT 1 FROM state.imports WHERE name = ?", [self.name]).fetchall():
                raise InputError("{name} was undone while it was imported", name=self.name)
            return self.name
        open_ones = cursor.execute(
            "SELECT name FROM state.imports WHERE format = ? AND source = ? AND ended_at IS NULL",
            [self._begun.format, self._begun.source],
        ).fetchall()
        if open_ones:
            return str(open_ones[0][0])
        names = cursor.execute("SELECT name FROM state.imports WHERE format = ?", [self._begun.format]).fetchall()
        numbers = (int(str(name).rpartition("-")[2]) for (name,) in names)
        return f"{self._begun.format}-{max(numbers, default=0) + 1}"

    def _note(self, cursor: duckdb.DuckDBPyConnection, name: str, merged: Merged) -> None:
        files = msgspec.json.encode(self._begun.files).decode()
        cursor.execute(
            """
            INSERT INTO state.imports
            SELECT $name, $format, $source, $files, $now, NULL, 0, 0, 0, 0, NULL, NULL, '{}'
            WHERE NOT EXISTS (FROM state.imports WHERE name = $name)
            """,
            {
                "name": name,
                "format": self._begun.format,
                "source": self._begun.source,
                "files": files,
                "now": self._now,
            },
        )
        cursor.execute(
            _NOTE,
            {
                "name": name,
                "visits": merged.visits,
                "pageviews": merged.pageviews,
                "events": merged.events,
                "figures": merged.figures,
                "first": _timestamp(merged.first),
                "last": _timestamp(merged.last),
            },
        )


def _count_visits(cursor: duckdb.DuckDBPyConnection) -> Merged:
    ((all_, fresh, grown, pageviews, events),) = cursor.execute(_COUNTS).fetchall()
    ((first, last),) = cursor.execute(_BOUNDS).fetchall()
    return Merged(fresh - grown, int(pageviews), int(events), 0, all_ - fresh, grown, first, last)


def _count_figures(cursor: duckdb.DuckDBPyConnection) -> Merged:
    ((all_, fresh, changed),) = cursor.execute(_FIGURE_COUNTS).fetchall()
    query = f"SELECT epoch_us(min(day)::TIMESTAMP), epoch_us(max(day)::TIMESTAMP) FROM ({_CHANGED_FIGURES})"  # noqa: S608  # ours
    ((first, last),) = cursor.execute(query).fetchall()
    return Merged(figures=fresh, known=all_ - fresh - changed, grown=changed, first=first, last=last)


def _find_bounds(cursor: duckdb.DuckDBPyConnection, merged: Merged, *, are_days: bool) -> Changed:
    """The times and domains of what changes, for the load log. A day begins earlier, or ends later, in some zones."""
    domains = [domain for (domain,) in cursor.execute(_DOMAINS, [MOST_DOMAINS + 1]).fetchall()]
    is_any = len(domains) > MOST_DOMAINS or merged.grown
    first, last = merged.first or 0, merged.last or 0
    if are_days:
        first, last = first - _DAY, last + 2 * _DAY
    elif earliest := cursor.execute(_EARLIEST).fetchall()[0][0]:
        first = min(first, earliest)
    return Changed(first, last, None if is_any else domains)


def _timestamp(moment: int | None) -> datetime.datetime | None:
    return None if moment is None else _EPOCH + datetime.timedelta(microseconds=moment)
