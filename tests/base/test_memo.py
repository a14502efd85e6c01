"""What is remembered, and when it is let go."""

import pytest

from prisme.base.memo import Memo


def test_makes_each_once_until_there_are_too_many() -> None:
    made: list[int] = []

    def make(key: int) -> int | None:
        made.append(key)
        return None if key == 2 else -key

    memo = Memo(make, 3)
    assert [memo[key] for key in (1, 2, 3, 1, 2, 3)] == [-1, None, -3, -1, None, -3]
    assert made == [1, 2, 3]
    assert memo[4] == -4
    assert len(memo) == 1
    assert [memo[1], memo[4]] == [-1, -4]
    assert made == [1, 2, 3, 4, 1]


@pytest.mark.parametrize(("length", "times"), [(0, 1), (4, 1), (5, 2)])
def test_long_keys_are_not_remembered(length: int, times: int) -> None:
    made: list[bytes] = []

    def make(key: bytes) -> int:
        made.append(key)
        return len(key)

    memo = Memo(make, 3, longest=4)
    key = b"x" * length
    assert [memo[key], memo[key]] == [length, length]
    assert made == [key] * times
    assert list(memo) == ([key] if times == 1 else [])


def test_long_keys_take_nobodys_place() -> None:
    memo = Memo(len, 2, longest=4)
    short = [memo[key] for key in ("a", "bb")]
    assert [memo["x" * length] for length in (5, 6, 7)] == [5, 6, 7]
    assert (short, dict(memo)) == ([1, 2], {"a": 1, "bb": 2})
