"""Lines of several files come in the order of time, with few of them in memory and few files open."""

import random
from collections.abc import Iterator

from prisme.imports.logs.line import LogLine
from prisme.imports.logs.merge import merge, reorder


def make_line(at: int, target: str = "/") -> LogLine:
    """A line of a moment."""
    return LogLine(at, "203.0.113.7", "", "GET", target, 200)


def test_lines_within_the_window_are_ordered() -> None:
    chance = random.Random(3)
    lines = [make_line(at * 10 + chance.randrange(1000)) for at in range(3000)]
    assert list(reorder(lines, 1000)) == sorted(lines, key=lambda line: line.at)


def test_lines_of_the_same_time_keep_their_order() -> None:
    lines = [make_line(5, str(number)) for number in range(100)]
    assert list(reorder(lines)) == lines


def test_a_line_that_is_too_late_comes_late() -> None:
    assert [line.at for line in reorder(map(make_line, [100, 200, 300, 5, 301]), 50)] == [100, 200, 5, 300, 301]


def test_few_lines_wait() -> None:
    read = 0

    def count() -> Iterator[LogLine]:
        nonlocal read
        for at in range(10_000):
            read += 1
            yield make_line(at)

    ahead = max(read - line.at for line in reorder(count(), 10**9, 50))
    assert ahead == 51


def test_files_are_opened_when_their_time_has_come() -> None:
    day = 86_400 * 1_000_000
    opened: list[int] = []

    def read(source: int) -> Iterator[LogLine]:
        opened.append(source)
        yield from (make_line(source * day + hour * day // 24, str(source)) for hour in range(24))

    sources = [3, 1, 2, 0]
    seen = [(source, line.at, len(opened)) for source, line in merge(sources, [one * day for one in sources], read)]
    assert [at for _, at, _ in seen] == sorted(at for _, at, _ in seen)
    assert len(seen) == 96
    assert opened == [0, 1, 2, 3]
    assert all(count <= source + 2 for source, _, count in seen)


def test_few_long_lines_wait() -> None:
    read = 0

    def count() -> Iterator[LogLine]:
        nonlocal read
        for at in range(200):
            read += 1
            yield make_line(at, "/" * 1_000_000)

    assert max(read - line.at for line in reorder(count(), 10**9)) <= 30
