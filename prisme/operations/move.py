"""Moves all events from the data folder into ClickHouse, or back: copies them while the server runs, and compares.

A run copies what is new or has changed since the last one. `finish` has the data folder store there from then on.
"""

import contextlib
import datetime
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from prisme.access import audit
from prisme.access.grants import Grant
from prisme.base import timexpr
from prisme.base.errors import InputError
from prisme.journal.segment import leftovers
from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.stats import sources
from prisme.store import snapshot
from prisme.store.errors import StoreError, UnavailableError
from prisme.store.move_state import FILE as STATE
from prisme.store.move_state import MoveState
from prisme.store.moved_tables import Compared, Comparison
from prisme.store.new_file import FILE, NewFile, discard
from prisme.store.node_database import check_kept, leave_open_visits
from prisme.store.sink import NODE_FILE
from prisme.visit.sessions import LONGEST

if TYPE_CHECKING:
    from prisme.store.clickhouse.client import Client
    from prisme.store.clickhouse.move_in import Moved
    from prisme.store.clickhouse.tables import Place

# Of a request: of a large table, all rows are read to compare them.
_TIMEOUT: Final = 3600.0  # seconds
# For a few slices as Parquet, and what does not fit in memory.
_MARGIN: Final = 256 << 20  # bytes
# A file of DuckDB's, in times of what ClickHouse has for the same rows.
_FACTOR: Final = 3

Target = Literal["clickhouse", "duckdb"]


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """Where the events go. `finish` only without a server. `by` is whom the audit log names."""

    target: Target
    finish: bool = False
    by: str = "cli"


class Changed(msgspec.Struct):
    """Days of a table, both included, that were not compared, as they have changed since they were copied."""

    table: str
    first: datetime.date
    last: datetime.date


class Done(msgspec.Struct):
    """Rows that were copied now, and that were deleted there first, as they had changed; and what the comparison says.

    `is_finished`: the data folder stores there now; `kept` is its complete file of before, of `kept_bytes`.
    """

    copied: int
    deleted: int
    months: list[Compared]
    changed: list[Changed]
    is_finished: bool = False
    kept: str = ""
    kept_bytes: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether all that was compared is equal."""
        return all(one.is_equal for one in self.months)


def run(context: Context, arguments: Arguments, job: Job) -> Done:
    """Copy, compare, and with `finish` change over where all is equal. Raises InputError and StoreError."""
    _check(context, arguments)
    job.tell("storing events")
    context.settle()
    try:
        with _connected(context, job) as (client, place):
            work = _move_in if arguments.target == "clickhouse" else _move_out
            done = work(context, client, place, arguments.finish, job)
    except (StoreError, UnavailableError):
        job.check()  # it may have failed because it was cancelled
        raise
    _audit(context, arguments, done)
    return done


def _check(context: Context, arguments: Arguments) -> None:
    here = context.config.eventstore
    if arguments.target == here:
        if here == "clickhouse":
            raise InputError(
                "eventstore is clickhouse: to move into ClickHouse what this folder has, set eventstore = duckdb until "
                "all is moved, and the other options of ClickHouse"
            )
        raise InputError(
            "eventstore is duckdb: to move events out of ClickHouse, run this with the configuration of a node that "
            "has eventstore = clickhouse"
        )
    if arguments.finish and context.is_online:
        raise InputError("a server uses this folder: stop it, run this again, then start it with the new eventstore")
    if not context.config.clickhouse_url:
        whose = "the server has" if context.is_online else "there is"
        raise InputError(
            f"{whose} no clickhouse_url: set it, and the options beside it, but leave eventstore = duckdb"
            f"{', and restart the server' if context.is_online else ''}"
        )


@contextlib.contextmanager
def _connected(context: Context, job: Job) -> Iterator[tuple["Client", "Place"]]:
    # Its client is an extra.
    from prisme.store.clickhouse.cancellable_client import CancellableClient
    from prisme.store.clickhouse.tables import Place

    client = CancellableClient(context.config, _TIMEOUT, job.cancellation)
    try:
        yield client, Place(context.config.clickhouse_database, context.config.clickhouse_cluster)
    finally:
        client.close()


def _move_in(context: Context, client: "Client", place: "Place", finish: bool, job: Job) -> Done:
    from prisme.store.clickhouse.move_in import MoveIn, Parts
    from prisme.store.clickhouse.node import found_node

    _check_room(context, _MARGIN)
    if finish:
        check_kept(context.folder)
    state = MoveState(context.folder)
    parts = Parts(
        context.database,
        client,
        place,
        sources.describe,
        context.folder / "tmp",
        context.clock,
        job.cancellation,
        job.tell,
    )
    move = MoveIn(parts, state)
    done = _describe(move.run(), move.compare())
    if finish and done.is_equal and not done.changed:
        job.tell("changing over")
        now = context.clock()
        ttl = int(context.config.sessionstorage_session_inactive_ttl * timexpr.SECOND)
        kept, done.kept_bytes = leave_open_visits(
            context.loader, context.folder, now - ttl, now - LONGEST, lambda last: found_node(context.folder, last)
        )
        state.remove()
        done.kept, done.is_finished = str(kept), True
    return done


def _move_out(context: Context, client: "Client", place: "Place", finish: bool, job: Job) -> Done:
    from prisme.store.clickhouse.move_out import MoveOut, measure

    path = context.folder / FILE
    there = path.stat().st_size if path.exists() else 0
    _check_room(context, max(_FACTOR * measure(client, place) - there, 0) + _MARGIN)
    with contextlib.closing(NewFile(context.folder)) as file:
        move = MoveOut(client, place, file, job.tell)
        done = _describe(move.run(), move.compare())
        if finish and done.is_equal and not done.changed:
            if leftovers(context.folder / "journal")[0]:
                raise StoreError("the journal has events that are not in ClickHouse yet: try again")
            job.tell("changing over")
            # What an end of a move into ClickHouse has left that was killed: its rows were not all of the folder's.
            (context.folder / STATE).unlink(missing_ok=True)
            file.put(context.loader)
            snapshot.remove(context.folder / NODE_FILE)
            done.is_finished = True
    if done.is_finished:
        discard(context.folder)
    return done


def _describe(moved: "Moved", comparison: Comparison) -> Done:
    changed = [Changed(*one) for one in comparison.changed]
    return Done(moved.sent, moved.deleted, comparison.months, changed)


def _check_room(context: Context, needed: int) -> None:
    reserved = context.config.min_free_space if context.is_online else 0
    free = shutil.disk_usage(context.folder).free
    if free < needed + reserved:
        kept = f", and {reserved / 1e6:,.0f} MB have to stay free (min_free_space)" if reserved else ""
        raise InputError(
            f"a move needs up to {needed / 1e6:,.0f} MB in {context.folder}{kept}: {free / 1e6:,.0f} MB are free"
        )


def _audit(context: Context, arguments: Arguments, done: Done) -> None:
    what = "finished" if done.is_finished else "copied" if done.is_equal else "copied, and it differs"
    by = Grant(arguments.by, "", frozenset(), ())
    with context.control.change() as connection:
        audit.record(
            connection,
            context.clock() // timexpr.SECOND,
            by,
            "data.move",
            arguments.target,
            f"{what}, {done.copied} rows",
        )
