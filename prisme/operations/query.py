"""SQL of the operator: sends the result of one query."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Literal

import msgspec

from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.store.sql_formats import CsvEncoder, JsonEncoder
from prisme.store.sql_runner import Limits, Outcome

MOST_SECONDS: Final = 3_600
MOST_ROWS: Final = 10_000_000
# JSON and CSV are kept in memory until they are sent, a Parquet file on the disk.
_MOST_BYTES: Final = {"json": 64 << 20, "csv": 64 << 20, "parquet": 1 << 30}
_PART_BYTES: Final = 1 << 18


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """`rows` is how many are sent at most."""

    sql: str
    format: Literal["json", "csv", "parquet"]
    seconds: Annotated[float, msgspec.Meta(gt=0, le=MOST_SECONDS)]
    rows: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)]


class NoArguments(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


class Done(msgspec.Struct):
    """What was sent: its rows, whether there were more, and how long the query took, in seconds."""

    rows: int
    truncated: bool
    seconds: float


class TableColumn(msgspec.Struct):
    """A column that queries may name."""

    table: str
    name: str
    type: str
    comment: str


def run(context: Context, arguments: Arguments, job: Job) -> Done:
    """Run a query, and send its result once it is complete. Raises SqlError and UnavailableError."""
    began = time.monotonic()
    with _result(context, arguments, job) as (outcome, parts):
        seconds = time.monotonic() - began
        for part in parts:
            job.check()
            job.send(part)
    return Done(outcome.rows, outcome.is_cut, round(seconds, 3))


def describe_tables(context: Context, _: NoArguments, job: Job) -> list[TableColumn]:
    """The columns of all tables. Raises UnavailableError."""
    job.check()
    return [TableColumn(*column) for column in context.store.queries.columns()]


@contextmanager
def _result(context: Context, arguments: Arguments, job: Job) -> Iterator[tuple[Outcome, Iterator[bytes]]]:
    limits = Limits(arguments.seconds, arguments.rows, _MOST_BYTES[arguments.format])
    if arguments.format == "parquet":
        with (
            context.store.queries.parquet(arguments.sql, limits, job.cancellation) as (path, outcome),
            path.open("rb") as file,
        ):
            yield outcome, iter(lambda: file.read(_PART_BYTES), b"")
        return
    encoder = JsonEncoder() if arguments.format == "json" else CsvEncoder()
    outcome = context.store.queries.encode(arguments.sql, limits, encoder, job.cancellation)
    body = memoryview(encoder.body)
    yield outcome, (bytes(body[at : at + _PART_BYTES]) for at in range(0, len(body), _PART_BYTES))
