"""Each segment is in ClickHouse exactly once, whoever is killed, and whatever the network and the server answer."""

import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from prisme.journal.segment import segment_path
from prisme.runtime.clickhouse_types import Endpoint
from prisme.store.clickhouse.client import Access, Client
from prisme.store.clickhouse.errors import ServerError, UnansweredError, UnreachableError
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.tables import Place
from prisme.store.errors import StoreError
from prisme.store.sink import SinkDownError
from tests.clickhouse.engine import Engine
from tests.clickhouse.proxy import Fault, Proxy
from tests.faults.load import LONG
from tests.server import free_port, wait_until
from tests.stats.lines import make_lines
from tests.store.clickhouse.loading import COMPLETE
from tests.store.clickhouse.node_store import NodeStore, read_clickhouse, read_duckdb
from tests.store.segments import NOW, Store

SEGMENTS = 200 if LONG else 20
_PATIENCE = 60 + 3 * SEGMENTS  # seconds: each of them may have failed at its last try
TABLES = ("pageviews", "events_custom", "file_downloads", "outbound_link_clicks")


@pytest.fixture
def proxy(engine: Engine) -> Iterator[Proxy]:
    with Proxy(engine.endpoint) as proxy:
        yield proxy


@pytest.fixture
def node(proxy: Proxy, place: Place, tmp_path: Path) -> Iterator[NodeStore]:
    client = proxy.client(timeout=1.0)
    with NodeStore(tmp_path / "node", client, place) as node:
        yield node
    client.close()


def make_parts(seed: int, count: int, sessions: int) -> list[list[bytes]]:
    """Visits whose lines are spread over segments."""
    noise = random.Random(seed)
    parts: list[list[bytes]] = [[] for _ in range(count)]
    for line in make_lines(seed, sessions):
        noise.choice(parts).append(line)
    return parts


def is_insert(statement: str, table: str) -> bool:
    return statement.startswith("INSERT INTO") and f".{table} " in statement.partition("\n")[0]


def check(client: Client, place: Place, folder: Path, parts: list[list[bytes]], first: int = 1) -> None:
    """All rows are there once, with markers that say so, as in a file of DuckDB that loads the same."""
    folder.mkdir()
    store = Store(folder)
    for number, lines in enumerate(parts, first):
        store.loader.load(store.segment(number, raw=b"".join(lines)), NOW)
    shipped, wanted = read_clickhouse(client, place), read_duckdb(store)
    for table, rows in wanted.items():
        assert Counter(shipped[table]) == Counter(rows), table
    marked = client.query(f"SELECT number, events, rejected FROM {place.table('segments')} FINAL")
    assert sorted(marked) == store.rows("SELECT number, events, rejected FROM state.segments ORDER BY number")
    store.close()


@pytest.mark.parametrize("table", ["sessions", *(TABLES if LONG else TABLES[:1]), "segments"])
@pytest.mark.parametrize("kind", ["lost", "slow", "full", "cut"])
def test_one_request_fails(
    client: Client, place: Place, proxy: Proxy, node: NodeStore, tmp_path: Path, table: str, kind: str
) -> None:
    parts = make_parts(3, 2, 150)
    failed = False

    def plan(statement: str) -> Fault | None:
        nonlocal failed
        if failed or not is_insert(statement, table):
            return None
        failed = True
        return Fault(kind, 1.5)  # type: ignore[arg-type]

    proxy.plan = plan
    segment = node.segment(1, parts[0])
    expected = ServerError if kind == "full" else UnansweredError
    try:
        node.loader.load(segment, NOW)
        assert kind in {"lost", "cut"}  # the client itself tries once more where a connection was reset
    except expected:
        assert segment.path.exists()
        assert node.rows("SELECT count(*) FROM state.segments") == [(0,)]
        node.loader.load(segment, NOW)
    assert failed
    node.load(2, parts[1])
    if kind == "slow":
        time.sleep(1.6)  # the earlier try comes last
    check(client, place, tmp_path / "plain", parts)
    assert list(node.journal.iterdir()) == []


def forget_tokens(client: Client, place: Place, table: str) -> None:
    """As if so many blocks had come since that the table knows no earlier ones."""
    client.execute(f"ALTER TABLE {place.table(table)} MODIFY SETTING non_replicated_deduplication_window = 0")
    client.execute(f"ALTER TABLE {place.table(table)} MODIFY SETTING non_replicated_deduplication_window = 10000")


