"""The proxies of docs/proxy.md, in front of a real server: whom they say, and what is not run."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # it comes without types

from prisme.runtime.config import load
from tests.e2e.proxies import EVENTS, HOST, LIMIT, OUTER, Chain, ask, blocks, chain
from tests.server import browser


@pytest.fixture(scope="module", params=OUTER)
def one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """One proxy."""
    with chain(tmp_path_factory.mktemp("one"), request.param) as started:
        yield started


@pytest.fixture(scope="module", params=[("caddy", "nginx"), ("nginx", "caddy")], ids="-".join)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Two proxies in a row."""
    with chain(tmp_path_factory.mktemp("two"), *request.param) as started:
        yield started


FORGERIES = [
    pytest.param([], id="none"),
    pytest.param([("X-Forwarded-For", "8.8.8.8")], id="one address"),
    pytest.param([("X-Forwarded-For", "8.8.8.8, 1.1.1.1")], id="two addresses"),
    pytest.param([("X-Forwarded-For", "8.8.8.8"), ("X-Forwarded-For", "8.8.8.8")], id="two headers"),
    pytest.param([("X-Forwarded-For", "")], id="empty"),
    pytest.param([("X_Forwarded_For", "8.8.8.8")], id="underscores"),
    pytest.param([("Forwarded", "for=8.8.8.8"), ("X-Real-IP", "8.8.8.8")], id="other headers"),
    pytest.param([("Connection", "X-Forwarded-For, X-Request-Id")], id="a header for the next hop alone"),
]


def assert_visitor_is_told(chain: Chain, site: str, forged: list[tuple[str, str]]) -> None:
    with chain.front.visitor() as (visitor, address):
        headers = [*browser(f"https://{site}/").items(), *forged]
        answer = ask(visitor, "POST", EVENTS + "pageviews", headers=headers)
    assert answer.status_code == 200
    assert chain.line(answer)["source_ip"] == address
    assert chain.server.rows("SELECT country_code FROM sessions WHERE domain = ?", [site]) == [("XX",)]


@pytest.mark.parametrize("forged", FORGERIES)
def test_one_proxy_tells_who_it_is(one: Chain, site: str, forged: list[tuple[str, str]]) -> None:
    assert_visitor_is_told(one, site, forged)


@pytest.mark.parametrize("forged", FORGERIES)
def test_two_proxies_tell_who_it_is(two: Chain, site: str, forged: list[tuple[str, str]]) -> None:
    assert_visitor_is_told(two, site, forged)


def test_rate_limit_is_for_the_visitor(one: Chain) -> None:
    def send(visitor: httpx.Client, step: int) -> int:
        headers = browser(f"https://example.com/{step}", X_Forwarded_For=f"8.8.8.{step}")
        return ask(visitor, "POST", EVENTS + "pageviews", headers=headers).status_code

    with one.front.visitor() as (first, _), one.front.visitor() as (second, _):
        assert [send(first, step) for step in range(LIMIT + 1)] == [200] * LIMIT + [429]
        assert send(second, 0) == 200


def assert_request_id_is_the_proxys(chain: Chain) -> None:
    with chain.front.visitor() as (visitor, _):
        answer = ask(visitor, "POST", EVENTS + "outbound-links", headers={"X-Request-Id": "forged"})
    assert answer.status_code == 400
    assert answer.headers["x-prisme-request-id"] == answer.headers["x-proxy-id"] != "forged"
    assert chain.line(answer)["path"] == EVENTS + "outbound-links"


def test_request_id_of_one_proxy(one: Chain) -> None:
    assert_request_id_is_the_proxys(one)


def test_request_id_of_the_outer_of_two_proxies(two: Chain) -> None:
    assert_request_id_is_the_proxys(two)


# ----- what is not run


@pytest.mark.parametrize("options", blocks("toml"))
def test_options_are_prismes(tmp_path: Path, options: str) -> None:
    (tmp_path / "prisme.toml").write_text(options)
    config, notices = load({}, {}, tmp_path)
    assert config.trust_proxy == "auto"
    assert [notice for notice in notices if "unknown" in notice] == []


def test_traefik_is_whole() -> None:
    static, dynamic = map(yaml.safe_load, blocks("yaml"))
    http = dynamic["http"]
    (router,) = http["routers"].values()
    assert router["rule"] == f"Host(`{HOST}`)"
    assert set(router["entryPoints"]) <= set(static["entryPoints"])
    assert router["tls"]["certResolver"] in static["certificatesResolvers"]
    assert f"# {static['providers']['file']['filename']}\n" == blocks("yaml")[1].splitlines(keepends=True)[0]
    assert not any("forwardedHeaders" in entry for entry in static["entryPoints"].values())
    (middleware,) = (http["middlewares"][name] for name in router["middlewares"])
    assert middleware["headers"]["customRequestHeaders"] == {"X-Request-Id": ""}
    balancer = http["services"][router["service"]]["loadBalancer"]
    assert balancer["servers"] == [{"url": "http://127.0.0.1:8000"}]
    assert http["serversTransports"][balancer["serversTransport"]]["forwardingTimeouts"]["idleConnTimeout"] == "5s"
