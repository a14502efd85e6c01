"""Deletes visits, or their events on some paths, in ClickHouse; then imported figures. For one thread at a time.

The visits meant are noted in the table `deletions`, in steps. ClickHouse has no transactions: a step is a number of
mutations, each of one table. So a step is noted as begun, with all that is needed to carry it out, before it changes
anything. If it is interrupted, by an error, a cancellation or a kill, it stays noted, and the next deletion, whatever
it means, carries it out from its beginning: each of its statements can be repeated.

Of a visit that keeps some of its events, the new state is stored before the ones that it replaces are deleted, so that
a state is there at any time. If it begins later than the visit did, both may be counted until then.

A deletion acts on what is stored. Events and states that other nodes send later are not deleted, though they may be of
the same visits, which then are there again, in part: delete once more, after they have come.

On a cluster, where none of this was run: every replica carries out the mutations itself, and the notes have to be on
all of them before. So all replicas have to be there; without one, an error says so, and the step is carried out later.
"""
# Only SQL of `deletion.sql`, of a `Choice`, and names of ours are composed; values are bound.
# ruff: noqa: S608

import contextlib
import importlib.resources
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import duckdb
import msgspec

from prisme.runtime.cancellation import Cancellation
from prisme.store import ended_visits
from prisme.store.clickhouse.changer import ClickHouseChanger
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.clickhouse.readers import Readers
from prisme.store.deletion import Choice, Counts, of_import
from prisme.store.errors import LateError, StoppedError, StoreError, UnavailableError
from prisme.store.load_log import NOTHING
from prisme.store.loader import Loader
from prisme.store.schema import ALL_TABLES, EVENT_TABLES, FIGURES

_TEXT: Final = (importlib.resources.files("prisme.store.clickhouse") / "deletion.sql").read_text()
_SQL: Final[dict[str, str]] = dict(
    re.findall(r"^-- name: (\w+)\n(?:--[^\n]*\n)*(.*?);$", _TEXT, re.MULTILINE | re.DOTALL)
)
# Each replica has the ids of a step in memory several times, of 16 bytes each; with a path, what is left of the visits.
STEP_VISITS: Final = 500_000
# Of a step, and of what comes before the first one. No request waits longer (`wiring/clickhouse.py`).
_DEADLINE: Final = 3600.0  # seconds
_NEWEST: Final = 2**32 - 1  # no state has a higher version
_GOES_ON: Final = "What was begun is completed by the next deletion: repeat this one"
_PARAMETER: Final = re.compile(r"\$(\w+)")


class _Step(NamedTuple):
    """A step of a run. With `of_path`, only the events for which this condition holds are meant."""

    run: str
    number: int
    of_path: str
    parameters: Mapping[str, Any]


