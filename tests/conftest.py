"""Servers that tests share: starting one takes most of a second, and sites keep their cases apart."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server import LiveServer


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server without a rate limit, for `example.com` and all sites below."""
    with LiveServer(tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture(scope="session")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that trusts `X-Forwarded-For`, so that clients can have any address."""
    with LiveServer(tmp_path_factory.mktemp("proxied"), trust_proxy="true") as server:
        yield server


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Commands that a test calls in its own process set it, and later tests must not have it."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


_numbers = itertools.count(1)


@pytest.fixture
def site() -> str:
    """A host of its own, so that no other case's sessions or rows are met."""
    return f"site{next(_numbers)}.example.com"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """Start servers with options of their own; all are stopped when the test ends."""
    started: list[LiveServer] = []

    def begin(**options: str) -> LiveServer:
        server = LiveServer(tmp_path / "data", **options).__enter__()
        started.append(server)
        return server

    yield begin
    for server in started:
        server.stop()
