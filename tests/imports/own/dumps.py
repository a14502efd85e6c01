"""A few visits as the Go program has them in ClickHouse, in the forms of its dumps, and as they have to be read."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb
import zstandard

from prisme.base.events import Client, Session, Utm
from prisme.imports.items import Row, Visit

SECOND: Final = 1_000_000
# 2026-11-28 17:01:48.123 (UTC)
ENTRY: Final = 1_795_885_308_123_000
FIRST, SECOND_ID, THIRD = (
    f"{ENTRY // 1000 + number:012x}"[:8] + "-" + f"{ENTRY // 1000 + number:012x}"[8:] + "-7abc-8def-0123456789ab"
    for number in range(3)
)
Rows = dict[str, list[dict[str, Any]]]


def session(uuid: str, version: int = 1, sign: int = 1, **values: Any) -> dict[str, Any]:
    return {
        "domain": "example.com",
        "entry_path": "/",
        "exit_timestamp": "2026-11-28 17:02:10",
        "exit_path": "/b/c",
        "visitor_id": "prisme_AB",
        "session_uuid": uuid,
        "operating_system": "Mac OS X",
        "browser_family": "Firefox",
        "device": "Mac",
        "referrer_domain": "www.example.org",
        "country_code": "FR",
        "utm_source": "news",
        "utm_medium": "mail",
        "utm_campaign": "é/\N{SNOWMAN}",
        "utm_term": "",
        "utm_content": "",
        "exit_status": 404,
        "version": version,
        "sign": sign,
        **values,
    }


def event(uuid: str, time: str, **values: Any) -> dict[str, Any]:
    common = {"timestamp": f"2026-11-28 {time}", "domain": "example.com", "path": "/", "visitor_id": "prisme_AB"}
    return {**common, "session_uuid": uuid, **values}


TABLES: Final[Rows] = {
    "sessions": [
        session(FIRST, 1, exit_path="/", exit_timestamp="2026-11-28 17:01:48", exit_status=200),
        # The cancelling row of the embedded engine: its status and its version are swapped.
        session(FIRST, 200, -1, exit_status=1, exit_timestamp="2026-11-28 17:01:48"),
        session(FIRST, 2),
        # Of this one, no pageview is there.
        session(SECOND_ID, 3, domain="shop.example.com:81", referrer_domain="shop.example.com", exit_path="/x"),
    ],
    "pageviews": [
        event(FIRST, "17:02:10", path="/b/c", status=404),
        event(FIRST, "17:01:48", status=200),
    ],
    "events_custom": [
        event(
            FIRST,
            "17:02:11",
            domain="",
            name="buy \N{SNOWMAN}",
            keys=['a"b', "price", "none", "price", "bad"],
            values=['"x\\u00e9\\/"', "1.50", "[1, {}]", "1.500", "not JSON"],
        ),
        event(SECOND_ID, "17:01:50", domain="", path="", name="empty", keys=[], values=[]),
    ],
    "outbound_link_clicks": [event(FIRST, "17:02:12", link="https://example.org/?a=b", visitor_id="anon_Z")],
    "file_downloads": [event(FIRST, "17:02:13", url="https://example.com/a.zip")],
}
VISITS: Final = [
    Visit(
        Session(
            FIRST, "example.com", ENTRY, "/", ENTRY // SECOND * SECOND + 25 * SECOND, "/b/c", 404, "prisme_AB",
            Client("macOS", "Firefox", "Mac", "desktop"), "FR", "www.example.org",
            Utm("news", "mail", "é/\N{SNOWMAN}"), 2, 3,
        ),
        [
            Row("pageview", ENTRY, "/", 200),
            Row("pageview", ENTRY // SECOND * SECOND + 22 * SECOND, "/b/c", 404),
            Row(
                "custom", ENTRY // SECOND * SECOND + 23 * SECOND, "/", 0, "buy \N{SNOWMAN}",
                '{"a\\"b":"x\\u00e9\\/","none":[1, {}],"price":1.500,"bad":"not JSON"}',
            ),
            Row(
                "outbound", ENTRY // SECOND * SECOND + 24 * SECOND, "/",
                url="https://example.org/?a=b", visitor="anon_Z",
            ),
            Row("download", ENTRY // SECOND * SECOND + 25 * SECOND, "/", url="https://example.com/a.zip"),
        ],
    ),
    Visit(
        Session(
            SECOND_ID, "shop.example.com:81", ENTRY + 1000, "/", ENTRY // SECOND * SECOND + 22 * SECOND, "/x", 404,
            "prisme_AB", Client("macOS", "Firefox", "Mac", "desktop"), "FR", "direct",
            Utm("news", "mail", "é/\N{SNOWMAN}"), 3, 1,
        ),
        [Row("custom", ENTRY // SECOND * SECOND + 2 * SECOND, "/", 0, "empty", "{}")],
    ),
]  # fmt: skip


def as_json(rows: list[dict[str, Any]], are_texts: bool = False) -> bytes:
    """JSONEachRow, in which ClickHouse escapes slashes, and writes numbers as texts where it is told to."""
    if are_texts:
        rows = [{name: str(one) if isinstance(one, int) else one for name, one in row.items()} for row in rows]
    return b"".join(json.dumps(row, ensure_ascii=False).replace("/", "\\/").encode() + b"\n" for row in rows)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
}
# How a column may come in a Parquet file: SQL by its name.
NATIVE: dict[str, str] = {
    "timestamp": 'CAST("timestamp" AS TIMESTAMPTZ)',
    "exit_timestamp": "CAST(exit_timestamp AS TIMESTAMP_S)",
    "session_uuid": "CAST(session_uuid AS UUID)",
    "exit_status": "CAST(exit_status AS USMALLINT)",
    "status": "CAST(status AS USMALLINT)",
    "version": "CAST(version AS USMALLINT)",
    "sign": "CAST(sign AS TINYINT)",
}
# As older versions write them: times as numbers, UUIDs and texts as bytes.
BYTES: dict[str, str] = {
    "timestamp": 'CAST(epoch(CAST("timestamp" AS TIMESTAMP)) AS UINTEGER)',
    "exit_timestamp": "CAST(epoch(CAST(exit_timestamp AS TIMESTAMP)) AS UINTEGER)",
    "session_uuid": "unhex(replace(session_uuid, '-', ''))",
    "path": "encode(path)",
    "name": "encode(name)",
    "utm_campaign": "encode(utm_campaign)",
    "keys": "list_transform(keys, lambda x: encode(x))",
    "values": "list_transform(values, lambda x: encode(x))",
}
TURNED: dict[str, str] = {
    "session_uuid": "unhex(array_to_string(list_concat("
    "list_reverse(regexp_extract_all(replace(session_uuid, '-', '')[:16], '..')), "
    "list_reverse(regexp_extract_all(replace(session_uuid, '-', '')[17:], '..'))), ''))",
}


def write_parquet(path: Path, rows: list[dict[str, Any]], types: dict[str, str]) -> None:
    lines = path.parent.parent / "lines.json"
    lines.write_bytes(as_json(rows))
    replaced = ", ".join(f'{types[name]} AS "{name}"' for name in rows[0] if name in types)
    columns = {name: "VARCHAR[]" if name in ("keys", "values") else "VARCHAR" for name in rows[0]}
    source = f"read_json('{lines}', format = 'newline_delimited', columns = {columns})"
    what = f"* REPLACE ({replaced})" if replaced else "*"
    target = str(path).replace("'", "''")
    duckdb.execute(f"COPY (SELECT {what} FROM {source}) TO '{target}' (FORMAT parquet)")
    lines.unlink()


def write_json(folder: Path, tables: Rows) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number, rows in enumerate(tables.values()):
        paths.append(folder / f"dump-{number}")
        paths[-1].write_bytes(as_json(rows))
    return paths
