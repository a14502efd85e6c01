"""A limit on the memory of this process, for a while."""

import resource
import sys
import threading

import pytest

from prisme.runtime.memory_ceiling import memory_ceiling

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
MB = 1 << 20


def limit() -> int:
    return resource.getrlimit(resource.RLIMIT_DATA)[0]


def test_large_allocations_fail_and_small_ones_do_not() -> None:
    before = limit()
    with memory_ceiling(300 * MB):
        assert len(bytearray(100 * MB)) == 100 * MB
        with pytest.raises(MemoryError):
            bytearray(400 * MB)
        assert len(bytearray(100 * MB)) == 100 * MB
    assert limit() == before
    assert len(bytearray(400 * MB)) == 400 * MB


def test_it_holds_until_the_last_block_ends() -> None:
    before = limit()
    is_inside, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with memory_ceiling(300 * MB):
            is_inside.set()
            may_end.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    is_inside.wait(10)
    with memory_ceiling(1000 * MB):
        lowered = limit()
    assert limit() == lowered != before
    may_end.set()
    other.join()
    assert limit() == before


def test_a_lower_limit_stays() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory_ceiling(300 * MB):
        now = limit()
    resource.setrlimit(resource.RLIMIT_DATA, (now, before[1]))
    try:
        with memory_ceiling(1 << 50):
            assert limit() == now
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
