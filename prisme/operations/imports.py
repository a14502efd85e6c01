"""The imports that a data folder has."""

import datetime
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.store.query_reader import Engine

_DEADLINE: Final = 30.0  # seconds
_IMPORTS: Final = """
SELECT name, format, files, started_at, ended_at, visits, pageviews, events, figures, first_at, last_at, report
FROM {} ORDER BY started_at DESC, name DESC
"""
_TABLES: Final[Mapping[Engine, str]] = {"duckdb": "state.imports", "clickhouse": "imports"}


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


class Import(msgspec.Struct):
    """What an import has added: rows by kind, and the times of the first and the last visit or day; all in UTC.

    `ended` is None while it is not complete: it is under way, or was cut off, and goes on when the same files come
    again. `report` is what it told at its end.
    """

    name: str
    format: str
    files: list[str]
    started: datetime.datetime
    ended: datetime.datetime | None
    visits: int
    pageviews: int
    events: int
    figures: int
    first: datetime.datetime | None
    last: datetime.datetime | None
    report: dict[str, Any]


def run(context: Context, _: Arguments, job: Job) -> list[Import]:
    """All imports, the newest first. Raises UnavailableError."""
    with context.store.open_reader(_DEADLINE, cancellation=job.cancellation) as reader:
        return [_read(*row) for row in reader.ask(_IMPORTS.format(_TABLES[reader.engine]), {})]


def _read(
    name: str,
    source_format: str,
    files: str,
    started: datetime.datetime,
    ended: datetime.datetime | None,
    visits: int,
    pageviews: int,
    events: int,
    figures: int,
    first: datetime.datetime | None,
    last: datetime.datetime | None,
    report: str,
) -> Import:
    names = msgspec.json.decode(files, type=list[str])
    times = started.replace(tzinfo=datetime.UTC), _in_utc(ended)
    counts = visits, pageviews, events, figures
    told = msgspec.json.decode(report or "{}", type=dict[str, Any])
    return Import(name, source_format, names, *times, *counts, _in_utc(first), _in_utc(last), told)


def _in_utc(time: datetime.datetime | None) -> datetime.datetime | None:
    return None if time is None else time.replace(tzinfo=datetime.UTC)
