"""Copies both databases, as they are at one moment, and sends them as one archive. The daily key is in neither."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

import prisme
from prisme.base.errors import InputError
from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.store import archive, backup
from prisme.store.archive import CONTROL, DATABASE, Manifest
from prisme.store.connection import STAGED
from prisme.store.schema import newest_version

# Whoever was logged in logs in again after a restore: a log-out since then stays one.
_LOG_INS: Final = ("logins", "unlocks")
# What is left beside the copy.
_MARGIN: Final = 16 << 20


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


def run(context: Context, _: Arguments, job: Job) -> Manifest:
    """Send an archive of all that was accepted so far. Raises InputError without room for the copy, and StoreError."""
    job.tell("storing events")
    context.settle()
    _check_room(context)
    with _staged(context.folder / "tmp") as files:
        manifest = _copy(context, files, job)
        for part in archive.write(manifest, files, context.clock() // 1_000_000, _telling(job, "sending")):
            job.send(part)
    return manifest


def _telling(job: Job, doing: str) -> archive.Tell:
    return lambda name, done, total: job.tell(f"{doing} {name}", done, total, "bytes")


def _check_room(context: Context) -> None:
    folder = context.folder
    needed = backup.measure(context.database, folder / DATABASE) + (folder / CONTROL).stat().st_size + _MARGIN
    reserved = context.config.min_free_space if context.is_online else 0
    free = shutil.disk_usage(folder).free
    if free < needed + reserved:
        kept = f", and {reserved / 1e6:,.0f} MB have to stay free (min_free_space)" if reserved else ""
        raise InputError(
            f"a backup is copied within {folder} first, and needs {needed / 1e6:,.0f} MB there{kept}: "
            f"{free / 1e6:,.0f} MB are free"
        )


@contextlib.contextmanager
def _staged(folder: Path) -> Iterator[dict[str, Path]]:
    """The paths of the copies, which are removed after the block."""
    files = {name: folder / f"{STAGED}backup-{name}" for name in (DATABASE, CONTROL)}
    _remove(folder)
    try:
        yield files
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    for path in folder.glob(f"{STAGED}backup-*"):
        path.unlink()


def _copy(context: Context, files: dict[str, Path], job: Job) -> Manifest:
    taken: list[int] = []

    def copy_control() -> None:
        taken.append(context.clock())
        context.control.copy(files[CONTROL])

    tables = backup.copy_tables(context.database, files[DATABASE], copy_control, job.cancellation, job.tell)
    _delete_log_ins(files[CONTROL])
    return archive.describe(
        prisme.__version__,
        backup.VERSION,
        datetime.fromtimestamp(taken[0] // 1_000_000, UTC).isoformat().replace("+00:00", "Z"),
        {name: newest_version(name) for name in ("events", "control")},
        tables,
        files,
        _telling(job, "reading"),
    )


def _delete_log_ins(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        for table in _LOG_INS:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  # one of two names
        connection.execute("VACUUM")
