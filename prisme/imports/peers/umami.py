"""Umami's rows: the export of its cloud, and its tables in Postgres as CSV.

Both are read by the names of columns. Events have a visit's id; where older ones lack it, visits are made by our rule.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from prisme.base.errors import InputError
from prisme.imports.items import Item
from prisme.imports.peers import umami_rows
from prisme.imports.peers.csv_rows import Row, find_columns, read_header, read_rows, size_of
from prisme.imports.peers.umami_joins import Joined, Joins
from prisme.imports.peers.umami_visits import make_items
from prisme.imports.reading import Format, Reading

_MOST_WEBSITES: Final = 100_000
_UNUSABLE: Final = (
    "{} has sums without dates, as Umami's own export by its API does; dump its tables instead: "
    "\\copy website_event to 'website_event.csv' csv header, and the same for session, event_data and website"
)
_NO_EVENTS: Final = "there are no events in {}: give website_event.csv in the same command"


def recognise(_name: str, head: bytes) -> bool:
    """Whether a file is one of its tables, or its export by the API, which is refused."""
    return _find_table(find_columns(head)) != "" or _is_api_export(head)


def read(files: Sequence[Path], reading: Reading) -> Iterator[Item]:
    """Requests, then visits in the order of their entry. Raises InputError for files that are none of its tables."""
    tables = [(path, _choose_table(path)) for path in files]
    kinds = {table for _, table in tables}
    if "event" not in kinds and not kinds <= {"other"}:
        raise InputError(_NO_EVENTS.format(", ".join(path.name for path in files)))
    with Joins(reading.temporary, reading.tally, "session" in kinds, "data" in kinds) as joins:
        websites: dict[str, str] = {}
        before = 0
        # Websites first: events name them.
        for path, table in sorted(tables, key=lambda one: one[1] != "website"):
            for row in read_rows(path, reading, before, read_header(path)):
                _take(row, table, joins, websites, path.name, reading)
            before += size_of(path)
            reading.tell(before)
        yield from make_items(joins.take(), reading)


FORMAT: Final = Format("umami", recognise, read)


def _find_table(columns: list[str]) -> str:
    """Which table columns are of: `event`, `session`, `data`, `website`, `other` without use; empty for none."""
    has = set(columns).issuperset
    if has({"session_id", "url_path", "event_type", "created_at"}):
        return "event"
    if has({"data_key", "data_type"}):
        return "data" if has({"event_id"}) or has({"website_event_id"}) else "other"
    if has({"session_id", "browser", "os", "device"}):
        return "session"
    return "website" if has({"website_id", "domain"}) else ""


def _choose_table(path: Path) -> str:
    columns = read_header(path)
    if not columns and not size_of(path):
        return "other"  # an empty file has nothing
    table = _find_table(columns)
    if table:
        return table
    with path.open("rb") as file:
        if _is_api_export(file.read(65_536)):
            raise InputError(_UNUSABLE.format(path))
    raise InputError(
        f"{path} is none of Umami's tables: a header with session_id, url_path, event_type and created_at was expected"
    )


def _is_api_export(head: bytes) -> bool:
    """Whether it is a zip of sums, that zip within JSON, or one of the files in it."""
    if head.startswith(b"PK\x03\x04"):
        return b"referrers.csv" in head or (b"pages.csv" in head and b"imported_" not in head)
    return head.lstrip().startswith(b'{"zip":') or find_columns(head) == ["x", "y"]


def _take(row: Row, table: str, joins: Joins, websites: dict[str, str], file: str, reading: Reading) -> None:
    """Take a row of a table."""
    if table == "event":
        _take_event(row, joins, websites, file, reading)
    elif table == "session":
        joins.add_session(row.get("session_id"), umami_rows.read_seen(row))
    elif table == "data":
        joins.add_property(umami_rows.find_event(row), *umami_rows.read_property(row))
    elif table == "website":
        if len(websites) < _MOST_WEBSITES:
            websites[row.get("website_id")] = row.get("domain")
    else:
        reading.tally.skip("rows of tables that have no events")


def _take_event(row: Row, joins: Joins, websites: dict[str, str], file: str, reading: Reading) -> None:
    if row.get("event_type") not in umami_rows.KINDS:
        reading.tally.skip("events that are neither pageviews nor custom")
        return
    read = umami_rows.read_event(row, websites)
    if read is None:
        reading.tally.refuse(file, row.number, "no time, or no session_id", str(row))
        return
    at, event = read
    visit, id_ = umami_rows.find_visit(row), umami_rows.find_event(row)
    seen = umami_rows.read_seen(row)
    joins.add_event(Joined(visit, id_, row.get("session_id"), at, reading.tally.rows, event, seen))
