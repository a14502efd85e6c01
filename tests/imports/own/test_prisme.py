"""Exports of databases with any visits, read back and compared with the rows of the database, column by column."""

import datetime
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.base.events import Utm
from prisme.imports.items import Figure
from prisme.imports.own import joining
from prisme.imports.own.prisme import FORMAT, recognise
from prisme.imports.tally import Tally
from prisme.visit.sessions import new_id
from tests.faults.load import LONG
from tests.imports.own.exports import (
    TABLES,
    Rows,
    as_tables,
    as_time,
    export,
    in_order,
    inserted,
    read,
    stored,
    visits_of,
)
from tests.stats.conftest import fill_database
from tests.stats.lines import LINES

SECOND = 1_000_000
HOUR = 3600 * SECOND
# Half an hour before midnight, 31 October 2026 (UTC).
LATE = int(datetime.datetime(2026, 10, 31, 23, 30, tzinfo=datetime.UTC).timestamp()) * SECOND
TEXTS = ("domain", "entry_path", "exit_path", "visitor_id", "operating_system", "browser_family", "device")
MORE_TEXTS = ("referrer_domain", "region", "city", *(f"utm_{name}" for name in Utm.__struct_fields__))
# In no form that a program would write.
JSON = '{ "a" : 1.50,"a":2,"\\u00e9\\/":"\\ud83d\\ude00é"}'
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[:-40],
    "empty": lambda whole: b"",
    "text": lambda whole: b"a,b\n1,2\n",
    "middle": lambda whole: whole[:4] + b"\xff" * 200 + whole[204:],
}

texts = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["\x00", "'\"\\", "\u2028\x7f\x1b", "/" + "é" * 8000, "\N{SNOWMAN}" * 4000, "{}", "null"]
)
given_ids = texts.filter(bool)


def session_row(number: int, entry: int, **values: Any) -> dict[str, Any]:
    return {
        "domain": "example.com",
        "entry_timestamp": as_time(entry),
        "entry_path": "/",
        "exit_timestamp": as_time(entry + HOUR + 7),
        "exit_path": "/exit",
        "exit_status": 404,
        "visitor_id": "prisme_0123456789ABCDEF",
        "session_uuid": new_id(entry, number),
        "operating_system": "macOS",
        "browser_family": "Firefox",
        "device": "Mac",
        "device_type": "desktop",
        "referrer_domain": "direct",
        "country_code": "FR",
        "region": "",
        "city": "",
        "utm_source": "",
        "utm_medium": "",
        "utm_campaign": "",
        "utm_term": "",
        "utm_content": "",
        "click_id": "",
        "pageviews": 1,
        "events": 0,
        **values,
    }


def event_row(session: dict[str, Any], after: int, **values: Any) -> dict[str, Any]:
    return {
        "timestamp": session["entry_timestamp"] + datetime.timedelta(microseconds=after),
        "domain": session["domain"],
        "path": "/page",
        "visitor_id": session["visitor_id"],
        "session_uuid": session["session_uuid"],
        **values,
    }


def make_rows(entries: list[int]) -> Rows:
    """A visit for each time of entry, with a row of each kind: the first at once, the last after an hour."""
    sessions = [session_row(number, entry, events=3, pageviews=2) for number, entry in enumerate(entries)]
    return {
        "sessions": sessions,
        "pageviews": [
            event_row(one, after, status=status) for one in sessions for after, status in ((0, 200), (HOUR + 7, 404))
        ],
        "events_custom": [event_row(one, 1, name="buy", properties='{"b": 1.50}') for one in sessions],
        "file_downloads": [event_row(one, 2, url="http://example.com/a.zip") for one in sessions],
        "outbound_link_clicks": [event_row(one, HOUR, link="http://example.org/") for one in sessions],
    }


