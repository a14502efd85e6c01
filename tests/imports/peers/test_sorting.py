"""Sorts rows in runs."""

import random
from pathlib import Path

import pytest

from prisme.imports.peers import sorting
from prisme.imports.peers.sorting import Sorter, number_key, text_key


@pytest.mark.parametrize("run_bytes", [1, 200, 1 << 20])
def test_rows_come_in_order_however_many_runs_they_take(
    tmp_path: Path, run_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "_RUN_BYTES", run_bytes)
    monkeypatch.setattr(sorting, "_MOST_RUNS", 7)
    rows = [(f"é{number % 50}\t\n", number * 1000) for number in range(500)]
    shuffled = random.Random(1).sample(rows, len(rows))
    with Sorter(tmp_path) as sorter:
        for text, number in shuffled:
            assert sorter.add((text_key(text), number_key(number)), b'{"a":"\\t"}')
        found = list(sorter.take(2))
    assert found == sorted([text_key(text), number_key(number), b'{"a":"\\t"}'] for text, number in rows)
    assert list(tmp_path.iterdir()) == []


def test_the_same_key_stays_together_beside_longer_ones(tmp_path: Path) -> None:
    with Sorter(tmp_path) as sorter:
        for text in ("a", "ab", "a", "a b", ""):
            sorter.add((text_key(text), number_key(0)), b"")
        assert [row[0] for row in sorter.take(2)] == [b"", b"a", b"a", b"a b", b"ab"]


def test_a_row_that_is_too_long_is_not_taken(tmp_path: Path) -> None:
    with Sorter(tmp_path) as sorter:
        assert not sorter.add((b"a",), b"x" * ((4 << 20) + 1))
        assert list(sorter.take(1)) == []
