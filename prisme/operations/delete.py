"""Deletes visits and imported figures by site, visitor and time, or what happened on some paths."""

import datetime
from collections.abc import Callable
from typing import Final

import msgspec

from prisme.access import audit
from prisme.access.grants import Grant
from prisme.base import timexpr
from prisme.base.domains import any_port, host_of, is_wildcard
from prisme.base.errors import InputError
from prisme.operations import compact
from prisme.operations.compact import Compaction
from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.stats import filters
from prisme.stats.conditions import allowed
from prisme.stats.dialect import DIALECTS, Dialect
from prisme.store.deletion import Choice, Counts
from prisme.store.errors import StoreError, UnavailableError
from prisme.store.event_store import ChosenRows
from prisme.store.schema import ALL_TABLES, FIGURES
from prisme.visit.origins import OriginError, parse_entry
from prisme.visit.sessions import LONGEST

_LONGEST_ID: Final = 1024
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# Visits that are over by more than this cannot go on, even if the clock is set back a little.
_MARGIN: Final = 600 * timexpr.SECOND
# The dimensions of imported figures whose values are paths.
_PATHS: Final = "dimension IN ('path', 'entry-path', 'exit-path')"


class Arguments(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """At least one of the first four, as texts; visits are meant for which all of them hold.

    With `path`, a filter such as `/a,/b/*`, only what happened on these paths is meant. `before` is a moment as in the
    statistics API, compared with the beginning of a visit, and the end of an imported day. `compacts`: rewrite the file
    where that makes it smaller. `by` is whom the audit log names.
    """

    site: str | None = None
    path: str | None = None
    visitor: str | None = None
    before: str | None = None
    dry_run: bool = False
    compacts: bool = True
    by: str = "cli"


class Deleted(msgspec.Struct):
    """Rows that were deleted, or would be, by table; visits of which something is left; the moment of `before`.

    `fault` is why the file could not be made smaller; the rows are deleted anyway.
    """

    rows: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(ALL_TABLES, 0))
    changed: int = 0
    before: str | None = None
    compaction: Compaction | None = None
    fault: str = ""

    @property
    def is_nothing(self) -> bool:
        """Whether no row was meant."""
        return not any(self.rows.values())


def run(context: Context, arguments: Arguments, job: Job) -> Deleted:
    """Delete, and make the file smaller where that gives something back. Raises InputError, StoreError and the like."""
    before = _read_moment(arguments.before, context.clock())
    choice = _choose(arguments, before, DIALECTS[context.store.engine])
    deleted = Deleted()
    try:
        delete(context, choice, job, arguments.dry_run, deleted)
    finally:
        if not arguments.dry_run and not deleted.is_nothing:
            _audit(context, arguments, deleted)
    if before is not None:
        deleted.before = _show_moment(before)
    if arguments.compacts and not arguments.dry_run and not deleted.is_nothing:
        compact_after(context, deleted, lambda: compact.run(context, compact.Arguments(), job))
    return deleted


def compact_after(context: Context, deleted: Deleted, work: Callable[[], Compaction | None]) -> None:
    """Note what a compaction after a deletion did, or why it failed. ClickHouse makes its files smaller by itself."""
    if context.store.engine == "clickhouse":
        return
    try:
        deleted.compaction = work()
    except StoreError as error:
        deleted.fault = str(error)


def delete(context: Context, choice: Choice, job: Job, dry_run: bool, deleted: Deleted) -> None:
    """Delete what is chosen; those of its visits that are open end, so that their devices begin new ones.

    What was done so far is added to `deleted`, also if it fails or is cancelled then.
    """
    try:
        now = context.clock()
        job.tell("storing what was accepted")
        context.settle()
        job.tell("counting")
        with context.store.choose(choice, job.cancellation) as chosen:
            if dry_run:
                _add(deleted, chosen.count())
                return
            ttl = int(context.config.sessionstorage_session_inactive_ttl * timexpr.SECOND)
            context.forget(chosen.open_visits(now - ttl - _MARGIN, now - LONGEST - _MARGIN))
            context.settle()  # what was accepted before they ended
            _delete(chosen, job, deleted)
    except (StoreError, UnavailableError):
        job.check()  # it may have failed because it was cancelled
        raise


