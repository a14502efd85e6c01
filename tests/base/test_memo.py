"""What is remembered, and when it is let go."""

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
