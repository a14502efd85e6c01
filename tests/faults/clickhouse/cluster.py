"""All of a cluster on this machine: ClickHouse, the node with the figures, three ingestion nodes, and a balancer."""

import contextlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from prisme.access.grants import SITES
from prisme.store.sink import NODE_FILE
from tests.clickhouse.engine import Engine
from tests.e2e.proxies import put
from tests.faults.clickhouse.balancers import BALANCERS, FIGURES, Balancer, blocks
from tests.faults.clickhouse.visitors import Crowd
from tests.process import Process
from tests.server import free_port, make_token, wait_until

_ETC: Final = "/etc/prisme/"
_COUNT: Final = 3
# A node's id has a part that is new with each start.
_PAGEVIEWS: Final = """
SELECT path, toString(session_uuid), splitByChar('.', node)[1] FROM prisme.pageviews WHERE domain = 'example.com'
"""


class Node(Process):
    """A Prisme that is configured as the page says, with an address for monitoring."""

    def __init__(self, folder: Path, config: str, engine: Engine, etc: Path, figures: int) -> None:
        self.monitoring = free_port()
        file = folder.with_suffix(".toml")
        changes = {"https://db1.example:8443": f"http://{engine.endpoint}", _ETC: f"{etc}/"}
        if "sites_url" in config:
            changes[f"http://{FIGURES}:8000"] = f"http://127.0.0.1:{figures}"
        file.write_text(re.sub(r"^(host|data_dir|admin_hostport) = .*\n", "", put(config, changes), flags=re.MULTILINE))
        super().__init__(folder, config=str(file), admin_hostport=f"127.0.0.1:{self.monitoring}", origins=None)

    def metric(self, name: str, labels: str = "") -> float:
        """The sum of a metric's samples; `labels` is a pattern for what its labels have."""
        text = httpx.get(f"http://127.0.0.1:{self.monitoring}/metrics", trust_env=False, verify=False).text
        found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for told, value in found if re.search(labels, told))

    def requests(self, path: str) -> float:
        """How many requests to routes that end like this it has answered."""
        return self.metric("http_requests_total", f'path="[^"]*{path}"')

    def health(self) -> str:
        """What the health check says."""
        return self.http.get("/api/v1/healthcheck").text

    @property
    def name(self) -> str:
        """What its rows have."""
        return (self.folder / NODE_FILE).read_text().split()[1].partition(".")[0]

    @property
    def is_loaded(self) -> bool:
        """Whether all that it has accepted is stored."""
        return self.metric("eventstore_pending_events") == self.metric("eventstore_pending_segments") == 0


class Cluster:
    """The parts, started in the order of the page, with the site `example.com`."""

    def __init__(self, folder: Path, balancer: str, stack: contextlib.ExitStack) -> None:
        self.balancer_kind = balancer
        self.engine = stack.enter_context(Engine(folder / "engine"))
        etc = folder / "etc"
        etc.mkdir()
        for name in ("clickhouse-user", "clickhouse-password"):
            (etc / name).write_text("")
        (node_config,) = [text for text in blocks("toml") if "mode = " in text]
        (figures_config,) = [text for text in blocks("toml") if "origins = " in text]
        self.figures = stack.enter_context(Node(folder / "figures", figures_config, self.engine, etc, 0))
        self.figures.start()
        token = make_token(self.figures.folder, scopes=[SITES])
        (etc / "sites-token").write_text(token["Authorization"].removeprefix("Bearer "))
        self.nodes = [
            stack.enter_context(Node(folder / f"node{number}", node_config, self.engine, etc, self.figures.port))
            for number in range(1, _COUNT + 1)
        ]
        for node in self.nodes:
            node.start()
        (folder / "balancer").mkdir()
        ports = [node.port for node in self.nodes]
        self.balancer: Balancer = stack.enter_context(
            BALANCERS[balancer](folder / "balancer", ports, self.figures.port)
        )

    def settle(self) -> None:
        """Wait until all nodes have stored what they have accepted."""
        wait_until(lambda: all(node.is_loaded for node in self.nodes), "the journals to be empty")


@contextlib.contextmanager
def running_cluster(folder: Path, balancer: str) -> Iterator[Cluster]:
    """A cluster behind the balancer of this name, for the time of the block."""
    with contextlib.ExitStack() as stack:
        yield Cluster(folder, balancer, stack)


def check(cluster: Cluster, crowd: Crowd) -> dict[str, dict[str, str]]:
    """That all that was answered is stored once, and nothing twice, with visits that match their rows.

    Gives the visits of each visitor by name, each with the node that has recorded it.
    """
    cluster.settle()
    client = cluster.engine.client()
    wanted = {visitor.name: visitor for visitor in crowd.visitors}
    rows = [row for row in client.query(_PAGEVIEWS) if _name(row[0]) in wanted]
    sessions = client.query("SELECT toString(session_uuid), pageviews FROM prisme.sessions FINAL")
    client.close()
    stored = Counter(path for path, _, _ in rows)
    assert set(crowd.answered) - set(stored) == set(), "lost"
    assert {path for path, times in stored.items() if times > 1} == set(), "stored twice"
    assert set(stored) <= {*crowd.answered, *crowd.failed}
    visits: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path, visit, node in rows:
        assert visits[_name(path)].setdefault(visit, node) == node, "a visit of two nodes"
    views = Counter(visit for _, visit, _ in rows)
    assert sorted(row for row in sessions if row[0] in views) == sorted(views.items())
    assert len(views) == sum(map(len, visits.values())), "a visit of two visitors"
    return visits


def _name(path: str) -> str:
    return path[1:].partition("-")[0]
