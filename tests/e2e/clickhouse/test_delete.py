"""Deletions in a running server whose events are in ClickHouse."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prisme.cli.main import main
from prisme.cli.operate import Operator
from prisme.operations.delete import Deleted
from prisme.operations.retain import Arguments
from prisme.store.clickhouse.client import Client
from tests.clickhouse.engine import Engine
from tests.operations.views import deleter_of, view
from tests.server import LiveServer, wait_until

DAY = 86_400.0
SESSIONS = "SELECT entry_path, exit_path, pageviews FROM {}.sessions FINAL ORDER BY entry_path"


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    client = engine.client()
    yield client
    client.close()


def options(engine: Engine, database: str, **more: str) -> dict[str, str]:
    return {
        "eventstore": "clickhouse",
        "clickhouse_url": f"http://{engine.endpoint}",
        "clickhouse_database": database,
        "origins": "example.com,other.example",
        **more,
    }


def count_pageviews(server: LiveServer) -> int:
    """What the API shows."""
    server.settle()
    answer = server.http.get("/api/v1/stats/pageviews?from=now-1h", headers=server.make_token())
    return int(sum(answer.json()["values"]))


def test_an_open_visit_that_lost_events_goes_on_as_a_new_one(engine: Engine, client: Client, tmp_path: Path) -> None:
    with LiveServer(tmp_path, **options(engine, "open_visits")) as server:
        view(server, "http://example.com/a", "")
        view(server, "http://example.com/b", "http://example.com/a")
        view(server, "http://other.example/", "")
        assert count_pageviews(server) == 3
        assert count_pageviews(server) == 3
        deleted = deleter_of(server)(path="/a")
        assert count_pageviews(server) == 2, "no figure of before is shown"
        assert (deleted.rows["pageviews"], deleted.rows["sessions"], deleted.changed) == (1, 0, 1)
        view(server, "http://example.com/c", "http://example.com/b")
        view(server, "http://other.example/2", "http://other.example/")
        server.settle()
        assert client.query(SESSIONS.format("open_visits")) == [("/", "/2", 2), ("/b", "/b", 1), ("/c", "/c", 1)]


@pytest.mark.parametrize("is_online", [True, False])
def test_a_restart_does_not_bring_it_back(engine: Engine, client: Client, tmp_path: Path, is_online: bool) -> None:
    """The node's own rows of a visit that is deleted are gone as well."""
    database = f"restarted_{is_online}".lower()
    with LiveServer(tmp_path, **options(engine, database)) as server:
        view(server, "http://example.com/a", "")
        view(server, "http://other.example/", "")
        server.settle()
        if is_online:
            deleter_of(server)(site="example.com")
            assert server.rows("SELECT domain FROM sessions") == [("other.example",)]
    if not is_online:
        assert deleter_of(server)(site="example.com").rows["sessions"] == 1
    with LiveServer(tmp_path, **options(engine, database)) as server:
        view(server, "http://example.com/b", "http://example.com/a")
        view(server, "http://other.example/2", "http://other.example/")
        server.settle()
    assert client.query(SESSIONS.format(database)) == [("/", "/2", 2), ("/b", "/b", 1)]


def test_the_command_counts_and_deletes(engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LiveServer(tmp_path, **options(engine, "command")) as server:
        view(server, "http://example.com/a", "")
        view(server, "http://example.com/b", "http://example.com/a")
        view(server, "http://other.example/", "")
        assert count_pageviews(server) == 3
        arguments = ["delete", "--data-dir", str(tmp_path), "--site", "example.com", "--json"]

        def say(flag: str) -> int:
            assert main([*arguments, flag]) == 0
            return int(json.loads(capsys.readouterr().out)["rows"]["pageviews"])

        assert (say("--dry-run"), count_pageviews(server)) == (2, 3)
        assert (say("--yes"), count_pageviews(server)) == (2, 1)
        assert (say("--dry-run"), count_pageviews(server)) == (0, 1)


def test_old_visits_are_deleted_by_the_node_that_has_the_figures(
    engine: Engine, client: Client, tmp_path: Path
) -> None:
    more: dict[str, Any] = {"retention_days": "30"}
    accepting = LiveServer(tmp_path / "node", **options(engine, "retained", mode="ingestion", **more))

    def left() -> list[str]:
        return [path for (path,) in client.query("SELECT path FROM retained.pageviews ORDER BY path")]

    with accepting, LiveServer(tmp_path / "main", **options(engine, "retained", **more)) as server:
        view(accepting, "http://example.com/old", "")
        accepting.settle()
        assert left() == ["/old"]
        accepting.time.move(40 * DAY)
        assert Operator(accepting.config).run("retain", Arguments(), Deleted).is_nothing
        assert left() == ["/old"]
        server.time.move(40 * DAY)
        wait_until(lambda: left() == [], "the old visit to be deleted")
