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
    assert (log.is_all(3, 141), log.is_all(3, 140), log.is_all(2, 141)) == (True, False, False)


def test_a_load_is_in_the_log_before_it_is_done() -> None:
    log = LoadLog(0)
    log.begin(5, 5)
    assert (log.done, log.since(0), log.is_all(0, 10)) == (0, 5, False)


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