@pytest.mark.parametrize("table", ["sessions", *TABLES, "segments"])
def test_beyond_the_window_rows_are_counted(
    client: Client, place: Place, proxy: Proxy, tmp_path: Path, table: str
) -> None:
    """One request failed, the process ended, and the next one comes when no token is known any more."""
    parts = make_parts(4, 1, 300)
    own = proxy.client()
    with NodeStore(tmp_path / "node", own, place) as node:
        segment = node.segment(1, parts[0])
        proxy.plan = lambda statement: Fault("full") if is_insert(statement, table) else None
        with pytest.raises(ServerError, match="disk is full"):
            node.loader.load(segment, NOW)
    proxy.plan = lambda _: None
    for name in ("sessions", *TABLES):
        forget_tokens(client, place, name)
    with NodeStore(tmp_path / "node", own, place) as node:
        assert node.node.first == 2
        before = len(proxy.seen)
        node.loader.load(segment, NOW)
        sent = [statement for statement in proxy.seen[before:] if statement.startswith("INSERT")]
        stored = ["sessions", *TABLES][: ["sessions", *TABLES, "segments"].index(table)]
        assert not any(is_insert(statement, name) for statement in sent for name in stored if name != "sessions")
    own.close()
    check(client, place, tmp_path / "plain", parts)


def test_months_that_a_kill_left_out_are_sent(client: Client, place: Place, tmp_path: Path) -> None:
    parts = make_parts(5, 1, 300)
    with NodeStore(tmp_path / "node", client, place) as node:
        node.load(1, parts[0])
        client.execute(f"TRUNCATE TABLE {place.table('segments')}")
        client.execute(f"ALTER TABLE {place.table('pageviews')} DROP PARTITION 202610")
        forget(node)
        node.load(1, parts[0])
    check(client, place, tmp_path / "plain", parts)


def forget(node: NodeStore) -> None:
    """As if the commit of the last load had failed."""
    with node.database.cursor() as cursor:
        cursor.execute("DELETE FROM state.segments")


def test_a_known_token_without_its_rows_is_not_trusted(client: Client, place: Place, tmp_path: Path) -> None:
    """After rows were lost, in part or as a whole, the table still knows their token."""
    parts = make_parts(6, 1, 300)
    with NodeStore(tmp_path / "node", client, place) as node:
        segment = node.segment(1, parts[0])
        node.loader.load(segment, NOW)
        for table, condition in (("pageviews", "status <> 404"), ("file_downloads", "true"), ("sessions", "true")):
            client.execute(f"ALTER TABLE {place.table(table)} DELETE WHERE {condition}", settings={"mutations_sync": 2})
        client.execute(f"TRUNCATE TABLE {place.table('segments')}")
        forget(node)
        node.load(1, parts[0])
    check(client, place, tmp_path / "plain", parts)


def test_what_is_marked_is_not_sent_again(client: Client, place: Place, proxy: Proxy, tmp_path: Path) -> None:
    """The commit of the node's own file failed, or its file was lost."""
    parts = make_parts(7, 1, 50)
    own = proxy.client()
    with NodeStore(tmp_path / "node", own, place) as node:
        node.load(1, parts[0])
        forget(node)
        proxy.seen.clear()
        node.load(1, parts[0])
        assert not [statement for statement in proxy.seen if statement.startswith("INSERT")]
        assert node.rows("SELECT count(*) FROM state.segments") == [(1,)]
    own.close()
    check(client, place, tmp_path / "plain", parts)


def test_nobody_listens(place: Place, tmp_path: Path) -> None:
    client = Client(Access([Endpoint("127.0.0.1", free_port(), False)]))
    with NodeStore(tmp_path / "node", client, place) as node:
        segment = node.segment(1, make_parts(8, 1, 10)[0])
        with pytest.raises(UnreachableError, match="cannot be reached, is it running"):
            node.loader.load(segment, NOW)
        assert node.sink._sent == 0  # nothing was sent, so nothing has to be counted later
        found = node.loader.load_batch([segment, node.segment(2, make_parts(9, 1, 10)[0])], NOW)
        assert [type(one) for one in found] == [UnreachableError] * 2
    client.close()


def test_the_next_host_is_used_and_remembered(client: Client, engine: Engine, place: Place, tmp_path: Path) -> None:
    parts = make_parts(10, 2, 60)
    with Proxy(engine.endpoint) as first, Proxy(engine.endpoint) as second:
        down = Endpoint("127.0.0.1", free_port(), False)
        own = Client(Access([down, first.endpoint, second.endpoint], timeout=2))
        with NodeStore(tmp_path / "node", own, place) as node:
            node.load(1, parts[0])
            assert first.seen
            assert not second.seen
            first.plan = lambda _: Fault("cut")
            segment = node.segment(2, parts[1])
            with pytest.raises(SinkDownError):
                node.loader.load(segment, NOW)
            node.loader.load(segment, NOW)
            assert second.seen
        own.close()
    check(client, place, tmp_path / "plain", parts)


def test_a_segment_without_events_is_marked(client: Client, place: Place, tmp_path: Path) -> None:
    with NodeStore(tmp_path / "node", client, place) as node:
        node.load(1, [])
        node.load(2, [b"no event\n"])
    query = f"SELECT number, events, rejected FROM {place.table('segments')} ORDER BY number"
    assert client.query(query) == [(1, 0, 0), (2, 0, 1)]


