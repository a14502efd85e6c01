"""Makes the database of a year of five sites, in the real schema. `python -m bench.seed FOLDER` does only that.

A folder is seeded once a day: a marker beside the database says by which generator, how much, and up to when.
"""

import argparse
import os
import re
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec

from prisme.store.connection import Limits
from prisme.store.database import Database

# Increase it with each change to the generated data.
GENERATOR = 2
PAGEVIEWS = 10_000_000
DOMAINS = ("example.com", "shop.example.com", "docs.example.com", "example.org", "example.net")
# Of 10 pageviews. seed.sql has 3.33 pageviews a session.
_SESSIONS = 3
_HOURS, _SLICES = 8760, 24
_TABLES = ("pageviews", "sessions", "events_custom", "file_downloads", "outbound_link_clicks")
_QUERIES = Path(__file__).with_name("seed.sql")
_MEMORY = 1 << 30


class SeedError(Exception):
    """The folder cannot be seeded; the message has the reason."""


class Seed(msgspec.Struct, frozen=True):
    """The content of a folder: `end` in microseconds, `rows` of each table, and the `seconds` that making it took."""

    generator: int
    pageviews: int
    end: int
    rows: dict[str, int]
    seconds: float

    def serves(self, pageviews: int, now: int) -> bool:
        """Whether it can be reused: the same amount, by the same generator, made today (UTC)."""
        return (self.generator, self.pageviews, _day(self.end)) == (GENERATOR, pageviews, _day(now))


def seed(folder: Path, pageviews: int, now: int, threads: int = 0) -> Seed:
    """Fill a folder, unless it is filled already, with about `pageviews` of the 365 days before `now`."""
    database, marker, unfinished = folder / "prisme.duckdb", folder / "seed.json", folder / "unfinished.duckdb"
    if marker.exists():
        found = msgspec.json.decode(marker.read_bytes(), type=Seed)
        if found.serves(pageviews, now) and database.exists():
            return found
        marker.unlink()
        database.unlink(missing_ok=True)
    if database.exists():
        raise SeedError(f"{database} was not made by the bench, it stays as it is: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(unfinished.name + "*"):
        left.unlink()
    began = time.monotonic()
    end = now // 60_000_000 * 60_000_000
    rows = _fill(unfinished, pageviews, end, threads or len(os.sched_getaffinity(0)))
    unfinished.rename(database)
    made = Seed(GENERATOR, pageviews, end, rows, round(time.monotonic() - began, 1))
    marker.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    return made


def count(tables: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The number of rows of each table."""
    query = ", ".join(f"(SELECT count(*) FROM {table})" for table in _TABLES)
    row = tables.execute(f"SELECT {query}").fetchone()
    assert row is not None
    return dict(zip(_TABLES, row, strict=True))


def _fill(path: Path, pageviews: int, end: int, threads: int) -> dict[str, int]:
    once, each = re.split(r"^-{8}$", _QUERIES.read_text(), flags=re.MULTILINE)
    values = {"end": end, "sessions": pageviews * _SESSIONS // 10}
    spill = path.with_name("tmp")
    database = Database(path, Limits(_MEMORY, threads), spill)
    try:
        with database.cursor() as cursor:
            _execute(cursor, once, values)
            step = _HOURS // _SLICES
            for first in range(0, _HOURS, step):
                _execute(cursor, each, values | {"first_hour": first, "last_hour": first + step})
            rows = count(cursor)
    finally:
        database.close()
        shutil.rmtree(spill, ignore_errors=True)
    return rows


def _execute(cursor: duckdb.DuckDBPyConnection, text: str, values: dict[str, int]) -> None:
    """Execute statements one by one: DuckDB rejects a parameter that a statement does not use."""
    for statement in re.sub(r"--.*", "", text).split(";\n"):
        if statement.strip():
            cursor.execute(statement, {name: value for name, value in values.items() if f"${name}" in statement})


def _day(moment: int) -> int:
    return moment // 86_400_000_000


def _main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench.seed", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pageviews", type=int, default=PAGEVIEWS, help=f"about so many (default: {PAGEVIEWS})")
    flags = parser.parse_args(words)
    try:
        made = seed(flags.folder, flags.pageviews, int(datetime.now(UTC).timestamp() * 1e6))
    except SeedError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    size = (flags.folder / "prisme.duckdb").stat().st_size
    print(f"{made.rows} in {size / 1e6:,.0f} MB, made in {made.seconds} s")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