def _delete(chosen: ChosenRows, job: Job, deleted: Deleted) -> None:
    done = 0
    job.tell("deleting", 0, chosen.visits, "visits")
    for visits, counts in chosen.steps():
        done += visits
        _add(deleted, counts)
        if done < chosen.visits:
            job.tell("deleting", done, chosen.visits, "visits")


def _add(deleted: Deleted, counts: Counts) -> None:
    deleted.changed += counts.changed
    for table, count in counts.rows.items():
        deleted.rows[table] += count


def _audit(context: Context, arguments: Arguments, deleted: Deleted) -> None:
    """Record it, without the visitor's id, which was to be deleted."""
    parts = [f"{name} {value}" for name in ("path", "before") if (value := getattr(arguments, name)) is not None]
    if arguments.visitor is not None:
        parts.append("one visitor")
    parts += [f"{deleted.rows['sessions']} sessions", f"{deleted.changed} in part"]
    if deleted.rows[FIGURES]:
        parts.append(f"{deleted.rows[FIGURES]} imported figures")
    detail = ", ".join(parts)
    by = Grant(arguments.by, "", frozenset(), ())
    with context.control.change() as connection:
        audit.record(connection, context.clock() // timexpr.SECOND, by, "data.delete", arguments.site or "*", detail)


def _choose(arguments: Arguments, before: int | None, dialect: Dialect) -> Choice:
    """The conditions of the arguments. Raises InputError."""
    parameters: dict[str, object] = {}

    def bind(value: object) -> str:
        name = f"chosen{len(parameters)}"
        parameters[name] = value
        return f"${name}"

    of_visit, of_any_row, of_path, of_figure = [], None, None, []
    if arguments.site is not None:
        of_site = f"({allowed([read_site(arguments.site)], bind, dialect)})"
        of_visit.append(of_site)
        of_figure.append(of_site)
    if before is not None:
        moment = bind(before)
        of_visit.append(f"entry_timestamp < {dialect.moment(moment)}")
        of_figure.append(day_before(moment, dialect))
    if arguments.visitor is not None:
        if not 0 < len(arguments.visitor) <= _LONGEST_ID:
            raise InputError(f"a visitor id has 1 to {_LONGEST_ID} characters")
        of_any_row = f"visitor_id = {bind(arguments.visitor)}"
        of_figure.append("false")  # none names a visitor
    if arguments.path is not None:
        chosen = _read_path(arguments.path)
        of_path = filters.condition("path", chosen, bind, dialect)
        of_figure += [_PATHS, filters.condition('"value"', chosen, bind, dialect)]
    if not parameters:
        raise InputError("say what to delete: a site, a path, a visitor's id or a date, or several of these")
    return Choice(" AND ".join(of_visit) or None, of_any_row, of_path, " AND ".join(of_figure), parameters)


def day_before(moment: str, dialect: Dialect) -> str:
    """The condition of the imported figures of days that are over at a moment: SQL, microseconds (UTC)."""
    return f'"day" < {dialect.day(dialect.moment(moment))}'


def read_site(text: str) -> str:
    """What stands for the rows of a site, as in `base/domains.py`: of a host without a port, those with any."""
    host = host_of(text.strip())
    port = text.strip().removeprefix(host)
    try:
        entry = parse_entry(host)
    except OriginError as error:
        raise InputError(str(error)) from error
    if is_wildcard(entry) and port:
        raise InputError(f"{text!r} has a port: write {entry}, which stands for all ports")
    return entry if is_wildcard(entry) else entry + port if port else any_port(entry)


def _read_path(text: str) -> filters.Filter:
    found = filters.read({"path": text})
    if "path" not in found:
        raise InputError("the path is empty: write one such as /blog/old or /blog/*")
    return found["path"]


def _read_moment(text: str | None, now: int) -> int | None:
    return None if text is None else timexpr.parse(text, now, datetime.UTC)


def _show_moment(moment: int) -> str:
    return (_EPOCH + datetime.timedelta(microseconds=moment)).isoformat().removesuffix("+00:00") + "Z"
