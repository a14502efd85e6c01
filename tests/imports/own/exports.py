"""Databases of some visits, their exports, and what a reader gives as rows of the tables."""

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from prisme.cli.main import main
from prisme.imports.items import Item, Row, Visit
from prisme.imports.own.joining import KINDS
from prisme.imports.reading import Format, Reading
from prisme.imports.tally import Tally
from tests.operations.conftest import open_folder

Rows = dict[str, list[dict[str, Any]]]
TABLES: Final = ("sessions", *KINDS)
_GENERATED: Final = ("is_anon", "session_timestamp", "is_bounce")


def export(folder: Path, rows: Rows, *words: str) -> Path:
    """Store rows and export them; gives the folder of the export."""
    with open_folder(folder / "data") as context, context.loader.hold() as held:
        held.cursor.begin()
        for table, found in rows.items():
            for row in found:
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" for _ in row)
                held.cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
        held.commit()
    assert main(["export", str(folder / "out"), "--data-dir", str(folder / "data"), "--quiet", *words]) == 0
    return folder / "out"


def stored(folder: Path) -> Rows:
    """All columns of all rows of a database."""
    with open_folder(folder / "data") as context, context.database.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description or ()]
            found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


def read(form: Format, folder: Path, *files: Path, tally: Tally | None = None, **options: Any) -> list[Item]:
    """The items of files."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    items = list(form.read(files, Reading(tally or Tally(), temporary, **options)))
    assert list(temporary.iterdir()) == []
    return items


def visits_of(items: Iterable[Item]) -> list[Visit]:
    """The visits, of items that are nothing else."""
    visits = []
    for item in items:
        assert isinstance(item, Visit)
        visits.append(item)
    return visits


def as_tables(visits: Iterable[Visit]) -> Rows:
    """The rows that the store would make of visits, with all columns."""
    tables: Rows = {table: [] for table in TABLES}
    for visit in visits:
        tables["sessions"].append(_session_row(visit))
        for row in visit.rows:
            table = next(table for table, kind in KINDS.items() if kind == row.kind)
            visitor = row.visitor or visit.session.visitor
            tables[table].append(
                {
                    "timestamp": as_time(row.at),
                    "domain": visit.session.domain,
                    "path": row.path,
                    **_derived(visitor, visit.session.uuid),
                    **_own_values(table, row),
                }
            )
    return tables


def in_order(tables: Rows) -> dict[str, list[str]]:
    """The rows as texts, each with its columns by name, sorted."""
    return {table: sorted(repr(sorted(row.items())) for row in rows) for table, rows in tables.items()}


def as_time(microseconds: int) -> datetime.datetime:
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)  # noqa: DTZ001


def inserted(tables: Rows) -> Rows:
    """Without the columns that the database makes itself."""
    return {
        table: [{name: value for name, value in row.items() if name not in _GENERATED} for row in rows]
        for table, rows in tables.items()
    }


def _own_values(table: str, row: Row) -> dict[str, Any]:
    if table == "pageviews":
        return {"status": row.status}
    if table == "events_custom":
        return {"name": row.name, "properties": row.properties}
    return {"link" if table == "outbound_link_clicks" else "url": row.url}


def _session_row(visit: Visit) -> dict[str, Any]:
    session = visit.session
    utm = {f"utm_{name}": value for name, value in msgspec.structs.asdict(session.utm).items()}
    return {
        "domain": session.domain,
        "entry_timestamp": as_time(session.entry),
        "entry_path": session.entry_path,
        "exit_timestamp": as_time(session.exit),
        "exit_path": session.exit_path,
        "exit_status": session.status,
        **_derived(session.visitor, session.uuid),
        "operating_system": session.client.os,
        "browser_family": session.client.browser,
        "device": session.client.device,
        "device_type": session.client.type,
        "referrer_domain": session.referrer,
        "country_code": session.country,
        "region": session.place.region if session.place else "",
        "city": session.place.city if session.place else "",
        **utm,
        "click_id": session.click_id,
        "pageviews": session.pageviews,
        "events": session.events,
        "imported": "",
        "is_bounce": session.pageviews <= 1 and not session.events,
    }


def _derived(visitor: str, uuid: str) -> dict[str, Any]:
    milliseconds = int(uuid.replace("-", "")[:12], 16)
    return {
        "visitor_id": visitor,
        "is_anon": visitor.startswith(("prisme_", "anon_")),
        "session_uuid": UUID(uuid),
        "session_timestamp": as_time(milliseconds * 1000),
    }
