"""The balancers of docs/cluster.md: who goes to which node, and that no event goes to two."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # it comes without types

from tests.e2e.proxies import HOST
from tests.faults.clickhouse.backends import EVENTS, NOSCRIPT, Backend
from tests.faults.clickhouse.balancers import BALANCERS, Balancer, Make, blocks
from tests.server import PATIENCE, free_port, wait_until

_VISITORS: Final = 240
Send = Callable[[Balancer, int, str], httpx.Response | None]


@pytest.fixture(params=BALANCERS)
def make(request: pytest.FixtureRequest) -> Make:
    return BALANCERS[request.param]


@pytest.fixture
def figures() -> Iterator[Backend]:
    with Backend("figures") as backend:
        yield backend


@contextlib.contextmanager
def start(count: int, behaviour: str = "serves", health: str = "ok\n") -> Iterator[list[Backend]]:
    """So many servers."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(Backend(f"node{number}", "drops" if behaviour == "drops" else "serves", health))
            for number in range(1, count + 1)
        ]


def send(balancer: Balancer, visitor: int, event: str = "", path: str = EVENTS) -> httpx.Response | None:
    """Send an event from an address of the visitor's own; None if the connection is closed instead."""
    address = str(ip_address("127.30.0.0") + 7 * visitor + 1)
    transport = httpx.HTTPTransport(verify=balancer.trust, local_address=address)
    with httpx.Client(transport=transport, timeout=PATIENCE) as client:
        try:
            return client.request(
                "GET" if path == NOSCRIPT else "POST",
                f"https://127.0.0.1:{balancer.port}{path}",
                headers={"Host": HOST, "X-Event": event or str(visitor)},
                extensions={"sni_hostname": HOST},
            )
        except httpx.TransportError:
            return None


def place(balancer: Balancer) -> list[str]:
    """The name of each visitor's node."""
    answers = [send(balancer, visitor) for visitor in range(_VISITORS)]
    assert {answer.status_code for answer in answers if answer is not None} == {200}
    return [answer.text for answer in answers if answer is not None]


def seen(backends: Sequence[Backend]) -> Counter[str]:
    """How often each event came to any of them."""
    return sum((backend.seen for backend in backends), Counter[str]())


def test_a_new_node_takes_its_share_and_moves_nobody_else(make: Make, figures: Backend, tmp_path: Path) -> None:
    with start(4) as backends:
        ports = [backend.port for backend in backends]
        placed: list[list[str]] = []
        for count in (3, 4, 4):
            folder = tmp_path / f"{len(placed)}"
            folder.mkdir()
            with make(folder, ports[:count], figures.port) as balancer:
                placed.append(place(balancer))
        three, four, again = placed
    assert four == again  # also after a restart of the balancer
    moved = [new for old, new in zip(three, four, strict=True) if old != new]
    assert set(moved) == {"node4"}
    assert len(moved) == four.count("node4")
    assert 0.1 < len(moved) / _VISITORS < 0.45
    assert min(Counter(three).values()) > _VISITORS / 10


def test_who_was_on_a_lost_node_moves_alone(make: Make, figures: Backend, tmp_path: Path) -> None:
    with start(3) as backends, make(tmp_path, [backend.port for backend in backends], figures.port) as balancer:
        before = place(balancer)
        lost = backends[0]
        lost.stop()
        # Each to one other, whether or not the balancer knows yet.
        after, later = place(balancer), place(balancer)
        assert after == later
        assert {new for old, new in zip(before, after, strict=True) if old == lost.name} <= {"node2", "node3"}
        kept = [(old, new) for old, new in zip(before, after, strict=True) if old != lost.name]
        assert all(old == new for old, new in kept)
        assert kept


@pytest.mark.parametrize("path", [EVENTS, NOSCRIPT])
def test_what_a_node_may_have_taken_goes_to_no_other(make: Make, figures: Backend, path: str, tmp_path: Path) -> None:
    with (
        start(3, "drops") as backends,
        make(tmp_path, [backend.port for backend in backends], figures.port) as balancer,
    ):
        answers = [send(balancer, visitor, path=path) for visitor in range(20)]
        assert {answer.status_code for answer in answers if answer is not None} <= {502}
        counted = seen(backends)
    assert counted
    assert set(counted.values()) == {1}


def test_what_no_node_has_taken_goes_to_another(make: Make, figures: Backend, tmp_path: Path) -> None:
    with (
        start(2) as backends,
        make(tmp_path, [backends[0].port, free_port(), backends[1].port], figures.port) as balancer,
    ):
        assert set(place(balancer)) == {"node1", "node2"}
        counted = seen(backends)
        assert (len(counted), set(counted.values())) == (_VISITORS, {1})
        # Those without JavaScript may be refused as long as a lost node is not known to be lost.
        answers = [send(balancer, visitor, f"noscript{visitor}", NOSCRIPT) for visitor in range(_VISITORS)]
        refused = sum(answer is None or not answer.is_success for answer in answers)
        assert refused <= 3
        counted = seen(backends)
        assert (len(counted), set(counted.values())) == (2 * _VISITORS - refused, {1})


def test_nodes_whose_clickhouse_is_away_are_used(figures: Backend, tmp_path: Path) -> None:
    """Only HAProxy asks nodes how they are."""
    make = BALANCERS["haproxy"]
    with start(3) as backends, make(tmp_path, [backend.port for backend in backends], figures.port) as balancer:
        before = place(balancer)
        for backend in backends:
            backend.health = "store: ClickHouse cannot be reached\n"
        backends[0].health = "disk: less than 256 MB are free\n"
        wait_until(lambda: backends[0].name not in place(balancer), "the node that refuses events to be left out")
        after = place(balancer)
        assert all(old in (new, "node1") for old, new in zip(before, after, strict=True))


def test_envoy_is_configured_alike() -> None:
    """It is not run: Debian does not have it."""
    (text,) = blocks("yaml")
    clusters = {one["name"]: one for one in yaml.safe_load(text)["static_resources"]["clusters"]}
    assert clusters["prisme_events"]["lb_policy"] == "RING_HASH"
    assert text.count("retry_on: connect-failure") == text.count("retry_on:") > 0
