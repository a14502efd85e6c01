"""What is remembered, and when it is let go."""

import pytest

from prisme.base.memo import Memo, UrlMemo


def test_makes_each_once_until_there_are_too_many() -> None:
    made: list[str] = []

    def make(key: str) -> str | None:
        made.append(key)
        return None if key == "b" else key.upper()

    memo = Memo(make, 3)
    assert [memo[key] for key in "abcabc"] == ["A", None, "C", "A", None, "C"]
    assert made == ["a", "b", "c"]
    assert memo["d"] == "D"
    assert len(memo) == 1
    assert [memo["a"], memo["d"]] == ["A", "D"]
    assert made == ["a", "b", "c", "d", "a"]


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
    def measure(key: str) -> int:
        return len(key)

    memo = Memo(measure, 2, longest=4)
    short = [memo[key] for key in ("a", "bb")]
    assert [memo["x" * length] for length in (5, 6, 7)] == [5, 6, 7]
    assert (short, dict(memo)) == ([1, 2], {"a": 1, "bb": 2})


@pytest.mark.parametrize("url", [b"https://a/?secret", b"https://a/#secret", b"https://secret@a/", b"secret"])
def test_urls_are_remembered_without_what_may_be_secret(url: bytes) -> None:
    made: list[bytes] = []

    def make(key: bytes) -> int:
        made.append(key)
        return len(key)

    memo = UrlMemo(make, 2)
    for _ in range(2):
        assert memo[url] == len(url)
    assert made == [url]
    assert (b"secret" in b"".join(memo)) is (url == b"secret")
    for number in range(5):
        memo[url + b"%d" % number]
        assert len(memo) <= 2
