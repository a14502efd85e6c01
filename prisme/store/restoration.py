"""Puts the files of a backup in the place of what a data folder has.

First the new files are complete, beside the old ones; then a marker says so; then both are moved. A process that is
killed before the marker leaves all as it was, and after it, the next start moves what was not moved yet: never is one
file old and the other new.
"""
# Names of tables of ours are composed, values are bound.
# ruff: noqa: S608

import contextlib
import logging
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import msgspec

from prisme.base.errors import InputError
from prisme.journal.reader import read_first_state
from prisme.journal.segment import Segment
from prisme.store import archive, backup, control, snapshot
from prisme.store.archive import CONTROL, DATABASE, ArchiveReader, Manifest
from prisme.store.connection import Limits, connect
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.loader import Loader
from prisme.store.schema import EVENT_TABLES, newest_version
from prisme.store.upgrade import migrate

KEPT: Final = "before-restore-"
_MARKER: Final = "restoring.json"
_NEW: Final = ".restored"
_KEPT_NEW: Final = f"kept{_NEW}"
_MOST_A_SECOND: Final = 1000
# What is needed beside the backup: times the database's size if its schema is older; bytes for all else.
_UPGRADE_FACTOR: Final = 2
_MARGIN: Final = 16 << 20
_LATEST_ROWS: Final = f"SELECT {', '.join(f'(SELECT coalesce(max(rowid), -1) FROM {one})' for one in EVENT_TABLES)}"
_KNOWN: Final = "SELECT number FROM state.segments WHERE number IN (SELECT unnest(?))"
_KEEP_KNOWN: Final = "DELETE FROM state.segments WHERE number NOT IN (SELECT unnest(?::UBIGINT[]))"
_HAS: Final = " UNION ALL ".join(
    f'SELECT 1 FROM {one} WHERE session_uuid = $uuid AND "timestamp" = make_timestamp($at)' for one in EVENT_TABLES
)
# A visit counts the rows that it has: some of its earlier ones may not be in the backup. Of those that have new rows;
# to count those of all visits would take long, while events wait.
_NEW_ROWS: Final = " UNION ALL ".join(f"SELECT session_uuid FROM {one} WHERE rowid > {{}}" for one in EVENT_TABLES)
_ROWS: Final = " UNION ALL ".join(
    f"SELECT session_uuid, {'1, 0' if one == 'pageviews' else '0, 1'} FROM {one} SEMI JOIN new USING (session_uuid)"
    for one in EVENT_TABLES
)
_RECOUNT: Final = f"""
WITH new AS MATERIALIZED (SELECT DISTINCT session_uuid FROM ({_NEW_ROWS})), found AS (
    SELECT session_uuid, sum(pageview) AS pageviews, sum(event) AS events
    FROM ({_ROWS}) AS row(session_uuid, pageview, event) GROUP BY session_uuid
)
UPDATE sessions SET pageviews = found.pageviews, events = found.events FROM found
WHERE sessions.session_uuid = found.session_uuid
    AND (sessions.pageviews <> found.pageviews OR sessions.events <> found.events)
"""
_RAISE_REVISION: Final = "UPDATE site_revision SET number = max(number, ?) + 1"


class _Marker(msgspec.Struct):
    """The name of the folder for what was there, and whether there was a database."""

    kept: str
    had_database: bool


class Target(NamedTuple):
    """A data folder that this process has locked. `most_open` is for `Loader`, `clock` gives microseconds."""

    folder: Path
    limits: Limits
    most_open: int
    clock: Callable[[], int]
    log: logging.Logger

    @property
    def files(self) -> dict[str, Path]:
        """The new files."""
        return {name: self.folder / f"{name}{_NEW}" for name in (DATABASE, CONTROL)}

    @property
    def temporary(self) -> Path:
        """The folder for what reading the new files cannot hold in memory."""
        return self.folder / "tmp" / "restore"


