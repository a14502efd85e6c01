"""`prisme query`: answers questions in SQL, one or, at a prompt, many."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from prisme.cli.operate import Operator, UsageError, add_folder, run_command
from prisme.cli.parser import Parser
from prisme.runtime.terminal import is_terminal

if TYPE_CHECKING:
    from prisme.operations.query import Done
    from prisme.runtime.config import Config

SUMMARY = "answer a question in SQL, while the server runs"

_ABOUT = """\
Run one SELECT on the tables of events, in DuckDB's SQL. It reads these tables and nothing
else, and ends after a deadline; events are recorded meanwhile.
  prisme query "SELECT path, count(*) FROM pageviews GROUP BY ALL ORDER BY 2 DESC LIMIT 10"
  prisme query --format csv --output pages.csv --file pages.sql
  prisme query
Without SQL, it is read from standard input; on a terminal, from a prompt with history and
completion. docs/query.md has the tables and more examples.
"""
_STDIN, _STDOUT = 0, 1
_DEADLINE: Final = 60.0  # seconds
_ROWS: Final = 10_000


def command(words: Sequence[str]) -> int:
    """`prisme query`."""
    return run_command(make_parser(), words, _do)


def make_parser() -> argparse.ArgumentParser:
    """Its parser."""
    parser = Parser("prisme query", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sql", nargs="?", metavar="SQL", help="one SELECT; - reads it from standard input")
    parser.add_argument("--file", metavar="FILE", help="a file with the SQL")
    add_folder(parser)
    parser.add_argument("--format", choices=["table", "csv", "json", "parquet"], default="table", help="default: table")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument("--output", metavar="FILE", help="where to write the result; default: standard output")
    parser.add_argument(
        "--deadline", type=_parse_seconds, default=_DEADLINE, metavar="SECONDS", help="stop after so long; default: 60"
    )
    parser.add_argument(
        "--max-rows", type=_parse_count, default=_ROWS, metavar="N", help="print at most so many; default: 10000"
    )
    return parser


def _parse_seconds(text: str) -> float:
    from prisme.operations.query import MOST_SECONDS

    with contextlib.suppress(ValueError):
        if 0 < float(text) <= MOST_SECONDS:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to {MOST_SECONDS:,}")


def _parse_count(text: str) -> int:
    from prisme.operations.query import MOST_ROWS

    if text.isdecimal() and 1 <= int(text) <= MOST_ROWS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows from 1 to {MOST_ROWS:,}")


def _do(flags: argparse.Namespace, config: "Config") -> None:
    if flags.sql is not None and flags.file is not None:
        raise UsageError("give the SQL or --file, not both")
    operator = Operator(config)
    if flags.sql is None and flags.file is None and is_terminal(_STDIN):
        from prisme.cli.query_prompt import converse

        converse(operator, lambda sql: answer(operator, sql, flags))
        return
    answer(operator, _read(flags), flags)


def _read(flags: argparse.Namespace) -> str:
    """The SQL. Raises OSError and ValueError."""
    if flags.file is not None:
        return Path(flags.file).read_text("utf-8")
    if flags.sql not in {None, "-"}:
        return str(flags.sql)
    return sys.stdin.buffer.read().decode("utf-8")


def answer(operator: Operator, sql: str, flags: argparse.Namespace) -> None:
    """Print or write the result of a query."""
    from prisme.operations import query

    if flags.format == "parquet" and flags.output is None and is_terminal(_STDOUT):
        raise UsageError("a Parquet file is no text for a terminal: use --output FILE")
    as_: Literal["json", "csv", "parquet"] = "json" if flags.format == "table" else flags.format
    body = bytearray()
    done = operator.run(
        "query", query.Arguments(sql, as_, flags.deadline, flags.max_rows), query.Done, receive=body.extend
    )
    if flags.format == "table":
        from prisme.cli.table import format_table

        body = bytearray(format_table(bytes(body), flags.output is None and is_terminal(_STDOUT)).encode("utf-8"))
    _write(flags.output, bytes(body) + b"\n" * (as_ == flags.format == "json"))
    _warn(done, flags)


def _write(output: str | None, body: bytes) -> None:
    """Write the whole, or leave what was there. Raises OSError."""
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    if target.exists() and not target.is_file():  # such as /dev/stdout
        target.write_bytes(body)
        return
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_bytes(body)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _warn(done: "Done", flags: argparse.Namespace) -> None:
    if done.truncated:
        cause = f"--max-rows {flags.max_rows}" if done.rows >= flags.max_rows else "its size"
        print(f"prisme: the result is cut after {done.rows} rows, by {cause}", file=sys.stderr)
