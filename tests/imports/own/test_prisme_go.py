"""Dumps of the Go program's tables as ClickHouse writes them, in each type that a value may have there."""

import bz2
import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.base.events import Client, Session, Utm
from prisme.imports.items import Row, Visit
from prisme.imports.own.prisme_go import FORMAT, recognise
from prisme.imports.tally import Tally
from tests.faults.load import LONG
from tests.imports.own.exports import read, visits_of

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


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("are_texts", [False, True])
def test_json(tmp_path: Path, suffix: str, are_texts: bool) -> None:
    (tmp_path / "dump").mkdir()
    for number, rows in enumerate(TABLES.values()):
        packed = COMPRESSIONS[suffix](as_json(rows, are_texts))
        (tmp_path / "dump" / f"{number}.json{suffix}").write_bytes(packed)
    tally, told = Tally(), list[int]()
    assert visits_of(read(FORMAT, tmp_path, tmp_path / "dump", tally=tally, tell=told.append)) == VISITS
    assert tally.skipped == {"a cancelling row": 1, "an earlier state of a visit": 1}
    assert (tally.rows, tally.bad) == (sum(map(len, TABLES.values())), 0)
    assert told == sorted(told)
    assert told[-1] == sum(path.stat().st_size for path in (tmp_path / "dump").iterdir())


@pytest.mark.parametrize("types", [{}, NATIVE, BYTES, TURNED], ids=["texts", "native", "bytes", "turned"])
def test_parquet(tmp_path: Path, types: dict[str, str]) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(len(TABLES))]
    for path, rows in zip(paths, TABLES.values(), strict=True):
        write_parquet(path, rows, types)
    assert visits_of(read(FORMAT, tmp_path, *reversed(paths))) == VISITS


def test_names_of_folders_are_no_patterns(tmp_path: Path) -> None:
    strange = tmp_path / "it's [a]*?"
    paths = write_json(strange, TABLES)
    write_parquet(paths[0].with_suffix(".parquet"), TABLES["sessions"], NATIVE)
    assert visits_of(read(FORMAT, tmp_path, paths[0].with_suffix(".parquet"), *paths[1:])) == VISITS


@given(st.data())
@settings(max_examples=100 if LONG else 10, deadline=None)
def test_texts_come_as_they_are(data: st.DataObject) -> None:
    texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.just("/" + "é" * 9000)
    keys = data.draw(st.lists(texts, max_size=4, unique=True))
    values = data.draw(st.lists(texts, min_size=len(keys), max_size=len(keys)))
    path, name, source = data.draw(texts.filter(bool)), data.draw(texts), data.draw(texts)
    rows = event(FIRST, "17:01:49", path=path, name=name, keys=keys, values=list(map(json.dumps, values)))
    tables: Rows = {"sessions": [session(FIRST, utm_source=source, entry_path=path)], "events_custom": [rows]}
    with tempfile.TemporaryDirectory() as folder:
        (visit,) = visits_of(read(FORMAT, Path(folder), *write_json(Path(folder, "dump"), tables)))
    (row,) = visit.rows
    assert (visit.session.utm.source, visit.session.entry_path) == (source, path)
    assert (row.path, row.name, json.loads(row.properties)) == (path, name, dict(zip(keys, values, strict=True)))


def test_the_same_again_in_any_order_of_files(tmp_path: Path) -> None:
    paths = write_json(tmp_path / "dump", TABLES)
    first = visits_of(read(FORMAT, tmp_path, *paths))
    assert visits_of(read(FORMAT, tmp_path, *reversed(paths), *paths)) == first == VISITS


def test_sessions_alone(tmp_path: Path) -> None:
    (path, *_) = write_json(tmp_path / "dump", TABLES)
    first, second = visits_of(read(FORMAT, tmp_path, path))
    assert (first.session.pageviews, first.session.events, first.rows) == (2, 0, [])
    assert (second.session.pageviews, second.session.exit_path, second.rows) == (3, "/x", [])


def test_sessions_of_the_view(tmp_path: Path) -> None:
    """It has no versions and no signs."""
    rows = [{**session(FIRST), "pageviews": 7, "is_bounce": False}]
    del rows[0]["version"], rows[0]["sign"]
    (path,) = write_json(tmp_path / "dump", {"sessions": rows})
    (visit,) = visits_of(read(FORMAT, tmp_path, path))
    assert visit.session.pageviews == 7


def test_a_visit_that_is_in_no_file_of_sessions(tmp_path: Path) -> None:
    paths = write_json(tmp_path / "dump", {name: rows for name, rows in TABLES.items() if name != "sessions"})
    tally = Tally()
    (visit,) = visits_of(read(FORMAT, tmp_path, *paths, tally=tally))
    exit_time = ENTRY // SECOND * SECOND + 25 * SECOND
    assert visit.session == Session(
        FIRST, "example.com", ENTRY, "/", exit_time, "/b/c", 404, "prisme_AB",
        Client("Other", "Other", "Other", "other"), "XX", "direct", Utm(), 2, 3,
    )  # fmt: skip
    assert visit.rows == VISITS[0].rows
    assert tally.skipped == {"neither it nor its visit names a site": 1}
    both = visits_of(read(FORMAT, tmp_path, *paths, site="example.org"))
    assert [(one.session.domain, len(one.rows)) for one in both] == [("example.com", 5), ("example.org", 1)]


