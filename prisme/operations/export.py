"""The tables as Parquet files, for whoever asks: only those that changed since they were written."""

import re
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from prisme.base.errors import InputError
from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.store.connection import STAGED
from prisme.store.parquet import Export, Part
from prisme.store.schema import newest_version

_DEADLINE = 24 * 3600.0  # seconds
_CHUNK = 1 << 20  # bytes
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
EARLIEST = "0001-01"


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """`known` are the checks of files that are there already, by name; `since` is the first month, such as 2026-11."""

    known: dict[str, str] = {}
    since: str = EARLIEST


class File(msgspec.Struct):
    """What is sent before each file, with a line feed: its name, the bytes that follow, its rows and its check."""

    name: str
    bytes: int
    rows: int
    check: str


class Exported(msgspec.Struct):
    """The names of all files that belong to the export, and the schema's version."""

    names: list[str]
    schema_version: int


def run(context: Context, arguments: Arguments, job: Job) -> Exported:
    """Send each file that is not known. Raises InputError, StoreError, UnavailableError and OSError."""
    if not _MONTH.fullmatch(arguments.since):
        raise InputError(f"{arguments.since} is not a month: write it as in 2026-11")
    context.settle()
    with context.store.export(_DEADLINE, job.cancellation) as export:
        job.tell("looking for changes")
        parts = list(export.find_parts(arguments.since))
        new = [part for part in parts if arguments.known.get(part.name) != part.check]
        done, total = 0, sum(part.rows for part in new)
        for part in new:
            job.tell(part.name, done, total)
            _send(context, export, part, job)
            done += part.rows
        job.tell("done", done, total)
    return Exported([part.name for part in parts], newest_version("events"))


def _send(context: Context, export: Export, part: Part, job: Job) -> None:
    with NamedTemporaryFile(prefix=STAGED, dir=context.folder / "tmp") as staged:
        export.write_part(part, Path(staged.name))
        with Path(staged.name).open("rb") as file:
            size = Path(staged.name).stat().st_size
            job.send(msgspec.json.encode(File(part.name, size, part.rows, part.check)) + b"\n")
            while chunk := file.read(_CHUNK):
                job.check()
                job.send(chunk)
