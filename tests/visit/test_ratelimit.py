"""The fixed window, and what the limiter does when everybody comes at once."""

import pytest

from prisme.visit import ratelimit
from prisme.visit.ratelimit import WINDOW, RateLimiter

SECOND = 1_000_000_000


def wait(limiter: RateLimiter, key: int | str, now: int) -> int:
    """One request."""
    (seconds,) = limiter.wait([key], now)
    return seconds


@pytest.mark.parametrize(
    ("times", "waits"),
    [
        pytest.param([0, 0, 0], [0, 0, 60], id="third of two"),
        pytest.param([0, 10, 20], [0, 0, 40], id="window from the first"),
        pytest.param([0, 59, 59, 60, 60, 60], [0, 0, 1, 0, 0, 60], id="next window"),
        pytest.param([0, 1, 61, 62, 63], [0, 0, 0, 0, 58], id="window starts with a request"),
        pytest.param([50, 60, 61, 109, 110], [0, 0, 49, 1, 0], id="over a turn of generations"),
    ],
)
def test_window(times: list[int], waits: list[int]) -> None:
    limiter = RateLimiter(2)
    assert [wait(limiter, "a", 1000 * SECOND + moment * SECOND) for moment in times] == waits


def test_waits_are_whole_seconds_rounded_up() -> None:
    limiter = RateLimiter(1)
    assert [wait(limiter, 1, 0), wait(limiter, 1, 1), wait(limiter, 1, WINDOW - 1), wait(limiter, 1, WINDOW)] == [
        0,
        60,
        1,
        0,
    ]


def test_clients_are_counted_apart() -> None:
    limiter = RateLimiter(1)
    assert [wait(limiter, key, 0) for key in (1, 2, -1, "x", 1, "x")] == [0, 0, 0, 0, 60, 60]


def test_zero_is_no_limit() -> None:
    limiter = RateLimiter(0)
    assert {wait(limiter, 1, 0) for _ in range(1000)} == {0}


def test_memory_is_bounded_and_a_present_client_stays_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "GENERATION", 1000)
    limiter = RateLimiter(2)
    waits = []
    for key in range(1, 50_000):
        wait(limiter, key, key)
        if key % 500 == 0:
            waits.append(wait(limiter, 0, key))
    assert waits[:2] == [0, 0]
    assert 0 not in waits[2:]
    assert len(limiter._young) + len(limiter._old) <= 2000


def test_those_of_one_moment_are_counted_one_after_the_other() -> None:
    limiter = RateLimiter(2)
    assert limiter.wait([1, 2, 1, 1, "x", 2, 2], 0) == [0, 0, 0, 60, 0, 0, 60]
