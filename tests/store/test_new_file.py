"""A new database file."""

from pathlib import Path

import duckdb

from prisme.store.comments import COMMENTS
from prisme.store.database import Database
from prisme.store.schema import read_steps
from tests.store.segments import LIMITS


def test_a_new_file_is_read_back_after_a_kill(tmp_path: Path) -> None:
    """The file and its write-ahead log, as they are before the first checkpoint."""
    database = Database(tmp_path / "prisme.duckdb", LIMITS, tmp_path / "tmp")
    with database.cursor() as cursor:
        cursor.execute("INSERT INTO state.open_sessions SELECT 1, uuidv7()")
    (tmp_path / "killed").mkdir()
    for path in tmp_path.glob("prisme.duckdb*"):
        (tmp_path / "killed" / path.name).write_bytes(path.read_bytes())
    database.close()
    with duckdb.connect(str(tmp_path / "killed" / "prisme.duckdb")) as tables:
        assert tables.execute("SELECT max(version) FROM schema_version").fetchall() == [(len(read_steps("events")),)]
        assert tables.execute("SELECT count(*) FROM sessions WHERE is_bounce AND events = 0").fetchall() == [(0,)]
        assert tables.execute("SELECT count(*) FROM state.open_sessions").fetchall() == [(1,)]
        assert tables.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'pageviews'").fetchall() == [
            (COMMENTS["pageviews"]["table"],)
        ]
