"""What a data folder holds now."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

import prisme
from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.operations.rollups import survey_now
from prisme.store.maintenance import maintaining
from prisme.store.schema import ALL_TABLES

_DEADLINE = 30.0  # seconds
_COUNTS = f"SELECT {', '.join(f'(SELECT count(*) FROM {table})' for table in ALL_TABLES)}"  # noqa: S608  # names of ours


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


class Status(msgspec.Struct):
    """`process` is the server's, 0 without one; sizes are in bytes, `rows` by table.

    `rollups_complete`: all days that can be are counted ahead.
    """

    version: str
    process: int
    folder: str
    database_bytes: int
    journal_bytes: int
    rows: dict[str, int]
    rollups_complete: bool


def run(context: Context, _: Arguments, job: Job) -> Status:
    """Count what is stored, and measure the files. Raises UnavailableError and StoreError."""
    with context.store.open_reader(_DEADLINE, cancellation=job.cancellation) as reader:
        ((*counts,),) = reader.ask(_COUNTS, {})
    is_complete = True
    if context.store.engine == "duckdb":
        with maintaining(context.database, job.cancellation) as cursor:
            is_complete = survey_now(context, cursor).is_complete
    return Status(
        prisme.__version__,
        os.getpid() if context.is_online else 0,
        str(context.folder),
        _size(path for path in context.folder.glob("prisme.duckdb*") if path.suffix in {".duckdb", ".wal"}),
        _size((context.folder / "journal").iterdir()),
        dict(zip(ALL_TABLES, counts, strict=True)),
        is_complete,
    )


def _size(paths: Iterable[Path]) -> int:
    size = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # removed just now
            size += path.stat().st_size
    return size
