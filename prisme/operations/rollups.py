"""Counts of whole days, kept in the file: what there is of them, whether they are right, and all of them anew."""

import datetime
from collections.abc import Sequence
from typing import Final

import msgspec

from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.stats.rollups.builder import RollupBuilder
from prisme.stats.rollups.check import UnitCheck
from prisme.stats.rollups.plan import find_end
from prisme.stats.rollups.survey import Survey, measure, survey
from prisme.store.errors import StoppedError, StoreError, UnavailableError
from prisme.store.maintenance import Maintenance, maintaining
from prisme.store.rollups import Unit, list_units

_ONE_DAY: Final = datetime.timedelta(days=1)


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


class Missing(msgspec.Struct):
    """Days that are not counted, both included, and why: `due`, `recent` or `few`."""

    first: datetime.date
    last: datetime.date
    reason: str


class Rollups(msgspec.Struct):
    """What there is: `days` are counted in `units`, and again in `months`; `first` and `last` are days, if any are.

    They take `bytes` of the file, at most. Until `is_current` and `knows_visitors`, no figure is made of them.
    """

    is_complete: bool
    days: int
    first: datetime.date | None
    last: datetime.date | None
    units: int
    months: int
    bytes: int
    missing: list[Missing]
    is_current: bool
    knows_visitors: bool


class Wrong(msgspec.Struct):
    """Days whose counts are not what the rows say, both included, and the tables that differ."""

    first: datetime.date
    last: datetime.date
    tables: list[str]


class Checked(msgspec.Struct):
    """How many units were compared with the rows; how many changed meanwhile, and were not; and those that are wrong.

    `is_used` is false, and none is compared, where no figure is made of them now. `unknown` visitors come back, which
    was not known; `orphans` are tables with rows of no unit.
    """

    is_used: bool
    units: int
    changed: int
    wrong: list[Wrong]
    unknown: int
    orphans: list[str]

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.wrong or self.unknown or self.orphans)


def run(context: Context, _: Arguments, job: Job) -> Rollups:
    """Look at them. Raises StoreError."""
    with maintaining(context.database, job.cancellation) as cursor:
        return _describe(survey_now(context, cursor), measure(cursor.ask))


def survey_now(context: Context, cursor: Maintenance) -> Survey:
    """What there is of them at this moment. Raises StoreError."""
    now, log = context.clock(), context.database.load_log
    return survey(cursor.ask, find_end(log, now, at_once=True), find_end(log, now))


def check(context: Context, _: Arguments, job: Job) -> Checked:
    """Count all again, and compare. Raises StoreError, UnavailableError and CancelledError."""
    job.tell("storing events")
    context.settle()
    try:
        found = UnitCheck(
            context.database, job.cancellation, lambda done, total: job.tell("comparing", done, total, "units")
        ).run()
    except StoppedError:
        job.check()
        raise
    wrong = [Wrong(one.first, one.end - _ONE_DAY, one.parts) for one in found.different]
    return Checked(found.is_used, found.checked, len(found.changed), wrong, found.unknown, found.orphans)


def rebuild(context: Context, _: Arguments, job: Job) -> Rollups:
    """Drop all, and make them again; what is made is kept if it is cancelled. Raises as `check` does."""
    job.tell("storing events")
    context.settle()
    builder = RollupBuilder(context.database, context.loader, context.log)
    builder.drop()
    try:
        with maintaining(context.database, job.cancellation) as cursor:
            total = sum((one.end - one.first).days for one in survey_now(context, cursor).missing)
            now = context.clock()
            while builder.build(now, at_once=True, cancellation=job.cancellation):
                job.tell("counting", _count_days(list_units(cursor.ask)), total, "days")
        return run(context, Arguments(), job)
    except (StoreError, UnavailableError):
        job.check()  # it may have failed because it was cancelled
        raise


def _count_days(units: Sequence[Unit]) -> int:
    return sum((unit.end - unit.first).days for unit in units if not unit.is_month)


def _describe(found: Survey, size: int) -> Rollups:
    days = [unit for unit in found.units if not unit.is_month]
    return Rollups(
        found.is_complete,
        _count_days(days),
        days[0].first if days else None,
        days[-1].end - _ONE_DAY if days else None,
        len(days),
        len(found.units) - len(days),
        size,
        [Missing(one.first, one.end - _ONE_DAY, one.reason.value) for one in found.missing],
        found.is_current,
        found.knows_recurring,
    )
