"""The options that say where ClickHouse is."""

from pathlib import Path

import pytest

from prisme.runtime.clickhouse_types import CLUSTER, DATABASE, ENDPOINTS, Endpoint
from tests.runtime.settings import mistakes, read


@pytest.mark.parametrize(
    ("raw", "endpoints"),
    [
        ("", ()),
        ("http://one", (Endpoint("one", 8123, False),)),
        ("https://one", (Endpoint("one", 8443, True),)),
        ("https://one:1, http://[::1]:2/", (Endpoint("one", 1, True), Endpoint("::1", 2, False))),
        (["https://one", "https://one"], (Endpoint("one", 8443, True),)),
    ],
)
def test_urls(raw: object, endpoints: tuple[Endpoint, ...]) -> None:
    assert ENDPOINTS.parse(raw) == endpoints


@pytest.mark.parametrize(
    "text",
    [
        "one:8123",
        "tcp://one:9000",
        "http://",
        "http://one:x",
        "http://one:0",
        "http://[::1",
        "http://one/path",
        "http://a,",
    ],
)
def test_urls_of_something_else_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no URL of ClickHouse's HTTP interface"):
        ENDPOINTS.parse(text)


@pytest.mark.parametrize("url", ["http://user:hunter2@one", "http://user:hunter2@[one"])
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="write") as caught:
        ENDPOINTS.parse(url)
    assert "hunter2" not in str(caught.value)


def test_names_need_no_quotes() -> None:
    assert (DATABASE.parse("prisme_2"), CLUSTER.parse("my-cluster.1"), CLUSTER.parse("")) == (
        "prisme_2",
        "my-cluster.1",
        "",
    )
    for name in ("", "1a", "a b", "a-b", "a" * 65):
        with pytest.raises(ValueError, match="letters"):
            DATABASE.parse(name)
    for name in ("a b", "a'b"):
        with pytest.raises(ValueError, match="letters"):
            CLUSTER.parse(name)


def test_clickhouse_needs_a_host(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, flags={"--eventstore": "clickhouse"})
    assert mistake == (
        "clickhouse_url (default): the value is missing: with eventstore = clickhouse, set the URL of at least one host"
    )
    config = read(tmp_path, {"--eventstore": "clickhouse", "--clickhouse-url": "http://one"})
    assert config.clickhouse_url == (Endpoint("one", 8123, False),)
