"""What a node is called in ClickHouse: an id for each run, kept in the file `node` of its data folder.

A row names the segment that brought it by the node and the segment's number, and ClickHouse stores a segment of that
name once. So no two segments may ever have the same name: the second one would be lost. Numbers alone do not rule that
out: they begin again where `prisme.duckdb` was lost or an old one restored, and a copy of the folder goes on with the
same ones. So an id is random, has a part that is new with each start, and is of the segments of that run only. Those
that an earlier run left have its id: if a folder is copied, both nodes send what was pending under the same names, and
ClickHouse stores it once; what they record from then on has other names.
"""
# Only names of tables of ours are composed.
# ruff: noqa: S608

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from prisme.journal.segment import leftovers
from prisme.runtime.disk import DISK, Disk
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.schema import ALL_TABLES
from prisme.store.sink import NODE_FILE

_NODE_BYTES: Final = 6
_RUN_BYTES: Final = 4


class Run(NamedTuple):
    """The id of all segments from the number `first` on, up to those of the next run."""

    first: int
    id: str


class Node:
    """The runs of a node that may have segments pending. `first` is the number of the first segment of this run."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = sorted(runs)
        self.first = self._runs[-1].first

    def id_of(self, number: int) -> str:
        """The id of the run that wrote a segment."""
        place = bisect_right(self._runs, number, key=lambda run: run.first)
        return self._runs[max(place - 1, 0)].id


def open_node(folder: Path, database: Database, disk: Disk = DISK, random: Callable[[int], bytes] = os.urandom) -> Node:
    """Begin a run: before any segment is loaded, and any new one written.

    Raises StoreError, also if the folder's database has visits though its rows were never sent to ClickHouse.
    """
    path = folder / NODE_FILE
    pending = [segment.number for segment in leftovers(folder / "journal")[0]]
    first = max([_last_loaded(database), *pending]) + 1
    try:
        earlier = _read(path)
        if not earlier:
            _refuse_visits(database, path)
        node = earlier[0].id.partition(".")[0] if earlier else random(_NODE_BYTES).hex()
        runs = [*_left(earlier, min(pending, default=first), first), Run(first, f"{node}.{random(_RUN_BYTES).hex()}")]
        if not earlier and pending:
            runs.insert(0, Run(0, runs[-1].id))  # of when the events were stored here alone
        _write(path, runs, disk)
    except OSError as error:
        raise StoreError(f"{path} cannot be read or written: {error.strerror}") from error
    return Node(runs)


def found_node(folder: Path, last: int, disk: Disk = DISK, random: Callable[[int], bytes] = os.urandom) -> None:
    """Make a folder one of a node, all of whose visits are in ClickHouse; `last` is the highest number of a segment.

    Raises StoreError.
    """
    path = folder / NODE_FILE
    try:
        _write(path, [Run(last + 1, f"{random(_NODE_BYTES).hex()}.{random(_RUN_BYTES).hex()}")], disk)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


def _last_loaded(database: Database) -> int:
    with database.cursor() as cursor:
        ((number,),) = cursor.execute("SELECT coalesce(max(number), 0) FROM state.segments").fetchall()
    return int(number)


def _refuse_visits(database: Database, path: Path) -> None:
    """Raise for a database that has rows: nobody has sent them, and they would be deleted as the visits end."""
    with database.cursor() as cursor:
        if not any(cursor.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall() for table in ALL_TABLES):
            return
    raise StoreError(
        f"{path.with_name('prisme.duckdb')} has visits, and {path} is missing: if these visits are not in ClickHouse, "
        "move them there (`prisme move clickhouse`), or store in DuckDB again; if this was a node of ClickHouse "
        f"before, put its {path.name} back"
    )


def _left(runs: list[Run], lowest: int, first: int) -> list[Run]:
    """The runs that segments from the number `lowest` on, and before `first`, may be of.

    Numbers may begin again at lower ones than earlier runs had.
    """
    ends = [*(run.first for run in runs[1:]), first]
    return [run for run, end in zip(runs, ends, strict=False) if run.first < min(end, first) and lowest < end]


def _read(path: Path) -> list[Run]:
    try:
        lines = path.read_text().splitlines()
        return sorted(Run(int(number), name) for number, name in (line.split() for line in lines))
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise StoreError(
            f"{path} is damaged: restore it from a backup, or, if there are no files in the journal, delete it along "
            "with prisme.duckdb"
        ) from error


def _write(path: Path, runs: list[Run], disk: Disk) -> None:
    new = path.with_name(f"{path.name}.new")
    file = disk.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(file, "".join(f"{run.first} {run.id}\n" for run in runs).encode())
        disk.fsync(file)
    finally:
        os.close(file)
    disk.replace(new, path)
    disk.sync_folder(path.parent)