def unpack(target: Target, reader: ArchiveReader, tell: archive.Tell, tell_rows: backup.Tell) -> Manifest:
    """Write the files of a backup beside the old ones, compare them with the manifest, and upgrade their schema.

    Raises InputError and OSError; `discard` removes what is there then.
    """
    discard(target.folder)
    manifest, files = reader.manifest, target.files
    _check_room(target, manifest)
    for name, path in files.items():
        reader.unpack(name, path, tell)
    reader.end()
    target.temporary.mkdir(mode=0o700, parents=True)
    backup.check_files(manifest, files, target.temporary, tell_rows)
    try:
        with contextlib.closing(connect(files[DATABASE], backup.LIMITS, target.temporary)) as connection:
            migrate(connection)
            connection.execute("CHECKPOINT")
        with contextlib.closing(sqlite3.connect(files[CONTROL], isolation_level=None)) as accounts:
            accounts.execute("BEGIN IMMEDIATE")
            control.migrate(accounts)
            accounts.execute(_RAISE_REVISION, (_find_revision(target.folder),))
            accounts.execute("COMMIT")
    except (duckdb.Error, sqlite3.Error) as error:
        raise StoreError(f"the backup's schema cannot be upgraded: {error}") from error
    return manifest


def _check_room(target: Target, manifest: Manifest) -> None:
    needed = manifest.bytes + _MARGIN
    if manifest.schemas.get("events", 0) < newest_version("events"):
        needed += _UPGRADE_FACTOR * manifest.files[DATABASE].bytes
    free = shutil.disk_usage(target.folder).free
    if free < needed:
        raise InputError(
            f"the restore needs {needed / 1e6:,.0f} MB in {target.folder}, as what is there is kept: "
            f"{free / 1e6:,.0f} MB are free"
        )


def _find_revision(folder: Path) -> int:
    """The revision of the sites that a running server knows; 0 if it cannot be read."""
    path = folder / CONTROL
    if not path.exists():
        return 0
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as accounts:
        (number,) = accounts.execute("SELECT number FROM site_revision").fetchone()
        return int(number)
    return 0


def put(target: Target, segments: Sequence[Segment]) -> Path:
    """Put the new files in the place of the old ones, which nobody has open. Gives the folder that has those now.

    `segments` are the journal's: the new database has their events. Raises StoreError and OSError.
    """
    _load(target, segments)
    kept = _mark(target)
    finish(target.folder, target.log)
    return kept


def exchange(target: Target, loader: Loader, take_over: Callable[[], Sequence[Segment]]) -> Path:
    """The same in a running server; `take_over` ends all visits, and gives the journal's segments up to then.

    Raises StoreError and OSError, with the old files in place.
    """
    try:
        with loader.hold() as held:
            _load(target, take_over())
            kept = _mark(target)
            try:
                held.replace(target.files[DATABASE], kept / DATABASE)
                try:
                    _replace_control(target.folder)
                except BaseException:
                    held.replace(kept / DATABASE)
                    raise
            except BaseException:
                _abandon(target.folder, kept)
                raise
            discard(target.folder)
            return kept
    except (duckdb.Error, sqlite3.Error) as error:
        raise StoreError(f"the backup cannot be put in place: {error}") from error


def _abandon(folder: Path, kept: Path) -> None:
    """Remove all of a restore that has failed, unless its database is in place: then the next start goes on with it."""
    if not (kept / DATABASE).exists():
        discard(folder)
        shutil.rmtree(kept)


def _load(target: Target, segments: Sequence[Segment]) -> None:
    """Load segments into the new database, but for those that are in it already, and correct the counts of visits.

    Of numbers of segments it knows only theirs then: on another machine, others had the same ones.
    """
    database = Database(target.files[DATABASE], target.limits, target.temporary, target.log)
    loader = Loader(database, target.most_open)
    try:
        with loader.hold() as held:
            cursor = held.cursor
            known = cursor.execute(_KNOWN, [[segment.number for segment in segments]]).fetchall()
            listed = {number for (number,) in known}
            loaded = [one.number for one in segments if one.number in listed and _has(cursor, one)]
            cursor.execute(_KEEP_KNOWN, [loaded])
            (latest,) = cursor.execute(_LATEST_ROWS).fetchall()
        for batch in loader.batches(segments):
            for segment, result in zip(batch, loader.load_batch(batch, target.clock()), strict=True):
                if isinstance(result, Exception):
                    raise StoreError(f"segment {segment.number} of the journal cannot be loaded: {result}") from result
        if segments:
            with loader.hold() as held:
                held.cursor.execute(_RECOUNT.format(*latest))
    except duckdb.Error as error:
        raise StoreError(f"the journal cannot be loaded: {error}") from error
    finally:
        loader.close()
        database.close()
    if list(target.folder.glob(f"{DATABASE}{_NEW}.wal")):
        raise StoreError("the journal cannot be loaded: the write-ahead log was not emptied")


