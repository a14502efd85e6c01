"""What is remembered of answers: until the tables change, for a second at most, and made once for all who ask."""

import threading
import time
from collections.abc import Callable

import pytest

from prisme.stats.cache import responses
from prisme.stats.cache.responses import ResponseCache, entry_bytes
from prisme.stats.cache.sites import SiteCache


class Tables:
    """Tables that change when told, and how often they were asked."""

    def __init__(self) -> None:
        self.state = 0
        self.asked = 0

    def make(self) -> bytes:
        self.asked += 1
        return b"%d" % self.state


@pytest.fixture
def tables() -> Tables:
    return Tables()


def test_asks_again_after_a_change(tables: Tables) -> None:
    answers = ResponseCache(lambda: tables.state)
    assert [answers.find("a", tables.make), answers.find("a", tables.make)] == [b"0", b"0"]
    assert tables.asked == 1
    tables.state = 1
    assert answers.find("a", tables.make) == b"1"
    assert answers.find("b", tables.make) == b"1"
    assert tables.asked == 3


def test_a_change_while_it_asks_is_seen_next_time(tables: Tables) -> None:
    answers = ResponseCache(lambda: tables.state)

    def make() -> bytes:
        found = tables.make()
        tables.state += 1
        return found

    assert answers.find("a", make) == b"0"
    assert answers.find("a", tables.make) == b"1"


def test_forgets_after_a_second(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("prisme.stats.cache.responses.time.monotonic", lambda: now[0])
    answers = ResponseCache(lambda: tables.state)
    for moment, asked in ((100.0, 1), (100.9, 1), (101.0, 2), (101.5, 2)):
        now[0] = moment
        answers.find("a", tables.make)
        assert tables.asked == asked


def test_who_comes_meanwhile_waits_for_the_same_answer(tables: Tables) -> None:
    answers = ResponseCache(lambda: tables.state)
    begun, go_on = threading.Event(), threading.Event()
    found: list[bytes] = []

    def make() -> bytes:
        begun.set()
        go_on.wait(10)
        return tables.make()

    def ask(make: Callable[[], bytes]) -> threading.Thread:
        thread = threading.Thread(target=lambda: found.append(answers.find("a", make)))
        thread.start()
        return thread

    threads = [ask(make)]
    begun.wait(10)
    threads += [ask(tables.make) for _ in range(3)]
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert (found, tables.asked) == ([b"0"] * 4, 1)


def test_an_error_is_nobody_elses(tables: Tables) -> None:
    answers = ResponseCache(lambda: tables.state)

    def fail() -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        answers.find("a", fail)
    assert answers.find("a", tables.make) == b"0"


def test_keeps_few_and_small_ones(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    fitting = 8
    answers = ResponseCache(lambda: tables.state, fitting * entry_bytes(0, b"0"))
    for number in range(fitting + 1):
        answers.find(number, tables.make)
    tables.asked = 0
    answers.find(1, tables.make)
    assert tables.asked == 0
    answers.find(0, tables.make)
    assert tables.asked == 1
    large = b"x" * (responses._LARGEST + 1)
    made = 0

    def make_large() -> bytes:
        nonlocal made
        made += 1
        return large

    assert answers.find("large", make_large) == answers.find("large", make_large) == large
    assert made == 2


def test_sites_are_looked_for_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = [0.0], list[str]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    sites = SiteCache()

    def look(found: str) -> list[tuple[str, int]]:
        looks.append(found)
        return [(found, 1)] if found else []

    assert sites.find(None, lambda: look("")) == []
    assert sites.find(None, lambda: look("a")) == [("a", 1)]  # an empty answer is not kept
    now[0] = 59.0
    assert sites.find(None, lambda: look("b")) == [("a", 1)]
    assert sites.find(("c",), lambda: look("c")) == [("c", 1)]  # others may see others
    now[0] = 61.0
    assert sites.find(None, lambda: look("d")) == [("d", 1)]
    assert looks == ["", "a", "c", "d"]
