"""What an operator sees of an ingestion node whose ClickHouse is away: log, health check, metrics."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.clickhouse.engine import Engine
from tests.process import Process
from tests.server import browser, free_port, wait_until

_EVENTS = "/api/v1/events/pageviews"


class Node(Process):
    """An ingestion node with an address for monitoring."""

    def __init__(self, folder: Path, engine: Engine, config: Path | None = None) -> None:
        self.monitoring = free_port()
        super().__init__(
            folder,
            mode="ingestion",
            eventstore="clickhouse",
            clickhouse_url=f"http://{engine.endpoint}",
            admin_hostport=f"127.0.0.1:{self.monitoring}",
            config=None if config is None else str(config),
        )

    def metric(self, name: str) -> float:
        text = httpx.get(f"http://127.0.0.1:{self.monitoring}/metrics", trust_env=False, verify=False).text
        (value,) = re.findall(rf"^{name} (\S+)$", text, re.MULTILINE)
        return float(value)

    def health(self) -> tuple[int, str]:
        answer = self.http.get("/api/v1/healthcheck")
        return answer.status_code, answer.text

    def view(self) -> int:
        return self.http.post(_EVENTS, headers=browser("https://example.com/")).status_code

    def messages(self, pattern: str) -> list[str]:
        return [line["msg"] for line in self.log() if re.search(pattern, line["msg"])]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """One that is to be started."""
    engine = Engine(tmp_path / "engine")
    yield engine
    engine.kill()


def test_events_that_wait_are_seen(engine: Engine, tmp_path: Path) -> None:
    with Node(tmp_path / "node", engine) as node:
        node.start()
        stored_in = f"events are stored in ClickHouse, database prisme at {engine.endpoint}"
        wait_until(lambda: node.messages("are stored in") == [stored_in], "the log to say where events go")
        (warned,) = node.messages("events wait in the journal")
        assert "Connection refused" in warned
        assert node.metric("eventstore_pending_segments") == node.metric("eventstore_pending_seconds") == 0
        assert node.view() == 200
        wait_until(lambda: node.metric("eventstore_pending_segments") == 1, "the segment to wait")
        wait_until(lambda: node.metric("eventstore_failing") == 1, "the failure")
        status, told = node.health()
        assert (status, told.partition(" cannot")[0]) == (503, "store: ClickHouse")
        node.kill()
        node.start()
        # That of the earlier run is not forgotten, nor how long it has been waiting. A kill leaves an empty one, too.
        assert node.metric("eventstore_pending_segments") == 2
        wait_until(lambda: node.metric("eventstore_pending_seconds") > 1, "time to pass")
        assert len(node.messages("segments of an earlier run, to be loaded later: 2; ClickHouse cannot be")) == 1
        assert node.messages("segment .* cannot be loaded now") == []
        assert node.view() == 200
        engine.start()
        wait_until(lambda: node.metric("eventstore_pending_segments") == 0, "the segments to be sent")
        assert node.metric("eventstore_pending_seconds") == 0
        wait_until(lambda: node.health() == (200, "ok\n"), "the failure to end")
        assert node.metric("eventstore_failing") == 0
        assert node.messages("all pending segments are loaded")
        engine.kill()
        assert node.view() == 200
        node.kill()
        engine.start()
        node.start()
        wait_until(lambda: len(node.messages("metrics and health")) == 3, "the log of the third start")
        loaded, listens = node.messages("of an earlier run loaded|listens on")[-2:]
        assert ("loaded" in loaded, "listens" in listens) == (True, True)
        assert node.stop() == 0
        assert [*(tmp_path / "node" / "journal").iterdir()] == []


def test_refused_events_are_told_before_those_that_wait(engine: Engine, tmp_path: Path) -> None:
    """A balancer goes on sending to a node whose health check says `store:`."""
    config = tmp_path / "prisme.toml"
    config.write_text("min_free_space = 0\n")
    with Node(tmp_path / "node", engine, config) as node:
        node.start()
        assert node.view() == 200
        wait_until(lambda: node.health()[1].startswith("store: "), "the load to fail")
        node.stop()
        config.write_text('min_free_space = "999TB"\n')
        node.start()
        wait_until(lambda: node.metric("eventstore_failing") == 1, "the load to fail")
        assert node.view() == 503
        status, told = node.health()
        assert (status, told[:6]) == (503, "disk: ")


def test_a_node_whose_folder_is_lost_begins_anew(engine: Engine, tmp_path: Path) -> None:
    engine.start()
    with Node(tmp_path / "node", engine) as node:
        for _ in range(2):
            node.start()
            assert [node.view(), node.view()] == [200, 200]
            assert node.stop() == 0
            shutil.rmtree(node.folder)
    client = engine.client()
    assert client.query("SELECT count(), uniqExact(splitByChar('.', node)[1]) FROM prisme.pageviews") == [(4, 2)]
    assert client.query("SELECT pageviews FROM prisme.sessions FINAL") == [(2,), (2,)]
    client.close()
