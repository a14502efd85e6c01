"""The ids of a node's runs: no two segments of different lines ever have the same name."""

import shutil
from pathlib import Path

import pytest

from prisme.journal.record import PageviewLine
from prisme.store.clickhouse.node import FILE, Node, is_node, open_node
from prisme.store.errors import StoreError
from tests.store.segments import NOW, Store, session


def begin(store: Store, folder: Path) -> Node:
    return open_node(folder, store.database)


def test_each_run_has_an_id_of_its_own_with_the_nodes_name(store: Store, tmp_path: Path) -> None:
    assert not is_node(tmp_path)
    one = begin(store, tmp_path)
    assert is_node(tmp_path)
    two = begin(store, tmp_path)
    assert one.first == two.first == 1
    assert one.id_of(1) != two.id_of(1)
    assert one.id_of(1).partition(".")[0] == two.id_of(1).partition(".")[0]
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_what_is_pending_keeps_the_id_that_it_may_have_been_sent_with(store: Store, tmp_path: Path) -> None:
    one = begin(store, tmp_path)
    store.segment(1, PageviewLine(1, session(1)))
    two = begin(store, tmp_path)
    store.segment(2, PageviewLine(2, session(2)))
    three = begin(store, tmp_path)
    assert (two.first, three.first) == (2, 3)
    assert three.id_of(1) == two.id_of(1) == one.id_of(1)
    assert three.id_of(2) == two.id_of(2)
    assert len({three.id_of(number) for number in (1, 2, 3, 1000)}) == 3
    assert three.id_of(3) == three.id_of(1000)


def test_ids_of_runs_without_pending_segments_are_forgotten(store: Store, tmp_path: Path) -> None:
    begin(store, tmp_path)
    store.load(1, PageviewLine(1, session(1)))
    node = begin(store, tmp_path)
    assert node.first == 2
    assert len((tmp_path / FILE).read_text().splitlines()) == 1


def test_a_copy_shares_the_names_of_pending_segments_alone(store: Store, tmp_path: Path) -> None:
    begin(store, tmp_path)
    store.segment(1, PageviewLine(1, session(1)))
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copytree(store.folder, copy / "journal")
    shutil.copy(tmp_path / FILE, copy)
    twin = Store(copy)
    original, copied = begin(store, tmp_path), begin(twin, copy)
    assert original.id_of(1) == copied.id_of(1)
    assert original.first == copied.first == 2
    assert original.id_of(2) != copied.id_of(2)
    twin.close()


def test_segments_of_before_the_node_have_an_id(store: Store, tmp_path: Path) -> None:
    """They were recorded for DuckDB, and never loaded."""
    store.segment(7, PageviewLine(1, session(1)))
    node = begin(store, tmp_path)
    assert node.first == 8
    assert begin(store, tmp_path).id_of(7) == node.id_of(7)


def test_a_file_with_visits_that_were_never_sent_is_refused(store: Store, tmp_path: Path) -> None:
    store.load(1, PageviewLine(1, session(1)))
    with pytest.raises(StoreError, match=r"prisme\.duckdb has visits, and .*/node is missing"):
        begin(store, tmp_path)
    assert not is_node(tmp_path)
    store.loader.expire(NOW + 10, 0)
    assert store.rows("SELECT count(*) FROM sessions") == [(1,)]  # without a sink, nothing is deleted but devices


@pytest.mark.parametrize("damage", ["x y z\n", "1\n", "one id\n"])
def test_a_damaged_file_is_told(store: Store, tmp_path: Path, damage: str) -> None:
    (tmp_path / FILE).write_text(damage)
    with pytest.raises(StoreError, match="is damaged"):
        begin(store, tmp_path)
