"""Dumps of the Go program's tables as ClickHouse writes them, in each type that a value may have there."""

import bz2
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.base.events import Client, Session, Utm
from prisme.imports.items import Visit
from prisme.imports.own.prisme_go import FORMAT, recognise
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from tests.faults.load import LONG
from tests.imports.own.dumps import (
    BYTES,
    COMPRESSIONS,
    ENTRY,
    FIRST,
    NATIVE,
    SECOND,
    SECOND_ID,
    TABLES,
    THIRD,
    TURNED,
    VISITS,
    Rows,
    as_json,
    event,
    session,
    write_json,
    write_parquet,
)
from tests.imports.own.exports import read, visits_of


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
    assert tally.skipped == {"it is older than the ids of sessions": 2}
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


@pytest.mark.skipif(not LONG, reason="takes a minute: PRISME_TEST_LONG=1")
def test_files_larger_than_the_memory(tmp_path: Path) -> None:
    """In no order, 300 bytes a row: sorting them takes more than DuckDB has."""
    duckdb.execute(
        f"""COPY (
            SELECT
                '2026-11-28 17:01:48' AS "timestamp", 'example.com' AS domain, concat('/', repeat('x', 100), n) AS path,
                'prisme_AB' AS visitor_id, 200 AS status,
                format('{{:08x}}-{{:04x}}-7000-8000-000000000000', id >> 16, id & 65535) AS session_uuid
            FROM (SELECT n, {ENTRY // 1000} + hash(n // 3) % 10_000_000 AS id FROM range(900_000) AS made(n))
            ORDER BY hash(n)
        ) TO '{tmp_path}/large.json' (FORMAT json)"""
    )
    tally, rows = Tally(), 0
    for item in FORMAT.read([tmp_path / "large.json"], Reading(tally, tmp_path)):
        assert isinstance(item, Visit)
        rows += len(item.rows)
    assert (rows, tally.rows, tally.bad) == (900_000, 900_000, 0)
