"""Figures that need more memory, or more of the disk, than there is: refused with the reason, and logged once."""

import logging
import shutil
from collections.abc import Iterator

import duckdb
import httpx
import pytest

from prisme.base.refusal import STATS_DISK, STATS_FULL
from tests.e2e.callers import send_visit
from tests.server import LiveServer, open_tables, wait_until

ROWS = """
INSERT INTO pageviews BY NAME
SELECT now()::TIMESTAMP AS "timestamp", 'secret.example.com' AS domain, '/' || repeat('x', 200) || range AS path,
       repeat('x', 200) || range AS visitor_id, uuidv7() AS session_uuid, 200 AS status
FROM range(60000)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose latest pageviews are all of different pages, by different visitors."""
    with LiveServer(tmp_path_factory.mktemp("shortage"), duckdb_memory_limit="128MB", duckdb_threads="1") as started:
        send_visit(started)
        with open_tables(started.config) as tables:
            tables.execute(ROWS)
            wait_until(lambda: is_checkpointed(tables), "the visit to be stored")
        yield started


def is_checkpointed(tables: duckdb.DuckDBPyConnection) -> bool:
    """Whether all rows are in the file now, which is refused while the server writes."""
    try:
        tables.execute("CHECKPOINT")
    except duckdb.TransactionException:
        return False
    return True


def limit_memory(server: LiveServer, size: str) -> None:
    with open_tables(server.config) as tables:
        tables.execute(f"SET memory_limit = '{size}'")


def ask(server: LiveServer) -> list[httpx.Response]:
    """Figures of the API, and pages of the dashboard."""
    headers = server.make_token()
    names = ("visitors", "top-pages", "top-pages.csv", "dashboard")
    paths = [*(f"/api/v1/stats/{name}" for name in names), "/dashboard", "/dashboard/list?name=top-pages"]
    return [server.http.get(path, headers=headers) for path in paths]


def assert_refused(server: LiveServer, caplog: pytest.LogCaptureFixture, reason: str, logged: str) -> None:
    """All figures are refused for that reason, which is logged once, with what DuckDB says of it."""
    with caplog.at_level(logging.WARNING):
        answers = [answer for _ in range(2) for answer in ask(server)]
    assert [answer.status_code for answer in answers] == [503] * len(answers)
    for answer in answers:
        assert (answer.headers["retry-after"], answer.headers["x-prisme-error"]) == ("10", reason)
        assert reason in answer.text
        assert "Traceback" not in answer.text
        assert str(server.folder) not in answer.text
    (record,) = [one for one in caplog.records if one.name == "prisme"]
    text = record.getMessage()
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert text.startswith(f"figures are refused, which is logged once an hour: {reason} ({logged}")
    assert "\n" not in text


def test_more_than_the_memory_limit(server: LiveServer, caplog: pytest.LogCaptureFixture) -> None:
    limit_memory(server, "6MB")
    assert_refused(server, caplog, STATS_FULL.reason, "Out of Memory Error: ")
    limit_memory(server, "128MB")
    assert {answer.status_code for answer in ask(server)} == {200}


def test_nowhere_to_spill(server: LiveServer, caplog: pytest.LogCaptureFixture) -> None:
    """The folder of temporary files cannot be written: a file is in its place."""
    spilled = server.folder / "tmp"
    shutil.rmtree(spilled, ignore_errors=True)
    spilled.touch()
    limit_memory(server, "20MB")
    assert_refused(server, caplog, STATS_DISK.reason, "IO Error: ")
