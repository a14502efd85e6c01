"""A file of the schema before regions and cities in that of today."""

from pathlib import Path

import duckdb

from prisme.store.database import Database
from prisme.store.schema import read_steps
from tests.store.test_migration import LIMITS, MACROS, SESSION


def test_sessions_of_version_3_have_no_place(tmp_path: Path) -> None:
    """Rows in an order that is not that of their ids: the rest of each stays as it was, where it was."""
    path, steps = tmp_path / "prisme.duckdb", read_steps("events")[:3]
    with duckdb.connect(str(path)) as tables:
        tables.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        for version, step in enumerate(steps, start=1):
            tables.execute(step)
            tables.execute("INSERT INTO schema_version VALUES (?)", [version])
        tables.execute(MACROS)
        query = SESSION.format(number="n", entry="n", exit="n", pageviews=1).replace("'visitor-n'", "'v' || n")
        more = "'mobile' AS device_type, 'gclid' AS click_id, 2 AS events FROM range(9000, 0, -1) AS numbers (n)"
        tables.execute(f"{query}, {more}", {"system": "iOS", "device": "iPhone"})
    Database(path, LIMITS, tmp_path / "tmp").close()
    with duckdb.connect(str(path), read_only=True) as tables:
        tables.execute(f"ATTACH '{path}.v3' AS before (READ_ONLY)")
        now = "SELECT rowid, * EXCLUDE (region, city, imported) FROM sessions"
        then = "SELECT rowid, * FROM before.sessions"
        assert tables.execute(f"SELECT count(*) FROM ({now} INTERSECT {then})").fetchall() == [(9000,)]
        assert tables.execute("SELECT region, city, count(*) FROM sessions GROUP BY ALL").fetchall() == [("", "", 9000)]