def test_all_columns_of_generated_visits_come_back(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    fill_database(tmp_path / "data", LINES[:1500]).close()
    folder = export(tmp_path, {})
    before = stored(tmp_path)
    tally, told = Tally(), list[int]()
    visits = visits_of(read(FORMAT, tmp_path, folder, tally=tally, tell=told.append))
    assert all(before.values()), "rows of each table"
    assert in_order(as_tables(visits)) == in_order(before)
    assert (tally.rows, tally.bad, tally.skipped) == (sum(map(len, before.values())), 0, {})
    size = sum(path.stat().st_size for path in folder.glob("*/*.parquet"))
    assert told == sorted(told)
    assert told[-1] == size
    assert all([row.at for row in visit.rows] == sorted(row.at for row in visit.rows) for visit in visits), (
        "in the order of time"
    )


@given(st.data())
@settings(max_examples=60 if LONG else 6, deadline=None)
def test_texts_come_back_as_they_are(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        rows: Rows = {table: [] for table in TABLES}
        for number in range(data.draw(st.integers(1, 12))):
            values = {name: data.draw(texts) for name in (*TEXTS, *MORE_TEXTS)}
            values["visitor_id"] = data.draw(given_ids)
            values["click_id"] = data.draw(texts)
            entry = LATE + data.draw(st.integers(0, HOUR))
            session = session_row(number, entry, **values)
            rows["sessions"].append(session)
            events: dict[str, dict[str, Any]] = {
                "pageviews": {"status": data.draw(st.integers(0, 65535))},
                "events_custom": {
                    "name": data.draw(texts),
                    "properties": data.draw(
                        st.sampled_from(["{}", '{ "a" : 1.50,"a":2,"\\u00e9\\/":"\\ud83d\\ude00é"}'])
                    ),
                },
                "file_downloads": {"url": data.draw(texts)},
                "outbound_link_clicks": {"link": data.draw(texts)},
            }
            for table, more in events.items():
                visitor = data.draw(given_ids | st.just(session["visitor_id"]))
                rows[table].append(event_row(session, number, path=data.draw(texts), visitor_id=visitor, **more))
        folder = export(Path(name), rows)
        assert in_order(as_tables(visits_of(read(FORMAT, Path(name), folder)))) == in_order(stored(Path(name)))


def test_visits_over_the_end_of_months_and_in_many_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "_LEAST_ROWS", 5)
    monkeypatch.setattr(joining, "_MOST_ROWS", 5)
    # At the ends of three months. Some in one minute, and in one microsecond.
    ends = [LATE + days * 24 * HOUR for days in (0, 30, 61)]
    entries = [end + part for end in ends for part in (0, 0, 1, HOUR // 4, HOUR)]
    rows = make_rows(entries)
    folder = export(tmp_path, rows)
    assert len(list(folder.glob("pageviews/*"))) == 4
    visits = visits_of(read(FORMAT, tmp_path, folder))
    assert in_order(as_tables(visits)) == in_order(stored(tmp_path))
    assert [visit.session.uuid for visit in visits] == sorted(row["session_uuid"] for row in rows["sessions"])
    assert [visit.session.uuid for visit in visits_of(read(FORMAT, tmp_path, *sorted(folder.glob("*/*.parquet"))))] == [
        visit.session.uuid for visit in visits
    ], "the files in place of the folder"
    assert visits_of(read(FORMAT, tmp_path, folder / "export.json", folder, folder / ".." / "out")) == visits


def test_what_was_imported_is_stored_again(tmp_path: Path) -> None:
    folder = export(tmp_path, make_rows([LATE, LATE + HOUR]))
    before = stored(tmp_path)
    (tmp_path / "again").mkdir()
    export(tmp_path / "again", inserted(as_tables(visits_of(read(FORMAT, tmp_path, folder)))))
    assert in_order(stored(tmp_path / "again")) == in_order(before)


def test_rows_of_a_visit_of_a_month_that_was_left_out(tmp_path: Path) -> None:
    folder = export(tmp_path, make_rows([LATE, LATE + HOUR]), "--since", "2026-11")
    tally = Tally()
    (visit,) = visits_of(read(FORMAT, tmp_path, folder, tally=tally))
    assert visit.session.entry == LATE + HOUR
    assert len(visit.rows) == visit.session.pageviews + visit.session.events
    assert tally.skipped == {"its session is not in these files": 2}
    assert tally.rows == 8


def test_counts_of_a_visit_that_lost_a_path_stay(tmp_path: Path) -> None:
    rows = make_rows([LATE])
    rows["pageviews"].pop()
    folder = export(tmp_path, rows)
    (visit,) = visits_of(read(FORMAT, tmp_path, folder))
    assert (visit.session.pageviews, [row.kind for row in visit.rows].count("pageview")) == (2, 1)


def test_files_of_an_older_schema(tmp_path: Path) -> None:
    """Beside files of this one: a month was exported before, and not again."""
    folder = export(tmp_path, make_rows([LATE - 30 * 24 * HOUR, LATE + HOUR]))
    first, second = sorted(folder.glob("sessions/*.parquet"))
    duckdb.execute(
        f"COPY (SELECT * EXCLUDE (click_id, region, city, imported) FROM read_parquet('{first}')) TO '{first}.new'"
        " (FORMAT parquet)"
    )
    Path(f"{first}.new").replace(first)
    both = visits_of(read(FORMAT, tmp_path, folder))
    assert in_order(as_tables(both)) == in_order(stored(tmp_path))
    second.unlink()
    tally = Tally()
    assert visits_of(read(FORMAT, tmp_path, folder, tally=tally)) == both[:1]
    assert tally.skipped == {"its session is not in these files": 5}


def test_figures(tmp_path: Path) -> None:
    folder = export(tmp_path, make_rows([LATE]))
    (folder / "imported_figures").mkdir()
    duckdb.execute(
        f"""COPY (SELECT * FROM (VALUES
            ('p-1', 'example.com', DATE '2026-10-02', 'page', '/é', 3, 4, 5, NULL, NULL, 0),
            ('p-1', 'example.com', DATE '2026-10-01', '', '', NULL, NULL, 18446744073709551, 1, 2, 3)
        ) AS t(imported, domain, "day", dimension, "value", visitors, sessions, pageviews, events, bounces, seconds))
        TO '{folder}/imported_figures/2026-10.parquet' (FORMAT parquet)"""
    )
    tally = Tally()
    items = read(FORMAT, tmp_path, folder, tally=tally)
    assert items[1:] == [
        Figure("example.com", datetime.date(2026, 10, 1), "", "", None, None, 18446744073709551, 1, 2, 3),
        Figure("example.com", datetime.date(2026, 10, 2), "page", "/é", 3, 4, 5, None, None, 0),
    ]
    assert tally.rows == 8


def test_names_of_folders_are_no_patterns(tmp_path: Path) -> None:
    folder = export(tmp_path, make_rows([LATE])).rename(tmp_path / "it's [a]*?")
    assert in_order(as_tables(visits_of(read(FORMAT, tmp_path, folder)))) == in_order(stored(tmp_path))


def test_two_exports_are_read_one_after_the_other(tmp_path: Path) -> None:
    folder = export(tmp_path, make_rows([LATE]))
    shutil.copytree(folder, tmp_path / "copy")
    first, second = visits_of(read(FORMAT, tmp_path, folder, tmp_path / "copy"))
    assert first == second


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    folder = export(tmp_path, make_rows([LATE]))
    (path,) = folder.glob("file_downloads/*.parquet")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(InputError) as raised:
        read(FORMAT, tmp_path, folder)
    assert str(path if damage != "middle" else folder) in str(raised.value)


def test_wrong_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: there are no files of an export in it"):
        read(FORMAT, tmp_path, tmp_path / "empty")
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{tmp_path}/other.parquet' (FORMAT parquet)")
    with pytest.raises(InputError, match=r"other\.parquet"):
        read(FORMAT, tmp_path, tmp_path / "other.parquet")
    folder = export(tmp_path, make_rows([LATE]))
    (path,) = folder.glob("sessions/*.parquet")
    shutil.copy(tmp_path / "other.parquet", path)
    with pytest.raises(InputError, match=r"2026-10\.parquet: it has not the columns"):
        read(FORMAT, tmp_path, folder)


def test_ids_without_a_time_and_rows_without_one_are_counted(tmp_path: Path) -> None:
    folder = export(tmp_path, make_rows([LATE, LATE + 1]))
    (path,) = folder.glob("pageviews/2026-10.parquet")
    duckdb.execute(
        f"""COPY (
            SELECT * EXCLUDE (n) REPLACE (CASE WHEN n = 1 THEN NULL ELSE "timestamp" END AS "timestamp",
                CASE WHEN n = 2 THEN uuidv4() ELSE session_uuid END AS session_uuid)
            FROM (SELECT *, row_number() OVER () AS n FROM read_parquet('{path}'))
        ) TO '{path}.new' (FORMAT parquet)"""
    )
    Path(f"{path}.new").replace(path)
    tally = Tally()
    visits = visits_of(read(FORMAT, tmp_path, folder, tally=tally))
    assert [len(visit.rows) for visit in visits] == [4, 4]
    assert tally.skipped == {"a row without a time": 1, "the id of its visit is no UUIDv7": 1}


def test_recognised(tmp_path: Path) -> None:
    folder = export(tmp_path, make_rows([LATE]))
    head = next(folder.glob("sessions/*")).read_bytes()[:65536]
    assert recognise(str(folder), b"")
    assert recognise("2026-10.parquet", head)
    assert recognise("export.json", b"{}")
    (tmp_path / "empty").mkdir()
    assert not recognise(str(tmp_path / "empty"), b"")
    assert not recognise("dump.parquet", head)
    assert not recognise("2026-10.parquet", b"text")
    assert not recognise("\0", b"")
