"""The log of loads: what it knows, and the order that its readers rely on."""

import pytest

from prisme.store.load_log import LoadLog


def test_the_lowest_time_since_a_load() -> None:
    log = LoadLog(100)
    for lowest in (70, 90, 80):
        log.begin(lowest, lowest + 50)
        log.end()
    assert [log.since(number) for number in range(4)] == [70, 80, 80, None]
    assert log.done == 3
    assert log.highest == 140


def test_a_load_is_in_the_log_before_it_is_done() -> None:
    log = LoadLog(0)
    log.begin(5, 5)
    assert (log.done, log.since(0), log.latest(lambda _: True)) == (0, 5, 1)


def test_what_was_counted_after_the_rows_of_an_import_still_holds() -> None:
    log = LoadLog(0)
    log.begin(100, 100)
    log.end()
    log.begin(10, 20, ["a.example"], is_bounded=True)
    log.end()
    assert [log.since(1, start) for start in (0, 20, 21)] == [10, 10, None]
    assert [log.since(0, start) for start in (0, 21, 101)] == [10, 100, 100], "a load of events may have any end"
    assert log.lately(1000) == 100, "the next load of events will not reach as far back"


def test_nothing_holds_once_the_file_was_opened_again() -> None:
    log = LoadLog(500)
    log.begin(100, 100, ["a.example"])
    log.end()
    log.begin_reopening()
    log.end()
    assert [log.since(1, start) for start in (0, 1000)] == [0, 0]
    assert latest(log, "b.example") == [2]
    assert (log.lately(1000), log.highest) == (100, 500), "the next load of events will not reach as far back"


def test_old_loads_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prisme.store.load_log._MAX_LOADS", 2)
    log = LoadLog(0)
    for lowest in (70, 90, 80):
        log.begin(lowest, 0)
        log.end()
    assert [log.since(number) for number in range(4)] == [0, 80, 80, None]


def test_loads_are_numbered_in_their_order() -> None:
    log = LoadLog(0)
    with pytest.raises(RuntimeError, match="load 1 ends, but has not begun"):
        log.end()
    log.begin(1, 1)
    with pytest.raises(RuntimeError, match="load 2 begins before load 1 has ended"):
        log.begin(2, 2)
    log.end()
    with pytest.raises(RuntimeError, match="load 2 ends, but has not begun"):
        log.end()
    assert (log.done, log.since(0)) == (1, 1)


def load(log: LoadLog, *domains: str) -> None:
    log.begin(0, 0, domains)
    log.end()


def latest(log: LoadLog, *domains: str) -> list[int]:
    """Of each of these domains alone."""
    return [log.latest({domain}.__contains__) for domain in domains]


def test_the_latest_load_of_some_domains() -> None:
    log = LoadLog(0)
    load(log, "a.example", "b.example")
    load(log, "b.example")
    assert latest(log, "a.example", "b.example", "c.example") == [1, 2, 0]
    assert log.latest({"a.example", "b.example"}.__contains__) == 2
    log.begin(0, 0)  # of any domain
    assert latest(log, "c.example") == [3]


def test_domains_that_were_loaded_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prisme.store.load_log.MOST_DOMAINS", 2)
    log = LoadLog(0)
    for domain in ("a", "b", "a", "c"):
        load(log, domain)
    # Of b, it is only known that no load after the second one had it.
    assert latest(log, "a", "b", "c", "d") == [3, 2, 4, 2]
    load(log, "a", "b", "c")
    assert latest(log, "d") == [5]
