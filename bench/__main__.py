"""`python -m bench`: runs the contest or the figures, prints and keeps the result. README.md describes the method."""

import argparse
import signal
import sys
from pathlib import Path

from bench import command, table
from bench.contest import Contest, run
from bench.figures import command as figures
from bench.peers import command as peers
from bench.result import Result, kept
from bench.server import ServerError
from bench.wrk import ADDRESSES, CONNECTIONS, Load, WrkError, works

QUICK_ROUNDS, QUICK_SECONDS = 2, 2


def main(words: list[str]) -> int:
    """The exit code: 0 for success, 1 for a failed run, 2 for wrong usage or a missing program, 130 if interrupted."""
    flags = _parser().parse_args(words)
    if flags.command == "table":
        return _print_table(flags.files, flags.write)
    missing = command.missing()
    if missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, command.interrupt)
    try:
        if flags.against:
            return peers.measure(flags, *_size(flags, "mixed"))
        if flags.command == "figures":
            return figures.measure(flags)
        return max([_measure(flags, work) for work in (works() if flags.work == "all" else [flags.work])])
    except KeyboardInterrupt:
        print("bench: interrupted, all servers are stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    flag = parser.add_argument
    flag("--work", choices=["all", *works()], default="mixed", help="what is sent (default: mixed)")
    flag("--rounds", type=command.whole, default=5, help="rounds of each server, in turns (default: 5)")
    flag("--seconds", type=command.whole, default=5, help="seconds of a round (default: 5)")
    flag(
        "--connections",
        type=command.whole,
        default=CONNECTIONS,
        help=f"connections, kept open (default: {CONNECTIONS})",
    )
    flag("--threads", type=command.whole, default=1, help="threads of wrk (default: 1)")
    flag("--addresses", type=command.whole, default=ADDRESSES, help=f"client addresses (default: {ADDRESSES})")
    flag("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds of {QUICK_SECONDS} s: a check, not a measurement")
    flag("--noise", action="store_true", help="bare against bare: how far the ratio is off 1 by chance")
    flag("--keep", metavar="NAME", help="keep the result as bench/results/NAME.json (with --work all: NAME-WORK.json)")
    peers.add_flags(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    tables = commands.add_parser("table", help="print the tables of kept results")
    tables.add_argument("files", nargs="*", type=Path, help="results (default: all kept ones)")
    tables.add_argument("--write", action="store_true", help="put them into bench/README.md")
    figures.add_flags(commands.add_parser("figures", help="the speed of the stats API, alone and while events come in"))
    return parser


def _size(flags: argparse.Namespace, work: str) -> tuple[Load, int]:
    """The load of a round, and the number of rounds. wrk needs as many connections for each thread."""
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if flags.quick else (flags.rounds, flags.seconds)
    connections = max(flags.connections - flags.connections % flags.threads, flags.threads)
    return Load(work, seconds, connections, flags.threads, flags.addresses), rounds


def _measure(flags: argparse.Namespace, work: str) -> int:
    load, rounds = _size(flags, work)
    print(f"{work}: {rounds} rounds of {load.seconds} s, each server in turn", flush=True)
    try:
        result = run(Contest(load, rounds, flags.noise), lambda line: print(line, flush=True))
    except (ServerError, WrkError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return _finish(result, flags)


def _finish(result: Result, flags: argparse.Namespace) -> int:
    """Print and store the result; the exit code."""
    name = f"{result.work}-noise" if flags.noise else result.work
    keep = f"{flags.keep}-{name}" if flags.keep and flags.work == "all" else flags.keep
    return command.finish(result, (f"latest-{name}", keep), result.failures, lambda: table.render(result), None)


def _print_table(files: list[Path], write: bool) -> int:
    results = files or kept()
    print(table.section(results), end="")
    if write:
        table.README.write_text(table.fill(table.README.read_text(), results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
