"""A server whose events are in ClickHouse: it records, and shows figures, as every other does."""

from pathlib import Path

import pytest

from prisme.base.errors import InputError
from prisme.cli.operate import Operator
from prisme.operations import backup, status
from prisme.operations.status import Status
from prisme.store.errors import StoreError
from tests.clickhouse.engine import Engine
from tests.server import CHROME, LiveServer, free_port, wait_until

HEADERS = {"Origin": "http://example.com", "User-Agent": CHROME}


def view(server: LiveServer, path: str) -> None:
    url = f"{server.url}/api/v1/events/pageviews"
    sent = server.http.post(url, headers={**HEADERS, "X-Prisme-Referrer": f"http://example.com{path}"})
    assert sent.status_code == 200


def test_pageviews_are_in_the_figures(server: LiveServer) -> None:
    for path in ("/", "/pricing", "/"):
        view(server, path)
    server.settle()
    found = server.http.get("/api/v1/stats/dashboard?from=now-1h&to=now", headers=server.make_token())
    assert found.status_code == 200, found.text
    totals = found.json()["totals"]
    assert (totals["visitors"], totals["sessions"], totals["pageviews"]) == (1, 1, 3)
    told = Operator(server.config).run("status", status.Arguments(), Status)
    assert (told.rows["pageviews"], told.rows["sessions"], told.rollups_complete) == (3, 1, True)


def test_what_is_about_the_file_alone_says_what_to_do_instead(server: LiveServer) -> None:
    with pytest.raises(InputError, match=r"backup is about events in the data folder\b.*its own BACKUP"):
        Operator(server.config).run("backup", backup.Arguments(), Status)


def test_a_folder_without_a_server_has_its_journal_sent(engine: Engine, tmp_path: Path) -> None:
    options = {
        "eventstore": "clickhouse",
        "clickhouse_url": f"http://{engine.endpoint}",
        "clickhouse_database": "alone",
    }
    with LiveServer(tmp_path / "data", **options) as server:
        view(server, "/alone")
    told = Operator(server.config).run("status", status.Arguments(), Status)
    assert (told.process, told.rows["pageviews"]) == (0, 1)


def test_the_folder_of_a_node_is_not_opened_with_duckdb(engine: Engine, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data", eventstore="clickhouse", clickhouse_url=f"http://{engine.endpoint}"):
        pass
    with pytest.raises(StoreError, match="set eventstore = clickhouse"), LiveServer(tmp_path / "data"):
        pass


def test_events_wait_for_a_clickhouse_that_is_away(tmp_path: Path) -> None:
    with LiveServer(
        tmp_path / "data", eventstore="clickhouse", clickhouse_url=f"http://127.0.0.1:{free_port()}"
    ) as server:
        view(server, "/")
        wait_until(lambda: server.http.get("/api/v1/healthcheck").status_code == 503, "the load to fail")
        health = server.http.get("/api/v1/healthcheck")
        assert "ClickHouse cannot be reached" in health.text
        view(server, "/later")
    assert [*(tmp_path / "data" / "journal").glob("*.ndjson")]
