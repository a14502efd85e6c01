"""What a pageview takes on the disk, sessions included, once the write-ahead log is empty; and which table takes it."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import msgspec

from bench.check import check_stored, count_all
from bench.endurance.loading import load
from bench.endurance.result import Figure, Outcome, compare
from bench.endurance.traffic import AT_ONCE, UNHURRIED, Traffic
from bench.server import database

BYTES = 40.0
# Columns that take less are not worth a line.
_COLUMN = 1.0


class Plan(msgspec.Struct, frozen=True):
    """So many pageviews, in segments of `events`: what comes in a second at the top rate."""

    pageviews: int = 1_000_000
    events: int = 15_000


QUICK = Plan(40_000, 10_000)


def run(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Load, close, and look at the file. Raises ServerError; the files are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        folder = Path(name)
        sizes: dict[int, tuple[float, float]] = {}
        failures, columns = [], {}
        for under_way in (AT_ONCE, UNHURRIED):
            path = database(folder / str(under_way))
            traffic = Traffic(1, under_way, time.time_ns() // 1000)
            segments = max(plan.pageviews // plan.events, 1)
            traffic.write(path.parent / "journal", segments, plan.events)
            load(path.parent)
            stored = count_all(path, segments * plan.events, traffic.visits)
            failures += check_stored(stored)
            sizes[under_way] = stored.database_bytes / stored.pageviews, _copy(path) / stored.pageviews
            say(f"{sizes[under_way][0]:.1f} bytes a pageview, {under_way:,} visits at a time")
            if under_way == AT_ONCE:
                columns = {name: size / stored.pageviews for name, size in measure(path).items()}
        return conclude(sizes, columns, stored.pageviews, plan.events, failures)


def conclude(
    sizes: dict[int, tuple[float, float]],
    columns: dict[tuple[str, str], float],
    pageviews: int,
    events: int,
    failures: list[str],
) -> Outcome:
    """Figures of sizes a pageview: by visits under way (the file and its copy), and by table and column."""
    file, copy = sizes[AT_ONCE]
    unit = "bytes"
    figures = [msgspec.structs.replace(compare("a pageview", unit, file, copy), most=BYTES, of="value")]
    tables: defaultdict[str, float] = defaultdict(float)
    for (table, _), size in columns.items():
        tables[table] += size
    figures += [
        Figure(f"of it, {table}", unit, size) for table, size in sorted(tables.items(), key=lambda one: -one[1])
    ]
    figures.append(Figure("of it, free blocks and all else", unit, file - sum(tables.values())))
    slow, slow_copy = sizes[UNHURRIED]
    figures.append(compare(f"a pageview, {UNHURRIED:,} visits at a time", unit, slow, slow_copy))
    most = sorted(columns.items(), key=lambda one: -one[1])
    told = ", ".join(f"{table}.{column} {size:.1f}" for (table, column), size in most if size >= _COLUMN)
    notes = [
        f"{pageviews:,} pageviews in segments of {events:,}, {AT_ONCE:,} visits at a time as wrk has them, then a "
        "checkpoint. Written at once: the same rows in a new file, by COPY FROM DATABASE.",
        f"Bytes a pageview, by column: {told}. A block counts for the columns that are in it, by where they begin.",
    ]
    return Outcome(("written at once", "as loaded"), figures, notes, failures)


def measure(path: Path) -> dict[tuple[str, str], int]:
    """The bytes of each table's columns in a closed file, by their blocks; what is unused at a block's end included."""
    blocks: defaultdict[int, list[tuple[int, tuple[str, str]]]] = defaultdict(list)
    sizes: defaultdict[tuple[str, str], int] = defaultdict(int)
    with closing(duckdb.connect(str(path), read_only=True)) as tables:
        (size,) = tables.execute("SELECT block_size FROM pragma_database_size()").fetchall()[0]
        query = "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal"
        for (table,) in tables.execute(query).fetchall():
            query = (
                "SELECT column_name, block_id, block_offset, additional_block_ids FROM pragma_storage_info(?) "
                "WHERE persistent AND block_id >= 0"
            )
            for column, block, offset, more in tables.execute(query, [table]).fetchall():
                place = table.removeprefix("main."), column
                blocks[block].append((offset, place))
                for other in more or ():
                    blocks[other].append((0, place))
    for parts in blocks.values():
        parts.sort()
        ends = [offset for offset, _ in parts[1:]] + [size]
        for (offset, place), end in zip(parts, ends, strict=True):
            sizes[place] += end - offset
    return dict(sizes)


def _copy(path: Path) -> int:
    """The bytes that the same rows take in a file that is written in one go."""
    copy = path.with_name("copy.duckdb")
    with closing(duckdb.connect()) as tables:
        tables.execute(f"ATTACH '{path}' AS loaded (READ_ONLY)")
        tables.execute(f"ATTACH '{copy}' AS copied")
        tables.execute("COPY FROM DATABASE loaded TO copied")
        tables.execute("CHECKPOINT copied")
    return copy.stat().st_size
