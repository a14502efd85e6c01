"""Three ingestion nodes behind a balancer, one ClickHouse, one node with the figures: whatever ends under load.

All are real processes, and both balancers run with the configuration of docs/cluster.md.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.proxies import HOST
from tests.faults.clickhouse.balancers import BALANCERS, SCRIPT
from tests.faults.clickhouse.cluster import Cluster, check, running_cluster
from tests.faults.clickhouse.visitors import Crowd
from tests.faults.load import LONG
from tests.server import make_token, wait_until


@pytest.fixture(scope="module", params=BALANCERS if LONG else ["haproxy"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), request.param) as cluster:
        yield cluster


def ask_totals(cluster: Cluster) -> httpx.Response:
    figures = cluster.figures
    return figures.http.get("/api/v1/stats/dashboard?from=now-1h&to=now", headers=make_token(figures.folder))


def read_totals(cluster: Cluster) -> dict[str, Any]:
    found = ask_totals(cluster)
    assert found.status_code == 200, found.text
    totals: dict[str, Any] = found.json()["totals"]
    return totals


def read_script(cluster: Cluster) -> httpx.Response:
    with httpx.Client(verify=cluster.balancer.trust) as client:
        url = f"https://127.0.0.1:{cluster.balancer.port}/static/wa.js"
        return client.get(url, headers={"Host": HOST}, extensions={"sni_hostname": HOST})


def test_nobody_notices_that_clickhouse_is_away(cluster: Cluster) -> None:
    before = read_totals(cluster)
    crowd = Crowd(cluster.balancer, "c", 1)
    crowd.flow()
    cluster.engine.kill()
    for node in cluster.nodes:
        wait_until(lambda node=node: node.health().startswith("store: ClickHouse"), "the health check to tell")
    if cluster.balancer_kind == "haproxy":  # it would leave a node out after two answers that it does not expect
        asked = [node.requests("healthcheck") for node in cluster.nodes]
        wait_until(
            lambda: all(node.requests("healthcheck") > n + 3 for node, n in zip(cluster.nodes, asked, strict=True)),
            "the balancer to ask",
        )
    crowd.flow(5)
    assert min(node.metric("eventstore_pending_segments") for node in cluster.nodes) > 0
    assert ask_totals(cluster).status_code == 503
    cluster.engine.start()
    crowd.flow()
    crowd.stop()
    assert crowd.failed == []
    visits = check(cluster, crowd)
    assert [len(own) for own in visits.values()] == [1] * len(crowd.visitors)
    assert len({node for own in visits.values() for node in own.values()}) == len(cluster.nodes)
    assert {node.health() for node in cluster.nodes} == {"ok\n"}
    after = read_totals(cluster)
    grown = [after[what] - before[what] for what in ("sessions", "visitors", "pageviews")]
    assert grown == [len(crowd.visitors), len(crowd.visitors), len(crowd.answered)]


def test_nodes_count_on_while_the_one_with_the_figures_is_away(cluster: Cluster) -> None:
    script = read_script(cluster)
    assert (script.status_code, "sendBeacon" in script.text or "fetch" in script.text) == (200, True)
    crowd = Crowd(cluster.balancer, "f", 2)
    crowd.flow()
    cluster.figures.kill()
    crowd.flow(5)
    wait_until(lambda: read_script(cluster).text == SCRIPT, "the copy of the script")
    copy = read_script(cluster)
    assert (copy.status_code, copy.headers["Content-Type"].partition("/")[2][:10]) == (200, "javascript")
    crowd.stop()
    cluster.figures.start()
    assert crowd.failed == []
    visits = check(cluster, crowd)
    assert [len(own) for own in visits.values()] == [1] * len(crowd.visitors)
    assert read_totals(cluster)["pageviews"] >= len(crowd.answered)


def test_a_node_is_killed_under_load(cluster: Cluster) -> None:
    killed = cluster.nodes[0]
    before = read_totals(cluster)
    crowd = Crowd(cluster.balancer, "k", 3)
    crowd.flow()
    killed.kill()
    crowd.flow()
    killed.start()
    wait_until(lambda: killed.requests("events/pageviews"), "visitors to come back to their node")
    crowd.flow()
    crowd.stop()
    visits = check(cluster, crowd)
    assert set(visits) == {visitor.name for visitor in crowd.visitors}
    moved = {name for name, own in visits.items() if len(own) > 1}
    # Back on their node, they continue the visit that they had there.
    assert {len(visits[name]) for name in moved} == {2}
    assert all(killed.name in visits[name].values() and len({*visits[name].values()}) == 2 for name in moved)
    after = read_totals(cluster)
    stored = len(crowd.visitors) + len(moved)
    # Each node has keys of its own, so that who moves is another visitor.
    assert [after[what] - before[what] for what in ("sessions", "visitors")] == [stored, stored]
    assert 0 <= after["pageviews"] - before["pageviews"] - len(crowd.answered) <= len(crowd.failed)


def test_a_node_is_killed_while_clickhouse_is_away(cluster: Cluster) -> None:
    killed = cluster.nodes[2]
    crowd = Crowd(cluster.balancer, "b", 4)
    crowd.flow()
    cluster.engine.kill()
    wait_until(lambda: killed.health().startswith("store: ClickHouse"), "the health check to tell")
    crowd.flow()
    killed.kill()
    killed.start()
    assert killed.metric("eventstore_pending_segments") > 0
    crowd.flow()
    cluster.engine.start()
    crowd.flow()
    crowd.stop()
    visits = check(cluster, crowd)
    assert all(len(own) <= 2 for own in visits.values())
    assert all(killed.name in own.values() for own in visits.values() if len(own) == 2)
    (told,) = [line["msg"] for line in killed.log() if "of an earlier run, to be loaded later: " in line["msg"]]
    assert "ClickHouse cannot be reached" in told
