"""Merges what a command reads from the files of other programs, chunk by chunk, while events come in."""

import struct
from collections.abc import Iterator
from tempfile import NamedTemporaryFile
from typing import Any, Final

import msgspec

from prisme.access import audit
from prisme.access.grants import Grant
from prisme.base import timexpr
from prisme.base.errors import InputError
from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.store.connection import STAGED
from prisme.store.importing import Begun, Importer, Merged

# What is sent is frames: a byte that says what it is, four bytes with the length of the rest (big-endian), and that.
# After the frame `END`, whose rest is the report as JSON, the import is complete.
FRAME: Final = struct.Struct(">cI")
VISITS, FIGURES, END = b"V", b"F", b"E"
MOST_BYTES: Final = 256 << 20  # of a frame: one visit is never in two


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """`source` is the same for the same files, `files` are their names. `by` is whom the audit log names."""

    format: str
    source: str
    files: tuple[str, ...]
    dry_run: bool = False
    by: str = "cli"


class Imported(msgspec.Struct):
    """What was added, or would be; `name` is that of the import, empty if nothing was added.

    `overlap_days` are days with visits or figures of other origin, counted for each site in a dry run.
    """

    name: str
    merged: Merged
    overlap_days: int = 0


def run(context: Context, arguments: Arguments, job: Job) -> Imported:
    """Merge each chunk as it comes. What is merged stays, whatever happens then. Raises InputError and StoreError."""
    begun = Begun(arguments.format, arguments.source, arguments.files)
    importer = Importer(context.database, context.loader, begun, context.clock(), arguments.dry_run)
    total = Merged()
    if arguments.format == "prisme":
        context.settle()  # visits of an export may wait in the journal here
    try:
        for kind, body in _read_frames(job):
            if kind == END:
                importer.end(_without_texts(body), context.clock())
            else:
                total.add(_merge(context, importer, kind, body))
                job.check()
    finally:
        if importer.name:
            _audit(context, arguments, importer.name, total)
    return Imported(importer.name, total, importer.count_overlap() if arguments.dry_run else 0)


def _merge(context: Context, importer: Importer, kind: bytes, body: bytes) -> Merged:
    with NamedTemporaryFile(prefix=STAGED, suffix=".ndjson", dir=context.folder / "tmp") as staged:
        staged.write(body)
        staged.flush()
        return (importer.merge_visits if kind == VISITS else importer.merge_figures)(context.folder / staged.name)


def _read_frames(job: Job) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the rest of each frame. One that is cut is dropped."""
    received = bytearray()
    for part in job.received():
        received += part
        while len(received) >= FRAME.size:
            kind, length = FRAME.unpack_from(received)
            if length > MOST_BYTES:
                raise InputError("one visit is too large to be imported: it has {bytes} bytes", bytes=length)
            if len(received) < FRAME.size + length:
                break
            with memoryview(received) as view:
                body = bytes(view[FRAME.size : FRAME.size + length])
            del received[: FRAME.size + length]
            yield kind, body


def _without_texts(report: bytes) -> bytes:
    """A report as it is kept: lines that could not be read may have addresses."""
    told = msgspec.json.decode(report, type=dict[str, Any])
    for line in told.get("bad_lines", ()):
        line.pop("text", None)
    return msgspec.json.encode(told)


def _audit(context: Context, arguments: Arguments, name: str, total: Merged) -> None:
    detail = f"{total.visits} visits, {total.figures} figures of {', '.join(arguments.files)[:200]}"
    by = Grant(arguments.by, "", frozenset(), ())
    with context.control.change() as connection:
        audit.record(connection, context.clock() // timexpr.SECOND, by, "data.import", name, detail)
