"""Sums in memory and on disk, and which table gives a count."""

import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.imports.figures.sums import MOST_COUNT, Claims, Counts, Key, Sums
from prisme.imports.items import Figure

DAY = datetime.date(2026, 8, 1)
KEYS = st.builds(
    Key,
    st.dates(DAY, datetime.date(2026, 8, 4)),
    st.sampled_from(["a.example", "b.example"]),
    st.sampled_from(["", "path", "city"]),
    st.sampled_from(["", "/", '"\\\n', "café", "\U0001f4ca", "/a,b"]),
)
COUNT = st.none() | st.integers(0, MOST_COUNT)
ROWS = st.lists(st.tuples(KEYS, st.builds(Counts, *[COUNT] * 6)), max_size=60)


def add_up(rows: list[tuple[Key, Counts]], most: int, folder: Path) -> list[Figure]:
    with Sums(folder, most) as sums:
        for key, counts in rows:
            sums.add(key, counts)
        return list(sums.figures())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None)
@given(ROWS)
def test_disk_is_as_memory(tmp_path: Path, rows: list[tuple[Key, Counts]]) -> None:
    """The same sums, in the same order, and no file is left."""
    in_memory = add_up(rows, 1000, tmp_path)
    assert add_up(rows, 3, tmp_path) == in_memory
    assert not list(tmp_path.iterdir())
    assert len({(one.day, one.domain, one.dimension, one.value) for one in in_memory}) == len(in_memory)
    assert sum(one.visitors or 0 for one in in_memory) == sum(counts.visitors or 0 for _, counts in rows)


def test_unknown_counts(tmp_path: Path) -> None:
    """What no row says stays unknown; what one says is known."""
    key = Key(DAY, "example.com")
    rows = [(key, Counts(visitors=1)), (key, Counts(visitors=2, events=0)), (key, Counts(seconds=5))]
    expected = [Figure("example.com", DAY, visitors=3, events=0, seconds=5)]
    assert add_up(rows, 10, tmp_path) == expected
    others = [(Key(DAY, f"{number}.example"), Counts(pageviews=1)) for number in range(9)]
    assert [one for one in add_up([*others, *rows, *others], 4, tmp_path) if one.domain == "example.com"] == expected


def test_memory_is_bounded(tmp_path: Path) -> None:
    """No more keys than allowed are in memory."""
    with Sums(tmp_path, 10) as sums:
        for number in range(1000):
            sums.add(Key(DAY, "example.com", "path", f"/{number % 500}"), Counts(pageviews=1))
            assert len(sums._sums) <= 10
        assert sum(one.pageviews == 2 for one in sums.figures()) == 500


def test_file_goes_with_an_error(tmp_path: Path) -> None:
    """As where the import is interrupted."""
    rows = [(Key(DAY, f"{number}.example"), Counts(1)) for number in range(3)]
    with pytest.raises(TypeError):
        add_up([*rows, (None, None)], 1, tmp_path)  # type: ignore[list-item]
    assert not list(tmp_path.iterdir())


def test_claims() -> None:
    """The first table with a count gives it, also where others gave other counts."""
    claims = Claims()
    assert claims.keep("a", 1, Counts(visitors=1)) == Counts(visitors=1)
    assert claims.keep("a", 2, Counts(visitors=2, sessions=2)) == Counts(sessions=2)
    assert claims.keep("a", 1, Counts(visitors=3, sessions=3)) == Counts(visitors=3)
    assert claims.keep("b", 2, Counts(visitors=4)) == Counts(visitors=4)
