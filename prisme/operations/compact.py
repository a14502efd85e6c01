"""Gives back to the disk the room that deleted rows left in the database's file."""

from typing import Final

import msgspec

from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.store import compaction
from prisme.store.compaction import Room

# The least that is worth it: events wait, and up to the file's size is written.
_LEAST_SHARE: Final = 0.05
_LEAST_BYTES: Final = 1 << 20


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """`always`: also where hardly anything can be given back, so that no byte of a deleted row stays in the file."""

    dry_run: bool = False
    always: bool = False


class Compaction(msgspec.Struct):
    """Bytes of the file before and after, which is the same where nothing was done; `free` of those before."""

    before: int
    free: int
    after: int
    is_done: bool


def run(context: Context, arguments: Arguments, job: Job) -> Compaction:
    """Rewrite the file where it gives something back. Raises StoreError and CancelledError, with the file unchanged."""
    job.tell("measuring")
    room = compaction.measure(context.loader)
    if arguments.dry_run or not (arguments.always or is_worth_it(room, _LEAST_SHARE)):
        return Compaction(sum(room), room.free, sum(room), is_done=False)
    return rewrite(context, job)


def rewrite(context: Context, job: Job) -> Compaction:
    """Rewrite the file. Raises StoreError and CancelledError, with the file unchanged."""
    before, after = compaction.rewrite(
        context.database,
        context.loader,
        context.folder,
        context.config.min_free_space,
        lambda done, total: job.tell("compacting", done, total, "bytes"),
    )
    return Compaction(sum(before), before.free, sum(after), is_done=True)


def is_worth_it(room: Room, share: float) -> bool:
    """Whether so much of a file is free (from 0 to 1), and more than a few blocks."""
    return room.free >= max(_LEAST_BYTES, share * sum(room))
