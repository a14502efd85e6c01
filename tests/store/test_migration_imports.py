"""A file of the schema before imports in that of today."""

import subprocess
import sys
from pathlib import Path

import duckdb

from prisme.store.database import Database
from prisme.store.schema import TABLES, read_steps
from tests.store.test_migration import LIMITS, MACROS, SESSION

# Places and a click id too; ids in an order that is not that of their rows.
_MORE = """
'mobile' AS device_type, 'gclid' AS click_id, 'Bavaria' AS region, 'Munich' AS city, 2 AS events
FROM range({}, 0, -1) AS numbers (n)
"""
_EVENTS = {
    "pageviews": "200",
    "events_custom": "'name', '{}'",
    "file_downloads": "'https://example.org/a'",
    "outbound_link_clicks": "'https://example.org/a'",
}
_UPGRADE = """
import sys
from pathlib import Path
from prisme.store.connection import Limits
from prisme.store.database import Database
path = Path(sys.argv[1])
Database(path, Limits(128 << 20, 2), path.with_name("tmp")).close()
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def write_old(path: Path, visits: int) -> None:
    """A file of version 4 with so many visits, and some rows in every other table."""
    with duckdb.connect(str(path)) as tables:
        tables.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        for version, step in enumerate(read_steps("events")[:4], start=1):
            tables.execute(step)
            tables.execute("INSERT INTO schema_version VALUES (?)", [version])
        tables.execute(MACROS)
        query = SESSION.format(number="n", entry="n", exit="n", pageviews=1).replace("'visitor-n'", "md5('' || n)")
        tables.execute(f"{query}, {_MORE.format(visits)}", {"system": "iOS", "device": "iPhone"})
        for table, own in _EVENTS.items():
            values = f"moment(n), 'example.com', '/' || n, 'visitor', uuid_of(n), {own}"
            tables.execute(f"INSERT INTO {table} SELECT {values} FROM range(100) AS numbers (n)")
        tables.execute("INSERT INTO state.segments VALUES (7, moment(0), 3, 0)")
        tables.execute("INSERT INTO state.open_sessions VALUES (17, uuid_of(1))")


def test_rows_of_version_4_are_as_they_were_and_of_no_import(tmp_path: Path) -> None:
    path = tmp_path / "prisme.duckdb"
    write_old(path, 9000)
    Database(path, LIMITS, tmp_path / "tmp").close()
    with duckdb.connect(str(path), read_only=True) as tables:
        tables.execute(f"ATTACH '{path}.v4' AS before (READ_ONLY)")
        for table in (*TABLES, "state.segments", "state.open_sessions"):
            columns = "* EXCLUDE (imported)" if table == "sessions" else "*"
            now = tables.execute(f"SELECT rowid, {columns} FROM {table} ORDER BY rowid").fetchall()
            assert now == tables.execute(f"SELECT rowid, * FROM before.{table} ORDER BY rowid").fetchall(), table
            assert now
        assert tables.execute("SELECT imported, count(*) FROM sessions GROUP BY ALL").fetchall() == [("", 9000)]
        for table in ("imported_figures", "state.imports"):
            assert tables.execute(f"FROM {table}").fetchall() == []


def test_many_visits_do_not_have_to_fit_into_memory(tmp_path: Path) -> None:
    """Some 120 MB of texts and ids with 128 MB for DuckDB."""
    path = tmp_path / "prisme.duckdb"
    write_old(path, 1_500_000)
    done = subprocess.run([sys.executable, "-c", _UPGRADE, path], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-2]) < 280_000, "kB"
    with duckdb.connect(str(path), read_only=True) as tables:
        tables.execute(f"ATTACH '{path}.v4' AS before (READ_ONLY)")
        sums = "count(*), bit_xor(hash(session_uuid, visitor_id, entry_timestamp, city)) FROM {}sessions"
        found, expected = (tables.execute(f"SELECT {sums.format(name)}").fetchall() for name in ("", "before."))
        assert found == expected
        assert found[0][0] == 1_500_000
