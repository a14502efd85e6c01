"""The ids of a node's runs: no two segments of different lines ever have the same name."""

import shutil
from pathlib import Path

import pytest

from prisme.journal.record import PageviewLine
from prisme.store.clickhouse.node import Node, open_node
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.loader import Loader
from prisme.store.sink import NODE_FILE as FILE
from tests.store.segments import LIMITS, MOST_OPEN, NOW, Store, session


def begin(store: Store, folder: Path) -> Node:
    return open_node(folder, store.database)


def test_each_run_has_an_id_of_its_own_with_the_nodes_name(store: Store, tmp_path: Path) -> None:
    assert not (tmp_path / FILE).exists()
    one = begin(store, tmp_path)
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
    twin = Database(copy / "prisme.duckdb", LIMITS, copy / "tmp")
    original, copied = begin(store, tmp_path), open_node(copy, twin)
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
    assert not (tmp_path / FILE).exists()
    store.loader.expire(NOW + 10, 0)
    assert store.rows("SELECT count(*) FROM sessions") == [(1,)]  # without a sink, nothing is deleted but devices


@pytest.mark.parametrize("damage", ["x y z\n", "1\n", "one id\n"])
def test_a_damaged_file_is_told(store: Store, tmp_path: Path, damage: str) -> None:
    (tmp_path / FILE).write_text(damage)
    with pytest.raises(StoreError, match="is damaged"):
        begin(store, tmp_path)


def test_the_file_of_a_node_is_not_loaded_into_without_its_sink(store: Store, tmp_path: Path) -> None:
    begin(store, tmp_path)
    with pytest.raises(StoreError, match="is of a node that stores its events in ClickHouse"):
        Loader(store.database, MOST_OPEN)
    (tmp_path / FILE).unlink()
    Loader(store.database, MOST_OPEN).close()


def test_numbers_that_come_again_have_another_id(store: Store, tmp_path: Path) -> None:
    """The database was lost, and an old segment is left, or none."""
    (tmp_path / FILE).write_text("1 n.a\n10 n.b\n20 n.c\n")
    store.segment(3, PageviewLine(1, session(1)))
    node = begin(store, tmp_path)
    assert node.first == 4
    assert node.id_of(3) == "n.a"
    assert {node.id_of(number) for number in (4, 10, 20, 30)} == {node.id_of(4)}
    assert node.id_of(4) not in {"n.a", "n.b", "n.c"}
    (store.folder / "000000000003.ndjson").unlink()
    again = begin(store, tmp_path)
    assert again.first == 1
    assert len({again.id_of(number) for number in (1, 10, 20)} | {"n.a", "n.b", "n.c", node.id_of(4)}) == 5
