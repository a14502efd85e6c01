"""The fixed window of requests and of bytes, and what the limiter does when everybody comes at once."""

import pytest

from prisme.runtime.options import OPTIONS
from prisme.visit import ratelimit
from prisme.visit.address import Address, parse
from prisme.visit.ratelimit import BUDGET, WIDE, WINDOW, RateLimiter
from tests.checkout import ROOT

SECOND = 1_000_000_000


def client(key: int | str, wide: int = 0) -> Address:
    return Address(str(key), key, 4, wide=wide)


def wait(limiter: RateLimiter, key: int | str, now: int, size: int = 0) -> int:
    """One request."""
    (seconds,) = limiter.retry_after([client(key)], [size], now)
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
    assert {wait(limiter, 1, 0, BUDGET) for _ in range(1000)} == {0}


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
    clients = [client(key) for key in (1, 2, 1, 1, "x", 2, 2)]
    assert limiter.retry_after(clients, [0] * 7, 0) == [0, 0, 0, 60, 0, 0, 60]


@pytest.mark.parametrize(
    ("sizes", "waits"),
    [
        pytest.param([BUDGET - 1, 1, 0], [0, 0, 0], id="all of it"),
        pytest.param([BUDGET, 1], [0, 60], id="one byte more"),
        pytest.param([BUDGET + 1, 0], [60, 60], id="one byte more at once"),
        pytest.param([BUDGET - 1, 2, 1], [0, 60, 60], id="what was refused counts"),
        pytest.param([65_536] * 9, [0] * 8 + [60], id="nine of the longest bodies"),
        pytest.param([BUDGET + 1] * 1000, [60] * 1000, id="no end of it"),
    ],
)
def test_bytes(sizes: list[int], waits: list[int]) -> None:
    one_by_one = RateLimiter(1_000_000)
    assert [wait(one_by_one, 1, 0, size) for size in sizes] == waits
    assert RateLimiter(1_000_000).retry_after([client(1)] * len(sizes), sizes, 0) == waits
    assert [wait(one_by_one, key, 0, 1) for key in (2, -1, "x")] == [0, 0, 0]
    assert wait(one_by_one, 1, WINDOW - 1, 1) == 1
    assert wait(one_by_one, 1, WINDOW, BUDGET) == 0


def test_the_greatest_counts_have_room() -> None:
    (option,) = (option for option in OPTIONS if option.name == "api_events_rate_limit")
    assert option.type.parse(1_000_000) == 1_000_000
    with pytest.raises(ValueError, match="is not a whole number"):
        option.type.parse(1_000_001)
    assert WIDE * 1_000_000 < ratelimit._TOO_MANY
    # The wider network's budget, and one request more.
    assert WIDE * BUDGET + (1 << 18) < ratelimit._TOO_LARGE
    limiter = RateLimiter(1_000_000)
    waits = limiter.retry_after([client(1)] * 1_000_001, [0] * 1_000_000 + [1], 5)
    assert (sum(waits), waits[-1]) == (60, 60)


def test_a_limit_beyond_the_counters_bits_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    RateLimiter((1 << 20) - 1)
    with pytest.raises(RuntimeError, match="a limit of 1048576 requests, or its bytes, does not fit"):
        RateLimiter(1 << 20)
    # The wider network's bytes, and those of one request more, which may be the longest head and body.
    longest = 1 << 17
    monkeypatch.setattr(ratelimit, "BUDGET", ((1 << 24) - longest) // WIDE - 1)
    RateLimiter(1)
    monkeypatch.setattr(ratelimit, "BUDGET", ((1 << 24) - longest) // WIDE)
    with pytest.raises(RuntimeError, match="a limit of 1 requests, or its bytes, does not fit"):
        RateLimiter(1)


def test_limits_are_those_of_the_docs() -> None:
    limits = f"{BUDGET // 1024} KiB; {WIDE} times as much for a /48 of IPv6"
    assert limits in (ROOT / "docs" / "reliability.md").read_text()
    assert BUDGET % 1024 == 0


@pytest.mark.parametrize("limit", [1, 60])
@pytest.mark.parametrize("spared", [-1, 0, 1, 100])
@pytest.mark.parametrize("size", [0, 1, 100, 200_000])
def test_who_has_to_wait_waits_until_the_window_ends(limit: int, spared: int, size: int) -> None:
    """Also where the requests, or nearly all bytes, are used up to the last one."""
    limiter = RateLimiter(limit)
    sizes = [0] * (limit - 1) + [BUDGET - spared]
    assert limiter.retry_after([client(1)] * limit, sizes, 0) == [0] * (limit - 1) + [60 if spared < 0 else 0]
    assert limiter.retry_after([client(1)] * 1000, [size] * 1000, 1) == [60] * 1000
    assert wait(limiter, 1, WINDOW - 1, size) == 1
    assert wait(limiter, 1, WINDOW, size) == 0


def test_networks_of_ipv6_are_counted_together() -> None:
    """Each /64 stays within its own limit, and one /48 has 16 times as much."""
    limiter = RateLimiter(2)
    inside = [parse(f"2001:db8:1:{network:x}::{host}") for network in range(WIDE) for host in (1, 2)]
    assert limiter.retry_after(inside, [0] * len(inside), 0) == [0] * 32
    assert limiter.retry_after([parse("2001:db8:1:0::3")], [0], 1) == [60]
    assert limiter.retry_after([parse("2001:db8:1:ff::1")], [0], SECOND) == [59]
    assert limiter.retry_after([parse("2001:db8:2:ff::1")], [0], SECOND) == [0]
    assert limiter.retry_after([parse("2001:db8:1:fe::1")], [0], WINDOW) == [0]


def test_refused_requests_of_a_network_count_for_the_wider_one() -> None:
    limiter = RateLimiter(2)
    assert limiter.retry_after([parse("2001:db8:1::1")] * 32, [0] * 32, 0) == [0, 0, *[60] * 30]
    assert limiter.retry_after([parse("2001:db8:1:1::1")], [0], 0) == [60]


def test_bytes_of_a_wider_network() -> None:
    limiter = RateLimiter(60)
    inside = [parse(f"2001:db8:1:{network:x}::1") for network in range(WIDE)]
    assert limiter.retry_after(inside, [BUDGET] * WIDE, 0) == [0] * WIDE
    assert limiter.retry_after([parse("2001:db8:1:ff::1")], [1], 0) == [60]
    assert limiter.retry_after([parse("2001:db8:2:ff::1"), parse("1.2.3.4")], [1, 1], 0) == [0, 0]


def test_memory_is_bounded_for_networks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "GENERATION", 1000)
    limiter = RateLimiter(2)
    for number in range(20_000):
        limiter.retry_after([parse(f"2001:{number:x}::1")], [0], number)
    assert len(limiter._young) + len(limiter._old) <= 2002
