"""`python -m bench.eventstores`: one node with ClickHouse beside the same node with DuckDB, in one run.

ClickHouse is its engine from the package `chdb`, or the server whose path CLICKHOUSE_BINARY is; bench/README.md has the
method.
"""

import argparse
import importlib.util
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import command, machine
from bench.eventstores import rates, table
from bench.eventstores.result import EventStores
from bench.server import ServerError
from bench.wrk import WrkError, works
from tests.clickhouse.engine import BINARY

# Sizes, and those of a run that only checks that all works.
SIZES = {"rounds": 5, "seconds": 10, "rate": 2000}
QUICK = {"rounds": 1, "seconds": 3, "rate": 500}


def main(words: list[str]) -> int:
    """The exit code: 0 for success, 1 for a failure, 2 for wrong usage or a missing program, 130 if interrupted."""
    flags = _parser().parse_args(words)
    if fault := command.missing() or _missing():
        print(f"bench: {fault}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, command.interrupt)
    try:
        run = _run(flags)
    except (ServerError, WrkError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted, all servers are stopped", file=sys.stderr)
        return 130
    names = ("latest-eventstores", f"{flags.keep}-eventstores" if flags.keep else None)
    return command.finish(run, names, run.failures, lambda: table.render(run), run.missed)


def _missing() -> str:
    if BINARY or importlib.util.find_spec("chdb") is not None:
        return ""
    return "ClickHouse's engine is needed: pip install chdb, or CLICKHOUSE_BINARY=PATH"


def _run(flags: argparse.Namespace) -> EventStores:
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    sizes = {name: getattr(flags, name) or size for name, size in (QUICK if flags.quick else SIZES).items()}
    parts = rates.run(
        flags.work, sizes["rounds"], sizes["seconds"], sizes["rate"], lambda line: print(line, flush=True)
    )
    return EventStores(
        at,
        machine.describe(Path(tempfile.gettempdir())),
        machine.versions(),
        {"work": flags.work, "clickhouse": "server" if BINARY else "chdb", **sizes},
        [figure for part in parts for figure in part.figures],
        [note for part in parts for note in part.notes],
        [failure for part in parts for failure in part.failures],
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.eventstores", description=__doc__)
    flag = parser.add_argument
    flag("--work", nargs="+", choices=works(), default=["pageviews"], help="what is sent (default: pageviews)")
    abouts = {
        "rounds": "rounds of each server, in turns",
        "seconds": "seconds of a round",
        "rate": "requests a second, of the rounds below the top rate",
    }
    for name, about in abouts.items():
        flag(f"--{name}", type=command.whole, help=f"{about} (default: {SIZES[name]:,})")
    flag("--quick", action="store_true", help="small sizes: a check, not a measurement")
    flag("--keep", metavar="NAME", help="keep the result as bench/results/NAME-eventstores.json")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
