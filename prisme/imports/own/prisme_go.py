"""Reads the tables of Prisme's original, a program in Go that stores in ClickHouse, from dumps of them.

Each file is first written again, sorted by the ids of visits; then visits are joined with their rows.
"""

import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from prisme.base.errors import InputError
from prisme.base.events import Client
from prisme.imports.items import Item, Visit
from prisme.imports.own.clickhouse import MACROS, PARQUET, find_json_table, stage
from prisme.imports.own.joining import KINDS, Progress, Source, join
from prisme.imports.own.parts import Columns, Part, is_month, quote
from prisme.imports.reading import Format, Reading
from prisme.store.foreign import ForeignFiles
from prisme.visit.device_type import find_device_type

_NO_SITE: Final = "neither it nor its visit names a site"
_TEXTS: Final = (
    "domain", "entry_path", "exit_path", "visitor", "os", "browser", "device", "device_type", "country", "referrer",
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
)  # fmt: skip
_ROW_TEXTS: Final = ("domain", "path", "name", "properties", "url", "visitor")

# A visit whose row of `sessions` is in no file: no more is known of it than what its rows say.
_ADD_VISITS: Final = """
INSERT INTO visit BY NAME
SELECT
    session_uuid,
    coalesce(min(domain) FILTER (domain <> ''), {site}) AS domain,
    epoch_us(uuid_extract_timestamp(session_uuid)) AS entry,
    coalesce(arg_min(path, "at") FILTER (kind = 'pageview'), arg_min(path, "at")) AS entry_path,
    max("at") AS "exit",
    coalesce(arg_max(path, "at") FILTER (kind = 'pageview'), arg_max(path, "at")) AS exit_path,
    coalesce(arg_max(status, "at") FILTER (kind = 'pageview'), 200) AS status,
    arg_max(visitor, "at") AS visitor,
    'Other' AS os, 'Other' AS browser, 'Other' AS device, 'other' AS device_type,
    'XX' AS country, 'direct' AS referrer,
    '' AS utm_source, '' AS utm_medium, '' AS utm_campaign, '' AS utm_term, '' AS utm_content,
    '' AS click_id, '' AS region, '' AS city, 0 AS pageviews, 0 AS events
FROM "row" ANTI JOIN visit USING (session_uuid)
GROUP BY session_uuid
HAVING coalesce(min(domain) FILTER (domain <> ''), {site}) <> ''
"""
# Pageviews are what was found: figures of pages and of visits agree then. Where no pageview was found, they are what
# the visit says. Its exit is of its last pageview, and in whole seconds, as all times but that of its entry.
_COUNT: Final = """
CREATE OR REPLACE TABLE visit AS SELECT visit.* REPLACE (
    coalesce(nullif(views, 0), pageviews) AS pageviews, coalesce(acts, 0) AS events,
    greatest("exit", entry, latest) AS "exit"
) FROM visit LEFT JOIN (
    SELECT
        session_uuid, count(*) FILTER (kind = 'pageview') AS views, count(*) FILTER (kind <> 'pageview') AS acts,
        max("at") AS latest
    FROM "row" GROUP BY session_uuid
) USING (session_uuid)
"""
_COMPLETE: Final = """
CREATE OR REPLACE TABLE "row" AS SELECT "row".* REPLACE (
    greatest("at", entry) AS "at", coalesce(nullif(path, ''), entry_path) AS path
) FROM "row" LEFT JOIN visit USING (session_uuid)
"""


def recognise(name: str, head: bytes) -> bool:
    """Whether a file may be a table of the Go program; the head of a Parquet file does not name its columns."""
    if head.startswith(PARQUET):
        return not is_month(Path(name))
    return bool(find_json_table(head.splitlines()))


def read(files: Sequence[Path], reading: Reading) -> Iterator[Item]:
    """The visits. Raises InputError for files that have no such table."""
    paths = list(dict.fromkeys(path for file in files for path in (_list_files(file) if file.is_dir() else [file])))
    size = sum(path.stat().st_size for path in paths)
    with (
        tempfile.TemporaryDirectory(dir=reading.temporary) as folder,
        ForeignFiles(reading.temporary) as database,
    ):
        for macro in MACROS:
            database.run(macro)
        parts: dict[str, list[Part]] = {}
        done = 0
        for number, path in enumerate(paths):
            if found := stage(database, path, Path(folder, f"{number}.parquet"), reading.tally):
                parts.setdefault(found[0], []).append(found[1])
            done += path.stat().st_size
            reading.tell(done // 2)
        adjust = (_ADD_VISITS.format(site=quote(reading.site)), _COUNT, _COMPLETE)
        source = Source(parts, _select_sessions, _select_rows, adjust, _NO_SITE, "")
        for visit in join(database, source, reading.tally, Progress(reading, size // 2, size - size // 2)):
            yield visit if visit.session.client.type else _with_device_type(visit)
    reading.tell(size)


def _list_files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.is_file())
    if not found:
        raise InputError(f"{folder}: there are no files in it")
    return found


def _select_sessions(parts: Sequence[Part]) -> str:
    columns = Columns(parts)
    identifier = columns.id()
    return columns.select(
        {
            "session_uuid": identifier,
            **{name: columns.text(name) for name in _TEXTS},
            "entry": f"CASE WHEN uuid_extract_version({identifier}) = 7 "
            f"THEN epoch_us(uuid_extract_timestamp({identifier})) END",
            "exit": columns.number("exit"),
            "status": columns.number("status"),
            "click_id": "''",
            "region": "''",
            "city": "''",
            "pageviews": columns.number("pageviews"),
            "events": "0",
        }
    )


def _select_rows(table: str, parts: Sequence[Part]) -> str:
    columns = Columns(parts)
    texts = {name: columns.text(name) for name in _ROW_TEXTS}
    return columns.select(
        {
            "session_uuid": columns.id(),
            "kind": quote(KINDS[table]),
            "at": columns.number("at"),
            "status": columns.number("status"),
            **texts,
        }
    )


def _with_device_type(visit: Visit) -> Visit:
    client = visit.session.client
    return Visit(replace(visit.session, client=_complete(client)), visit.rows)


@lru_cache(1024)
def _complete(client: Client) -> Client:
    # Nothing but the family names is stored: Android is of phones, unless the device is a tablet by its name.
    kind = find_device_type(client.os, client.device, "", client.os == "Android" or None)
    return replace(client, type=kind)


FORMAT: Final = Format("prisme-go", recognise, read)