def _has(cursor: duckdb.DuckDBPyConnection, segment: Segment) -> bool:
    """Whether the database has the events of a segment whose number it knows: its first one tells."""
    first = read_first_state(segment.path)
    return first is None or bool(cursor.execute(_HAS, {"uuid": first.uuid, "at": first.exit}).fetchall())


def _mark(target: Target) -> Path:
    """Copy the accounts that are there, then decide: from here on, a start would put the new files in place."""
    folder = target.folder
    new, old = folder / _KEPT_NEW, folder / CONTROL
    new.mkdir(mode=0o700)
    if old.exists():
        copy = new / CONTROL
        try:
            with contextlib.closing(sqlite3.connect(old)) as source, contextlib.closing(sqlite3.connect(copy)) as to:
                source.backup(to)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            shutil.copyfile(old, copy)
        snapshot.sync(copy)
    for path in (new, *target.files.values()):
        snapshot.sync(path)
    kept = _name_kept(folder, target.clock())
    try:
        with snapshot.creating(folder / _MARKER) as part:
            part.write_bytes(msgspec.json.encode(_Marker(kept.name, (folder / DATABASE).exists())))
        new.rename(kept)
    except BaseException:
        discard(folder)
        raise
    return kept


def _name_kept(folder: Path, now: int) -> Path:
    at = datetime.fromtimestamp(now // 1_000_000, UTC)
    name = f"{KEPT}{at:%Y-%m-%dT%H%M%SZ}"
    names = (name, *(f"{name}-{number}" for number in range(2, _MOST_A_SECOND)))
    return next(path for path in map(folder.joinpath, names) if not path.exists())


def finish(folder: Path, log: logging.Logger) -> None:
    """End a restore that is decided, or remove what one left that is not. Nobody has the files open.

    Raises StoreError.
    """
    path = folder / _MARKER
    try:
        if not path.exists():
            discard(folder)
            return
        marker = msgspec.json.decode(path.read_bytes(), type=_Marker)
        kept, new = folder / marker.kept, folder / f"{DATABASE}{_NEW}"
        if not kept.exists():
            (folder / _KEPT_NEW).rename(kept)
        if new.exists():
            _move_database(folder, new, kept)
        elif marker.had_database and not (kept / DATABASE).exists():
            discard(folder)  # the database was put back
            return
        if (folder / f"{CONTROL}{_NEW}").exists():
            _replace_control(folder)
        discard(folder)
    except (OSError, sqlite3.Error, msgspec.MsgspecError) as error:
        raise StoreError(f"the restore of a backup into {folder} cannot be finished: {error}") from error
    log.info("the backup is in place; what was there before is in %s", kept)


def _move_database(folder: Path, new: Path, kept: Path) -> None:
    old = folder / DATABASE
    wal = old.with_name(f"{old.name}.wal")
    if wal.exists():
        wal.replace(kept / wal.name)
    if old.exists():
        with snapshot.swapping(old, new, kept / DATABASE):
            pass
    else:
        snapshot.settle(new, old)


def _replace_control(folder: Path) -> None:
    """Put the new accounts in place: within the file, as commands and other threads may have it open.

    Raises sqlite3.Error, with the old ones in place, and OSError.
    """
    new, old = folder / f"{CONTROL}{_NEW}", folder / CONTROL
    old.touch(mode=0o600)
    try:
        with contextlib.closing(sqlite3.connect(new)) as source, contextlib.closing(sqlite3.connect(old)) as target:
            target.execute("PRAGMA secure_delete = ON")
            source.backup(target)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        old.with_name(f"{old.name}-journal").unlink(missing_ok=True)
        snapshot.settle(new, old)
    new.unlink(missing_ok=True)


def _is_damage(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def discard_new(folder: Path) -> None:
    """Remove new files, unless they are decided to be put in place. Raises OSError."""
    if not (folder / _MARKER).exists():
        discard(folder)


def discard(folder: Path) -> None:
    """Remove the marker, then what is left of new files. Raises OSError."""
    marker = folder / _MARKER
    if marker.exists():
        snapshot.remove(marker)
    for pattern in (f"{DATABASE}{_NEW}*", f"{CONTROL}{_NEW}*", f"{_MARKER}.part"):
        for path in folder.glob(pattern):
            path.unlink()
    for path in (folder / "tmp" / "restore", folder / _KEPT_NEW):
        shutil.rmtree(path, ignore_errors=True)
