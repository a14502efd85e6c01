"""The list of imports on the way into ClickHouse, where imports of other folders may have the same names."""
# Names of ours are composed.
# ruff: noqa: S608

import hashlib
import itertools
from collections.abc import Collection, Sequence
from typing import Final

import duckdb
import msgspec

from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.sink import INSERT_SETTINGS
from prisme.store.clickhouse.tables import Place
from prisme.store.errors import StoreError
from prisme.store.move_chunks import Chunk
from prisme.store.move_state import FILE, MoveState
from prisme.store.moved_tables import TEXTS, TIMES_OF_IMPORTS, Compared, Sums, read_imports

_THERE: Final = f"""
SELECT {", ".join(TEXTS)}, {", ".join(f"toUnixTimestamp64Micro({name})" for name in TIMES_OF_IMPORTS)}, node
FROM {{table}} FINAL
"""
_DELETE: Final = """
ALTER TABLE {table} DELETE
WHERE node = {{node:String}} AND name IN {{names:Array(String)}}
"""
_encode: Final = msgspec.json.Encoder().encode
_Row = tuple[object, ...]


def choose_names(cursor: duckdb.DuckDBPyConnection, client: Client, place: Place, state: MoveState) -> None:
    """Choose the names in ClickHouse of imports that have none there. Raises StoreError if one is there already."""
    new = [row for row in read_imports(cursor) if row[0] not in state.names]
    if not new:
        return
    there = read_list(client, place)
    taken = {str(row[0]) for row in there} | {*state.names.values()}
    known = {_identify(row) for row in there if row[-1] != state.id}
    for row in new:
        own = str(row[0])
        if _identify(row) in known:
            raise StoreError(
                f"the database {place.database} in ClickHouse has the import {own} of this folder already, by a move "
                f"whose file {FILE} is not here any more: put it back, or move into another database "
                "(clickhouse_database)"
            )
        other = own if own not in taken else _next_name(str(row[1]), taken)
        taken.add(other)
        state.call(own, other)


def send(cursor: duckdb.DuckDBPyConnection, client: Client, place: Place, state: MoveState) -> None:
    """Have the list in ClickHouse as it is here. Raises as `choose_names` does."""
    choose_names(cursor, client, place, state)
    here = {state.names[str(row[0])]: row for row in read_imports(cursor)}
    there = {str(row[0]): row[:-1] for row in read_list(client, place) if row[-1] == state.id}
    undone = [other for other in there if other not in here]
    if undone:
        client.execute(
            _DELETE.format(table=place.table("imports")), {"node": state.id, "names": undone}, {"mutations_sync": 2}
        )
    changed = [(other, *row[1:]) for other, row in here.items() if there.get(other) != (other, *row[1:])]
    if changed:
        rows = b"\n".join(_encode(_write(row, state.id)) for row in changed)
        client.insert(place.table("imports"), rows, "JSONEachRow", INSERT_SETTINGS)
    for own in [own for own, other in state.names.items() if other not in here]:
        state.forget(own)


def compare(cursor: duckdb.DuckDBPyConnection, client: Client, place: Place, state: MoveState) -> Compared:
    """The list in both."""
    here = [(state.names.get(str(row[0]), row[0]), *row[1:]) for row in read_imports(cursor)]
    there = [row[:-1] for row in read_list(client, place) if row[-1] == state.id]
    return Compared("imports", "", sum_list(here), sum_list(there))


def mark(client: Client, place: Place, node: str, chunk: Chunk) -> None:
    """Note that a chunk is stored, so that figures that were counted before are not shown any more."""
    row = {"node": node, "number": chunk.number, "events": chunk.rows, "rejected": 0}
    client.insert(place.table("segments"), _encode(row), "JSONEachRow", INSERT_SETTINGS)


def read_list(client: Client, place: Place) -> list[_Row]:
    """The list there, with times in microseconds, and the node as the last column. Raises StoreError."""
    return list(client.query(_THERE.format(table=place.table("imports"))))


def _identify(row: _Row) -> tuple[object, ...]:
    """What an import keeps under another name: its source, and when it was begun."""
    return row[2], row[len(TEXTS)]


def _next_name(form: str, taken: Collection[str]) -> str:
    return next(name for number in itertools.count(1) if (name := f"{form}-{number}") not in taken)


def _write(row: _Row, node: str) -> dict[str, object]:
    texts, times = row[: len(TEXTS)], row[len(TEXTS) :]
    at = {name: None if time is None else str(time) for name, time in zip(TIMES_OF_IMPORTS, times, strict=True)}
    return {**dict(zip(TEXTS, texts, strict=True)), **at, "node": node}


def sum_list(rows: Sequence[_Row]) -> Sums:
    """The sums of a list of imports."""
    text = repr(sorted(rows, key=repr)).encode()
    return Sums(len(rows), content=hashlib.md5(text, usedforsecurity=False).hexdigest())
