"""Joins sessions with their rows, from Parquet files of any size in bounded memory.

The id of a session, which its rows have too, is a UUIDv7: it begins with a time. So the files are read by ranges of
ids, of some ten thousand rows each. Parquet files name the least and the greatest id of each row group, and those
without any id of the range are not read.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, starmap
from typing import Final, NamedTuple

import msgspec

from prisme.base.events import Session
from prisme.imports.items import CUSTOM, DOWNLOAD, OUTBOUND, PAGEVIEW, Row, Visit
from prisme.imports.own.parts import Part
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from prisme.store.foreign import ForeignFiles

# What the rows of a table are.
KINDS: Final = {
    "pageviews": PAGEVIEW,
    "events_custom": CUSTOM,
    "file_downloads": DOWNLOAD,
    "outbound_link_clicks": OUTBOUND,
}
# Larger ranges are no faster.
_MOST_ROWS: Final = 80_000
_LEAST_ROWS: Final = 2_000
_MOST_BYTES: Final = 48 << 20  # as they are before compression: DuckDB spills what does not fit
_MINUTE: Final = 60_000  # milliseconds
_NO_TIME: Final = "a row without a time"
_TWICE: Final = "an earlier state of a visit"

_MINUTES: Final = """
SELECT
    CASE WHEN uuid_extract_version(session_uuid) = 7
        THEN epoch_ms(uuid_extract_timestamp(session_uuid)) // {minute} END AS minute,
    count(*)
FROM ({ids}) GROUP BY minute ORDER BY minute NULLS FIRST
"""
_FOUND: Final = """
SELECT count(*), count(*) - count(DISTINCT session_uuid), (SELECT count(*) FROM "row") FROM visit
"""
# Two rows of a session are no error where a source stores each state of a visit.
_NEWEST: Final = """
CREATE OR REPLACE TABLE visit AS SELECT * FROM visit
QUALIFY row_number() OVER (
    PARTITION BY session_uuid ORDER BY pageviews + events DESC, "exit" DESC, exit_path, status, visitor
) = 1
"""
# JSON, as the journal has it, is faster than 26 values.
_VISITS: Final = """
SELECT
    to_json({
        uuid: CAST(session_uuid AS VARCHAR), domain: domain, entry: entry, entry_path: entry_path,
        "exit": "exit", exit_path: exit_path, status: status, visitor: visitor,
        client: {os: os, browser: browser, device: device, type: device_type},
        country: country, referrer: referrer,
        utm: {source: utm_source, medium: utm_medium, campaign: utm_campaign, term: utm_term, content: utm_content},
        pageviews: pageviews, events: events, click_id: click_id,
        place: CASE WHEN region <> '' OR city <> '' THEN {region: region, city: city} END
    }),
    coalesce(found, 0)
FROM visit LEFT JOIN (SELECT session_uuid, count(*) AS found FROM "row" GROUP BY session_uuid) USING (session_uuid)
ORDER BY session_uuid
"""
_ROWS: Final = """
SELECT
    kind, "at", path, "row".status, "name", properties, url,
    CASE WHEN "row".visitor = visit.visitor THEN '' ELSE "row".visitor END