class ClickHouseDeletion:
    """The visits that are chosen now, to be deleted within a `with` block."""

    def __init__(self, readers: Readers, loader: Loader, choice: Choice, cancellation: Cancellation) -> None:
        self._readers = readers
        self._loader = loader
        self._choice = choice
        self._cancellation = cancellation
        self._run = secrets.token_hex(8)
        self._open_visits: list[str] = []

    def __enter__(self) -> "ClickHouseDeletion":
        try:
            with self._change() as changer:
                self._sync(changer)
                choose = self._sql("choose", condition=self._choice.condition)
                changer.change(choose, self._used_by(choose) | {"run": self._run, "visits_a_step": STEP_VISITS})
                self._steps = dict[int, int](changer.ask(self._sql("steps"), {"run": self._run}))
                self.visits = sum(self._steps.values())
                self._figures = self._count_figures(changer)
        except BaseException:
            self._drop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def count(self) -> Counts:
        """What `steps` would delete now; of visits that a step of before has in part, perhaps not every event."""
        own = f"SELECT session_uuid FROM {self._notes} WHERE run = $run"
        with self._change() as reader:
            counts = self._count(reader, own, self._choice.of_path, {**self._choice.parameters, "run": self._run})
            for step in self._list_pending(reader):
                others = f"{_visits(self._notes)} AND session_uuid NOT IN ({own.replace('$run', '$own')})"
                counts = _add(counts, self._count(reader, others, step.of_path, _bind(step) | {"own": self._run}))
        return _add(counts, _counts({FIGURES: self._figures}))

    def open_visits(self, active: int, entry: int) -> list[str]:
        """The uuids of those that may be open: with an event after `active`, and begun after `entry` (microseconds)."""
        query = self._sql("open", visits=f"SELECT session_uuid FROM {self._notes} WHERE run = $run")
        with self._change() as reader:
            found = reader.ask(query, {"run": self._run, "active": active, "entry": entry})
        self._open_visits = [uuid for (uuid,) in found]
        return self._open_visits

    def steps(self) -> Iterator[tuple[int, Counts]]:
        """Delete. Gives, after each step, how many visits it was about and what it deleted.

        Those that earlier deletions have begun come first. The node's own rows of visits that `open_visits` gave are
        deleted before, so that none goes on after a restart.
        """
        self._forget_open()
        with self._change() as changer:
            pending = self._list_pending(changer)
        for step in pending:
            yield 0, self._delete(step)
        for number, visits in self._steps.items():
            yield visits, self._delete(self._begin(number))
        if self._figures:
            yield 0, self._delete_figures()

    def _forget_open(self) -> None:
        if self._open_visits:
            try:
                with self._loader.hold() as held, held.transaction(NOTHING) as cursor:
                    ended_visits.forget(cursor, self._open_visits)
            except duckdb.Error as error:
                cause = str(error).partition("\n")[0]
                raise StoreError(f"the database of this node cannot be changed now: {cause}") from error

    def _begin(self, number: int) -> _Step:
        """Note that a step is begun: from here on it will be completed."""
        used = self._used_by(self._choice.of_path or "")
        step = _Step(self._run, number, self._choice.of_path or "", used)
        encoded = msgspec.json.encode(used).decode()
        with self._change() as changer:
            changer.change(
                self._sql("begin"),
                {"run": step.run, "step": number, "of_path": step.of_path, "parameters": encoded},
            )
        return step

    def _list_pending(self, reader: ClickHouseReader) -> list[_Step]:
        """The steps that other deletions have begun."""
        rows = reader.ask(self._sql("pending"), {"run": self._run})
        return [_Step(run, number, path, msgspec.json.decode(used)) for run, number, path, used in rows]

    def _delete(self, step: _Step) -> Counts:
        """Carry out a step, from its beginning."""
        with self._change() as changer:
            self._sync_notes(changer)
            rows = {table: self._delete_events(changer, table, step) for table in EVENT_TABLES}
            rows["sessions"], changed = self._delete_visits(changer, step)
            changer.change(self._sql("drop", run=step.run, step=step.number), {})
        return _counts(rows, changed)

    def _delete_events(self, changer: ClickHouseChanger, table: str, step: _Step) -> int:
        texts = {"table": self._readers.place.table(table), "visits": _visits(self._notes)}
        texts["path"] = step.of_path or "true"
        ((count, lowest, highest),) = changer.ask(self._sql("count_events", **texts), _bind(step))
        if count:
            bounds = {"lowest": lowest, "highest": highest}
            changer.change(self._sql("delete_events", **texts), _bind(step) | bounds)
        return int(count)

    def _delete_visits(self, changer: ClickHouseChanger, step: _Step) -> tuple[int, int]:
        """Delete visits, or renew those that keep an event. Gives how many were deleted, and how many renewed."""
        visits, key = _visits(self._notes), _bind(step)
        count = self._sql("count_visits", visits=visits)
        ((count, lowest, highest, version),) = changer.ask(count, key, {"final": 0})
        if not count:
            return 0, 0
        left = 0
        if step.of_path:
            ((left,),) = changer.ask(self._sql("count_left", visits=visits, path="false"), key)
            if left:
                changer.change(self._sql("renew", visits=visits), key | {"version": version + 1})
        bounds = {"lowest": lowest, "highest": highest, "version": version if left else _NEWEST}
        changer.change(self._sql("delete_states", visits=visits), key | bounds)
        return max(count - left, 0), left

    def _delete_figures(self) -> Counts:
        """One step, without notes: repeated, it deletes those that are left."""
        statement = self._sql("delete_figures", condition=self._choice.of_figure or "false")
        with self._change() as changer:
            count = self._count_figures(changer)
            changer.change(statement, self._used_by(statement))
        return _counts({FIGURES: count})

    def _count_figures(self, reader: ClickHouseReader) -> int:
        query = self._sql("count_figures", condition=self._choice.of_figure or "false")
        return int(reader.ask(query, self._used_by(query))[0][0])

    def _count(self, reader: ClickHouseReader, visits: str, path: str | None, parameters: Mapping[str, Any]) -> Counts:
        """What would be deleted of visits, which a query gives."""

        def ask(name: str, **texts: str) -> int:
            query = self._sql(name, visits=visits, path=path or "true", **texts)
            return int(reader.ask(query, _select(query, parameters))[0][0])

        rows = {table: ask("count_events", table=self._readers.place.table(table)) for table in EVENT_TABLES}
        changed = ask("count_left") if path else 0
        return _counts(rows | {"sessions": ask("count_visits") - changed}, changed)

    def _sync(self, changer: ClickHouseChanger) -> None:
        """Have this host see what is stored on all others."""
        if self._readers.place.cluster:
            for table in ALL_TABLES:
                changer.change(f"SYSTEM SYNC REPLICA {self._readers.place.table(table)}", {})
            self._sync_notes(changer)

    def _sync_notes(self, changer: ClickHouseChanger) -> None:
        """Have all hosts see the notes, as each looks into them for itself."""
        if cluster := self._readers.place.cluster:
            changer.change(f"SYSTEM SYNC REPLICA ON CLUSTER '{cluster}' {self._notes}", {})

    def _drop(self) -> None:
        """Drop the notes of steps that were not begun; if that fails, a deletion on another day does."""
        with contextlib.suppress(StoreError, UnavailableError), self._open(Cancellation()) as changer:
            for run, step in changer.ask(self._sql("remains"), {"run": self._run}):
                changer.change(self._sql("drop", run=run, step=step), {})

    @property
    def _notes(self) -> str:
        return self._readers.place.table("deletions")

    def _sql(self, name: str, **texts: object) -> str:
        return _SQL[name].format(database=self._readers.place.database, **texts)

    def _used_by(self, query: str) -> dict[str, Any]:
        return _select(query, self._choice.parameters)

    def _open(self, cancellation: Cancellation) -> ClickHouseChanger:
        return ClickHouseChanger(self._readers, _DEADLINE, cancellation=cancellation)

    @contextlib.contextmanager
    def _change(self) -> Iterator[ClickHouseChanger]:
        """A changer until the deadline. Its errors say what an operator is to do."""
        with explaining(), self._open(self._cancellation) as changer:
            yield changer