def test_devices_and_names(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], object]] = [
        ({"operating_system": "Android", "device": "K"}, Client("Android", "Firefox", "Other", "mobile")),
        ({"operating_system": "Android", "device": "Samsung Galaxy Tab A"}, "tablet"),
        ({"operating_system": "iOS", "device": "iPad"}, "tablet"),
        ({"operating_system": "iOS", "device": "iPhone"}, "mobile"),
        ({"operating_system": "", "device": "", "browser_family": ""}, Client("Other", "Other", "Other", "other")),
        ({"operating_system": "Windows", "device": "Other", "device_type": "tv"}, "tv"),
    ]
    for values, expected in cases:
        (path,) = write_json(tmp_path / "dump", {"sessions": [session(FIRST, **values)]})
        (visit,) = visits_of(read(FORMAT, tmp_path, path))
        client = visit.session.client
        assert expected in (client, client.type), values


def test_bad_lines_are_counted_and_shown(tmp_path: Path) -> None:
    whole = as_json([event(FIRST, "17:01:48", status=200)])
    lines = [
        whole,
        b"\n",
        b"not JSON\n",
        as_json([event("not an id", "17:01:48", status=200)]),
        as_json([event(FIRST, "25:61:61", status=200)]),
        b'{"timestamp": "2026-11-28 17:01:48", "path": "\xff\xfe"}\n',
        b'{"a": "' + b"x" * 3_000_000 + b'"}\n',
        # Rows of before there were visits, and of before their ids had times.
        as_json([event("00000000-0000-7000-0000-000000000000", "17:01:48", status=200)]),
        as_json([event("6f1e1b0c-6d5a-4d0b-9c3e-0123456789ab", "17:01:48", status=200)]),
        whole[:-20],
    ]
    (tmp_path / "dump.json").write_bytes(b"".join(lines))
    tally = Tally()
    (visit,) = visits_of(read(FORMAT, tmp_path, tmp_path / "dump.json", tally=tally))
    assert [row.status for row in visit.rows] == [200]
    assert [(line.number, line.why) for line in tally.bad_lines] == [
        (2, "it is no JSON object of this table"),
        (3, "session_uuid is no UUID"),
        (4, "its time is no time"),
        (5, "it is no JSON object of this table"),
        (6, "it is no JSON object of this table"),
        (9, "it is no JSON object of this table"),
    ]
    assert tally.bad_lines[0].text == "not JSON"
    assert tally.bad_lines[0].file == "dump.json"
    assert tally.skipped == {"it is older than the ids of visits": 2}
    assert (tally.rows, tally.bad) == (9, 6)


def test_values_out_of_range_do_no_harm(tmp_path: Path) -> None:
    tables: Rows = {
        "sessions": [
            session(FIRST, 10**15, exit_status=-4, exit_timestamp=10**30),
            session(SECOND_ID, -1, exit_status="", exit_timestamp="infinity"),
            session(THIRD, 1, domain=""),
        ],
        "pageviews": [event(FIRST, "17:01:48", status=10**9), {**event(FIRST, ""), "timestamp": 10**17, "status": 1}],
    }
    tally = Tally()
    visits = visits_of(read(FORMAT, tmp_path, *write_json(tmp_path / "dump", tables), tally=tally))
    assert [(one.session.uuid, one.session.pageviews, one.session.status) for one in visits] == [(FIRST, 1, 200)]
    assert tally.bad == 4


def test_damaged_and_wrong_files_are_named(tmp_path: Path) -> None:
    lines = as_json([event(FIRST, "17:01:48", status=200, path=f"/{number}") for number in range(3000)])
    write_parquet(tmp_path / "whole.parquet", TABLES["pageviews"], NATIVE)
    cases = {
        "cut.json.gz": gzip.compress(lines)[:-500],
        "cut.json.zst": zstandard.compress(lines)[:-500],
        "damaged.json.zst": zstandard.compress(lines)[:200] + b"\xff" * 400,
        "packed.json.bz2": bz2.compress(lines),
        "cut.parquet": (tmp_path / "whole.parquet").read_bytes()[:-30],
        "other.json": b'{"a": 1}\n',
        "list.json": b"[1]\n",
        "text.csv": b"a,b\n1,2\n",
        "packed.parquet.gz": gzip.compress((tmp_path / "whole.parquet").read_bytes()),
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as raised:
            read(FORMAT, tmp_path, tmp_path / name)
        assert str(raised.value).startswith(f"{tmp_path / name}: "), name


def test_empty_files(tmp_path: Path) -> None:
    """A table without rows is one without lines."""
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "empty.json.gz").write_bytes(gzip.compress(b"\n"))
    write_parquet(tmp_path / "none.parquet", TABLES["pageviews"], NATIVE)
    duckdb.execute(
        f"COPY (SELECT * FROM '{tmp_path}/none.parquet' LIMIT 0) TO '{tmp_path}/no.parquet' (FORMAT parquet)"
    )
    assert read(FORMAT, tmp_path, tmp_path / "empty.json", tmp_path / "empty.json.gz", tmp_path / "no.parquet") == []
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder: there are no files in it"):
        read(FORMAT, tmp_path, tmp_path / "folder")


def test_members_of_compressed_files(tmp_path: Path) -> None:
    lines = [as_json([row]) for row in TABLES["pageviews"]]
    for name, pack in (("a.gz", gzip.compress), ("a.zst", zstandard.compress)):
        (tmp_path / name).write_bytes(b"".join(map(pack, lines)))
        (visit,) = visits_of(read(FORMAT, tmp_path, tmp_path / name))
        assert visit.session.pageviews == 2


@pytest.mark.parametrize("table", TABLES)
def test_recognised(table: str) -> None:
    lines = as_json(TABLES[table])
    assert recognise("any", lines)
    assert recognise("any", b"cut\n" + lines)
    assert not recognise("any", lines.replace(b"session_uuid", b"uuid"))
    assert not recognise("any", b"")
    assert not recognise("any", b"[]\n3\n\xff")
    assert recognise("dump.parquet", b"PAR1")
    assert not recognise("2026-11.parquet", b"PAR1"), "of an export of our own"