FROM "row" JOIN visit USING (session_uuid)
ORDER BY session_uuid, "at", kind <> 'pageview', kind, path, "name", url, properties, "row".status, "row".visitor
"""


class Source(NamedTuple):
    """Parquet files by table, and how to read them.

    `sessions` and `rows` give the SELECT for files of sessions, or of another table. `adjust` is run after the tables
    `visit` and `row` of a range were made, for what the source needs. `orphan` says why rows without a visit are left
    out, `no_id` the same of rows without a UUIDv7; it is empty where these are counted already.
    """

    parts: dict[str, list[Part]]
    sessions: Callable[[Sequence[Part]], str]
    rows: Callable[[str, Sequence[Part]], str]
    adjust: Sequence[str]
    orphan: str
    no_id: str


class Progress:
    """Tells bytes: `size` bytes from `start` on, in proportion to the rows that are done."""

    def __init__(self, reading: Reading, start: int, size: int) -> None:
        self._tell = reading.tell
        self._start = start
        self._size = size

    def tell(self, rows: int, of: int) -> None:
        """So many rows are done."""
        self._tell(self._start + self._size * rows // of)


class _Range(NamedTuple):
    """Ids from `low` on and below `high`, as texts, and how many rows have one."""

    low: str
    high: str
    rows: int


def join(files: ForeignFiles, source: Source, tally: Tally, progress: Progress) -> Iterator[Visit]:
    """The visits with their rows, by their ids. Raises InputError."""
    ranges = _plan(files, source, tally)
    total, done = sum(chosen.rows for chosen in ranges), 0
    for chosen in ranges:
        yield from _join_range(files, source, tally, chosen)
        done += chosen.rows
        progress.tell(done, total)


def _plan(files: ForeignFiles, source: Source, tally: Tally) -> list[_Range]:
    """Ranges of whole minutes; a minute with more rows is one range, however many they are."""
    paths = [part for parts in source.parts.values() for part in parts]
    rows = sum(part.rows for part in paths)
    if not rows:
        return []
    most = max(_LEAST_ROWS, min(_MOST_ROWS, _MOST_BYTES * rows // max(1, sum(part.bytes for part in paths))))
    ids = " UNION ALL ".join(f"SELECT CAST(session_uuid AS UUID) AS session_uuid FROM {part.sql}" for part in paths)  # noqa: S608  # no text of a file's rows
    ranges: list[_Range] = []
    first = last = count = 0
    for minute, found in files.rows(_MINUTES.format(minute=_MINUTE, ids=ids)):
        tally.rows += found
        if minute is None:
            if source.no_id:
                tally.skip(source.no_id, found)
            continue
        if count and count + found > most:
            ranges.append(_Range(_first_id(first), _first_id(minute), count))
            count = 0
        first = first if count else minute
        last, count = minute, count + found
    if count:
        ranges.append(_Range(_first_id(first), _first_id(last + 1), count))
    return ranges


def _first_id(minute: int) -> str:
    """The least UUID with the time of a minute."""
    time = f"{minute * _MINUTE:012x}"
    return f"{time[:8]}-{time[8:]}-0000-0000-000000000000"


def _join_range(files: ForeignFiles, source: Source, tally: Tally, chosen: _Range) -> Iterator[Visit]:
    _make_tables(files, source, tally, chosen)
    visits = files.rows(_VISITS)
    decoder = msgspec.json.Decoder(Session)
    rows: Iterator[Row] = starmap(Row, files.rows(_ROWS))
    joined = 0
    for text, count in visits:
        joined += count
        yield Visit(decoder.decode(text), list(islice(rows, count)))
    ((found,),) = files.rows('SELECT count(*) FROM "row"')
    if found > joined:
        tally.skip(source.orphan, found - joined)


def _make_tables(files: ForeignFiles, source: Source, tally: Tally, chosen: _Range) -> None:
    """Fill the tables `visit` and `row` with what is in the range, each visit once."""
    within = (
        f"session_uuid >= CAST('{chosen.low}' AS UUID) AND session_uuid < CAST('{chosen.high}' AS UUID) "
        "AND uuid_extract_version(session_uuid) = 7"
    )
    parts = {table: _overlapping(parts, chosen) for table, parts in source.parts.items()}
    sessions = source.sessions(parts.pop("sessions", []))
    rows = " UNION ALL ".join(source.rows(table, found) for table, found in (parts or {"pageviews": []}).items())
    files.run(
        f"CREATE OR REPLACE TABLE visit AS SELECT * FROM ({sessions}) "  # noqa: S608  # no text of a file's rows
        f'WHERE {within} AND entry IS NOT NULL AND "exit" IS NOT NULL'
    )
    files.run(f'CREATE OR REPLACE TABLE "row" AS SELECT * FROM ({rows}) WHERE {within} AND "at" IS NOT NULL')  # noqa: S608  # no text of a file's rows
    ((visits, doubles, found),) = files.rows(_FOUND)
    if visits + found < chosen.rows:
        tally.skip(_NO_TIME, chosen.rows - visits - found)
    if doubles:
        tally.skip(_TWICE, doubles)
        files.run(_NEWEST)
    for statement in source.adjust:
        files.run(statement)


def _overlapping(parts: Iterable[Part], chosen: _Range) -> list[Part]:
    return [part for part in parts if part.high >= chosen.low and part.low < chosen.high]