def forget_import(readers: Readers, loader: Loader, name: str) -> None:
    """Delete the row of an import, once its visits and figures are deleted, and what came of them since."""
    with ClickHouseDeletion(readers, loader, of_import(name), Cancellation()) as left:
        for _ in left.steps():
            pass
    statement = _SQL["forget_import"].format(database=readers.place.database)
    with explaining(), ClickHouseChanger(readers, _DEADLINE) as changer:
        changer.change(statement, {"name": name})


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """Have errors say what an operator is to do, but those of a server that stops."""
    try:
        yield
    except StoppedError:
        raise
    except LateError as error:
        text = f"ClickHouse was not done within {_DEADLINE / 3600:g} h, and perhaps goes on. {_GOES_ON} then"
        raise StoreError(text) from error
    except (StoreError, UnavailableError) as error:
        raise StoreError(f"{error}. {_GOES_ON}") from error


def _visits(notes: str) -> str:
    """A query of the visits of a step."""
    return f"SELECT session_uuid FROM {notes} WHERE run = $run AND step = $step"


def _bind(step: _Step) -> dict[str, Any]:
    return {**step.parameters, "run": step.run, "step": step.number}


def _select(query: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a query names."""
    return {name: parameters[name] for name in _PARAMETER.findall(query) if name in parameters}


def _counts(rows: Mapping[str, int], changed: int = 0) -> Counts:
    return Counts({table: rows.get(table, 0) for table in ALL_TABLES}, changed)


def _add(one: Counts, other: Counts) -> Counts:
    return _counts({table: one.rows[table] + other.rows[table] for table in ALL_TABLES}, one.changed + other.changed)