def test_a_copied_folder_sends_what_was_pending_once_and_the_rest_under_its_own_name(
    client: Client, place: Place, tmp_path: Path
) -> None:
    parts = make_parts(13, 4, 60)
    with NodeStore(tmp_path / "node", client, place) as node:
        node.load(1, parts[0])
        node.segment(2, parts[1])
    shutil.copytree(tmp_path / "node", tmp_path / "copy")
    for folder, lines in (("node", parts[2]), ("copy", parts[3])):
        with NodeStore(tmp_path / folder, client, place) as node:
            node.load(2, parts[1])
            node.load(3, lines)
    plain = tmp_path / "plain"
    plain.mkdir()
    store = Store(plain)
    for number, lines in enumerate(parts, 1):
        store.loader.load(store.segment(number, raw=b"".join(lines)), NOW)
    assert read_clickhouse(client, place) == read_duckdb(store)
    store.close()
    assert len(client.query(f"SELECT node, number FROM {place.table('segments')} FINAL")) == 4


class Killer(threading.Thread):
    """Kills the engine now and then, and the loader more often, until `stop`; each is started again."""

    def __init__(self, engine: Engine, command: list[str], log: Path, seed: int) -> None:
        super().__init__()
        self._engine = engine
        self._command = command
        self._log = log
        self._dice = random.Random(seed)
        self._stopping = threading.Event()
        self.engine_kills = 0
        self.loader_kills = 0
        self.loader = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log)

    def run(self) -> None:
        while not self._stopping.wait(self._dice.uniform(0.2, 4.0)):
            if self._dice.random() < 0.4:
                self._engine.kill()
                self.engine_kills += 1
                time.sleep(self._dice.uniform(0, 0.3))
                self._engine.start()
            else:
                self.loader.kill()
                self.loader.wait()
                self.loader_kills += 1
                self.loader = self._start()

    def stop(self) -> None:
        """End the kills; what runs goes on."""
        self._stopping.set()
        self.join()


def test_kills_and_faults_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    parts = make_parts(seed % 1000, SEGMENTS, SEGMENTS * 60)
    folder, place = tmp_path / "node", Place("prisme")
    (folder / "journal").mkdir(parents=True)
    faults: Counter[str] = Counter()

    def plan(_: str) -> Fault | None:
        if dice.random() > 0.15:
            return None
        fault = dice.choice([Fault("lost"), Fault("full"), Fault("cut"), Fault("slow", 1.5)])
        faults[fault.kind] += 1
        return fault

    with Engine(tmp_path / "engine") as engine, Proxy(engine.endpoint) as proxy:
        client = engine.client()
        migrate(client, place)
        command = [sys.executable, "-m", "tests.store.clickhouse.loading", str(folder)]
        killer = Killer(engine, [*command, str(proxy.endpoint.port), place.database, "1"], tmp_path / "log", seed)
        proxy.plan = plan
        killer.start()
        for number, lines in enumerate(parts, 1):
            new = folder / "new"
            new.write_bytes(b"".join(lines))
            new.rename(segment_path(folder / "journal", number))
            time.sleep(dice.uniform(0, 0.6))
        wait_until(
            lambda: killer.engine_kills >= 4 and killer.loader_kills >= 4 and len(faults) == 4, "kills and faults"
        )
        killer.stop()
        proxy.plan = lambda _: None
        (folder / COMPLETE).touch()
        try:
            assert killer.loader.wait(_PATIENCE) == 0, (tmp_path / "log").read_text()[-4000:]
        finally:
            killer.loader.kill()
            killer.loader.wait()
        print(f"{killer.engine_kills} kills of the engine, {killer.loader_kills} of the loader, {dict(faults)}")
        time.sleep(1.6)  # what is on its way still
        check(client, place, tmp_path / "plain", parts)
        client.close()
    assert list((folder / "journal").iterdir()) == []
    with duckdb.connect(str(folder / "prisme.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchall() == [(0,)]


def test_the_error_tells_what_to_do(place: Place, tmp_path: Path, node: NodeStore, client: Client) -> None:
    parts = make_parts(11, 1, 30)
    segment = node.segment(1, parts[0])
    client.execute(f"DROP TABLE {place.table('pageviews')}")
    with pytest.raises(StoreError, match="a table is missing: if it was dropped, drop the table migrations too"):
        node.loader.load(segment, NOW)
    client.execute(f"DROP TABLE {place.table('migrations')}")
    migrate(client, place)
    node.loader.load(segment, NOW)
    check(client, place, tmp_path / "plain", parts)


def test_a_node_may_start_before_its_database_is_there(
    engine: Engine, client: Client, new_place: Callable[[], Place], tmp_path: Path
) -> None:
    place, parts = new_place(), make_parts(12, 1, 30)
    with Proxy(engine.endpoint, lambda _: Fault("cut")) as proxy:
        own = proxy.client()
        with NodeStore(tmp_path / "node", own, place) as node:
            with pytest.raises(SinkDownError):
                node.sink.prepare()
            segment = node.segment(1, parts[0])
            with pytest.raises(SinkDownError):
                node.loader.load(segment, NOW)
            proxy.plan = lambda _: None
            time.sleep(1)
            node.loader.load(segment, NOW)
        own.close()
    check(client, place, tmp_path / "plain", parts)
