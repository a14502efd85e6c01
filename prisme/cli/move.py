"""`prisme move`: copies all events into ClickHouse, or back into the data folder, compares them, and changes over."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from prisme.cli.operate import Operator, add_folder, run_command
from prisme.cli.parser import Parser

if TYPE_CHECKING:
    from prisme.operations.move import Done
    from prisme.runtime.config import Config
    from prisme.store.moved_tables import Compared

SUMMARY = "move all events into ClickHouse, or back"

_ABOUT: Final = """\
Copy all events into ClickHouse, or back into the data folder, while the server runs
or without it, and compare both by counts and sums.
  prisme move clickhouse            with eventstore = duckdb, and clickhouse_url
  prisme move clickhouse            again: only what is new, or has changed
  prisme move clickhouse --finish   without a server: the rest; then the folder is
                                    one for eventstore = clickhouse
  prisme move duckdb                with eventstore = clickhouse: the same way back
Ctrl-C is safe at any time; the next run goes on from there. The exit code is 1 where
both differ.
"""
_HEAD: Final = ("month", "visits", "pageviews", "events", "visitors", "imported", "")


def command(words: Sequence[str]) -> int:
    """`prisme move`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser("prisme move", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=["clickhouse", "duckdb"], help="where the events go")
    parser.add_argument("--finish", action="store_true", help="store there from now on, if all is equal")
    parser.add_argument("--json", action="store_true", help="print JSON, with all sums")
    parser.add_argument("--quiet", action="store_true", help="print errors and differences only")
    add_folder(parser)
    return parser


def _do(flags: argparse.Namespace, config: "Config") -> int:
    from prisme.operations.move import Arguments, Done

    done = Operator(config, not flags.quiet).run("move", Arguments(flags.target, flags.finish), Done)
    is_good = done.is_equal and (done.is_finished or not flags.finish)
    if flags.json:
        told = {**msgspec.to_builtins(done), "is_equal": done.is_equal}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
        return 0 if is_good else 1
    if not flags.quiet or not is_good:
        print("\n".join([*_list_months(done), *_describe(done, flags)]))
    return 0 if is_good else 1


def _describe(done: "Done", flags: argparse.Namespace) -> Iterator[str]:
    yield f"copied now: {done.copied:,} rows" + (
        f"; {done.deleted:,} that had changed were copied again" if done.deleted else ""
    )
    for one in done.changed:
        days = str(one.first) if one.first == one.last else f"{one.first} to {one.last}"
        yield f"{one.table} of {days} changed meanwhile, and were not compared"
    if not done.is_equal:
        yield "they differ: run this again, which copies these months again; if they still do, please report it"
    elif done.is_finished:
        yield from _describe_end(done, flags.target)
    elif done.changed and flags.finish:
        yield "not finished, as events are still coming in: stop all nodes, and run this again"
    elif done.changed:
        yield f"equal otherwise; without a server, `prisme move {flags.target} --finish` copies the rest"
    else:
        yield f"all is equal; `prisme move {flags.target} --finish`, without a server, changes over"


def _describe_end(done: "Done", target: str) -> Iterator[str]:
    yield f"all is equal and moved: start the server with eventstore = {target}"
    if done.kept:
        yield f"{done.kept} has all as it was before ({done.kept_bytes / 1e6:,.1f} MB): delete it when you no longer"
        yield "want to go back to it"
    else:
        yield "ClickHouse still has all as it was: drop its database when you no longer want to go back to it"


def _list_months(done: "Done") -> list[str]:
    """A table: what both have of each month; with a line for each difference."""
    cells: dict[str, list[str]] = {}
    for one in done.months:
        row = cells.setdefault(one.month, [one.month or "list of imports", *[""] * (len(_HEAD) - 2), "equal"])
        place, count = _place(one.table), one.duckdb.rows
        row[place] = f"{int(row[place].replace(',', '') or 0) + count:,}"
        if one.table == "sessions":
            row[4] = f"{one.duckdb.visitors:,}"
        if not one.is_equal:
            row[-1] = "DIFFERENT"
    rows = [list(_HEAD), *(cells[month] for month in sorted(cells, key=lambda month: (not month, month)))]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    lines = [_align(row, widths) for row in rows]
    return lines + [
        f"DIFFERENT: {one.table} of {one.month or 'all time'}: {name} is {here} in DuckDB, {there} in ClickHouse"
        for one in done.months
        if not one.is_equal
        for name, here, there in _list_differences(one)
    ]


def _align(row: Sequence[str], widths: Sequence[int]) -> str:
    """A line of a table: the month and the last column are texts, all else numbers."""
    numbers = [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *numbers, row[-1]]).rstrip()


def _list_differences(month: "Compared") -> Iterator[tuple[str, object, object]]:
    there = msgspec.structs.asdict(month.clickhouse)
    for name, value in msgspec.structs.asdict(month.duckdb).items():
        if value != there[name]:
            yield ("the sum of hashes" if name == "content" else name), value, there[name]


def _place(table: str) -> int:
    return {"sessions": 1, "pageviews": 2, "imported_figures": 5, "imports": 5}.get(table, 3)
