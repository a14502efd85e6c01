"""The cache that the others are made of: what is evicted, and who waits for whom."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prisme.stats.cache.lru import LruCache
from prisme.stats.cache.responses import ResponseCache
from prisme.stats.cache.sites import SiteCache, Sites
from tests.server import wait_until


def test_the_least_recently_used_values_are_evicted() -> None:
    cache: LruCache[str] = LruCache(10)
    for key in "abc":
        cache.put(key, key.upper(), 3)
    assert cache.evict() == []
    assert cache.get("a") == "A"
    cache.put("d", "D", 3)
    assert cache.evict() == ["B"]
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_a_value_replaces_the_one_before_with_its_size() -> None:
    cache: LruCache[str] = LruCache(10)
    cache.put("a", "large", 9)
    cache.put("a", "small", 1)
    cache.put("b", "other", 9)
    assert cache.evict() == []
    cache.remove("b")
    cache.remove("b")
    cache.put("c", "too large", 11)
    assert cache.evict() == ["too large"]
    assert cache.evict() == []
    assert cache.get("a") == "small"


def test_only_what_is_too_large_is_evicted_for_it() -> None:
    cache: LruCache[str] = LruCache(10)
    cache.put("a", "A", 9)
    cache.put("b", "too large", 11)
    cache.put("b", "smaller", 1)
    assert cache.evict() == []
    cache.put("c", "too large", 11)
    cache.put("d", "too large", 12)
    assert sorted(cache.evict()) == ["too large", "too large"]
    assert [cache.get(key) for key in "abcd"] == ["A", "smaller", None, None]


def test_the_number_of_values_is_limited() -> None:
    cache: LruCache[str] = LruCache(100, 3)
    for key in "abcde":
        cache.put(key, key.upper(), 1)
    assert cache.evict() == ["A", "B"]
    assert [cache.get(key) for key in "abcde"] == [None, None, "C", "D", "E"]


def test_a_key_is_reserved_by_one_thread_at_a_time() -> None:
    cache: LruCache[int] = LruCache(100)
    computed = []

    def find(key: int) -> int | None:
        with cache.reserve(key % 2):
            if cache.get(key % 2) is None:
                computed.append(key % 2)
                cache.put(key % 2, key, 1)
            return cache.get(key % 2)

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(find, range(200)))
    assert sorted(computed) == [0, 1]
    assert len(found) == 2


def test_other_keys_are_free_while_one_is_reserved() -> None:
    cache: LruCache[int] = LruCache(100)
    with ThreadPoolExecutor(1) as threads, cache.reserve("a"):
        assert threads.submit(_put, cache, "b").result(10) == 1
        waiting = threads.submit(_put, cache, "a")
        with pytest.raises(TimeoutError):
            waiting.result(0.1)
        cache.put("c", 2, 1)  # the lock itself is free
    assert waiting.result(10) == 1


def test_a_thread_waits_only_so_long_for_a_reservation() -> None:
    cache: LruCache[int] = LruCache(100)

    def try_to_reserve() -> bool:
        with cache.reserve("a", 0.05) as is_free:
            return is_free

    with ThreadPoolExecutor(1) as threads:
        with cache.reserve("a"):
            assert not threads.submit(try_to_reserve).result(10)
            assert not threads.submit(try_to_reserve).result(10)  # still reserved
        assert threads.submit(try_to_reserve).result(10)


def test_nobody_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes another thread long is computed without the cache."""
    for name in ("responses", "sites"):
        monkeypatch.setattr(f"prisme.stats.cache.{name}.PATIENCE", 0.05)
    responses, sites, done = ResponseCache(lambda: 0), SiteCache(), threading.Event()

    def find_slowly() -> bytes:
        return responses.find("a", lambda: b"first" if done.wait(10) else b"")

    def list_slowly() -> Sites:
        return sites.find("a", lambda: [("first", 1)] if done.wait(10) else [])

    with ThreadPoolExecutor(2) as threads:
        found, listed = threads.submit(find_slowly), threads.submit(list_slowly)
        try:
            wait_until(lambda: responses._responses._reserved and sites._listed._reserved, "both to be reserved")
            assert responses.find("a", lambda: b"second") == b"second"
            assert sites.find("a", lambda: [("second", 2)]) == [("second", 2)]
        finally:
            done.set()
        assert (found.result(10), listed.result(10)) == (b"first", [("first", 1)])


def test_an_error_ends_a_reservation() -> None:
    cache: LruCache[int] = LruCache(100)
    with pytest.raises(ValueError, match="no"), cache.reserve("a"):
        raise ValueError("no")
    done = threading.Event()
    with cache.reserve("a"):
        done.set()
    assert done.is_set()


def _put(cache: LruCache[int], key: str) -> int | None:
    with cache.reserve(key):
        cache.put(key, 1, 1)
        return cache.get(key)
