"""Puts a backup, which is sent as an archive, in the place of what a data folder has; that is kept beside it."""

import contextlib
from pathlib import Path

import msgspec

from prisme.journal.segment import leftovers
from prisme.operations.context import ClosedContext, Context
from prisme.operations.job import Job
from prisme.store import restoration
from prisme.store.archive import ArchiveReader, Manifest
from prisme.store.connection import Limits
from prisme.store.restoration import Target
from prisme.visit.sessions import CAPACITY


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


class Restored(msgspec.Struct):
    """What was restored, and the folder that has what was there before; empty if nothing was."""

    manifest: Manifest
    kept: str


def run(context: Context, _: Arguments, job: Job) -> Restored:
    """Restore while events come in: those that were not stored yet are stored in the restored database."""
    limits = Limits(context.config.duckdb_memory_limit, context.config.duckdb_threads)
    target = Target(context.folder, limits, CAPACITY, context.clock, context.log)
    try:
        manifest = _unpack(target, job)
        job.tell("putting it in place")
        kept = restoration.exchange(target, context.loader, context.take_over)
    except BaseException:
        restoration.discard_new(target.folder)
        raise
    context.renew()
    return _note(target, manifest, kept)


def run_offline(context: ClosedContext, _: Arguments, job: Job) -> Restored:
    """The same where no server runs."""
    limits = Limits(context.config.duckdb_memory_limit, context.config.duckdb_threads)
    target = Target(context.folder.path, limits, CAPACITY, context.clock, context.log)
    try:
        manifest = _unpack(target, job)
        job.tell("putting it in place")
        kept = restoration.put(target, leftovers(context.folder.journal)[0])
    except BaseException:
        restoration.discard_new(target.folder)
        raise
    return _note(target, manifest, kept)


def _unpack(target: Target, job: Job) -> Manifest:
    return restoration.unpack(
        target,
        ArchiveReader(job.received()),
        lambda name, done, total: job.tell(f"receiving {name}", done, total, "bytes"),
        job.tell,
    )


def _note(target: Target, manifest: Manifest, kept: Path) -> Restored:
    target.log.info("the backup of %s is restored", manifest.taken)
    with contextlib.suppress(OSError):  # unless it is empty, as in a new folder
        kept.rmdir()
    return Restored(manifest, str(kept) if kept.exists() else "")
