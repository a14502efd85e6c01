"""Cached responses: until the tables change, for a second at most, and computed once for concurrent requests."""

import threading
import time
from collections.abc import Callable

import pytest

from prisme.stats.cache import responses
from prisme.stats.cache.responses import ResponseCache, entry_bytes
from prisme.stats.cache.sites import SiteCache


class Tables:
    """Tables whose state a test changes, and how often they were read."""

    def __init__(self) -> None:
        self.state = 0
        self.reads = 0

    def make(self) -> bytes:
        self.reads += 1
        return b"%d" % self.state


@pytest.fixture
def tables() -> Tables:
    return Tables()


def test_asks_again_after_a_change(tables: Tables) -> None:
    cache = ResponseCache(lambda: tables.state)
    assert [cache.find("a", tables.make), cache.find("a", tables.make)] == [b"0", b"0"]
    assert tables.reads == 1
    tables.state = 1
    assert cache.find("a", tables.make) == b"1"
    assert cache.find("b", tables.make) == b"1"
    assert tables.reads == 3


def test_a_change_while_it_asks_is_seen_next_time(tables: Tables) -> None:
    cache = ResponseCache(lambda: tables.state)

    def make() -> bytes:
        found = tables.make()
        tables.state += 1
        return found

    assert cache.find("a", make) == b"0"
    assert cache.find("a", tables.make) == b"1"


def test_forgets_after_a_second(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("prisme.stats.cache.responses.time.monotonic", lambda: now[0])
    cache = ResponseCache(lambda: tables.state)
    for moment, reads in ((100.0, 1), (100.9, 1), (101.0, 2), (101.5, 2)):
        now[0] = moment
        cache.find("a", tables.make)
        assert tables.reads == reads


def test_who_comes_meanwhile_waits_for_the_same_answer(tables: Tables) -> None:
    cache = ResponseCache(lambda: tables.state)
    begun, go_on = threading.Event(), threading.Event()
    found: list[bytes] = []

    def make() -> bytes:
        begun.set()
        go_on.wait(10)
        return tables.make()

    def start(make: Callable[[], bytes]) -> threading.Thread:
        thread = threading.Thread(target=lambda: found.append(cache.find("a", make)))
        thread.start()
        return thread

    threads = [start(make)]
    begun.wait(10)
    threads += [start(tables.make) for _ in range(3)]
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert (found, tables.reads) == ([b"0"] * 4, 1)


def test_an_error_is_nobody_elses(tables: Tables) -> None:
    cache = ResponseCache(lambda: tables.state)

    def fail() -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.find("a", fail)
    assert cache.find("a", tables.make) == b"0"


def test_keeps_few_and_small_ones(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    fitting = 8
    cache = ResponseCache(lambda: tables.state, fitting * entry_bytes(0, b"0"))
    for number in range(fitting + 1):
        cache.find(number, tables.make)
    tables.reads = 0
    cache.find(1, tables.make)
    assert tables.reads == 0
    cache.find(0, tables.make)
    assert tables.reads == 1
    large = b"x" * (responses._LARGEST + 1)
    made = 0

    def make_large() -> bytes:
        nonlocal made
        made += 1
        return large

    assert cache.find("large", make_large) == cache.find("large", make_large) == large
    assert made == 2
    roomy = ResponseCache(lambda: tables.state)
    assert roomy.find("large", make_large) == roomy.find("large", make_large) == large
    assert made == 4
    large = large[1:]
    assert roomy.find("fits", make_large) == roomy.find("fits", make_large) == large
    assert made == 5


def test_sites_are_looked_for_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = [0.0], list[str]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    sites = SiteCache()

    def look(found: str) -> list[tuple[str, int]]:
        looks.append(found)
        return [(found, 1)] if found else []

    assert sites.find(None, lambda: look("")) == []
    assert sites.find(None, lambda: look("a")) == [("a", 1)]  # an empty list is not cached
    now[0] = 59.0
    assert sites.find(None, lambda: look("b")) == [("a", 1)]
    assert sites.find(("c",), lambda: look("c")) == [("c", 1)]  # another user may see other sites
    now[0] = 61.0
    assert sites.find(None, lambda: look("d")) == [("d", 1)]
    assert looks == ["", "a", "c", "d"]
