"""`python -m bench.endurance WHAT`: reads the flags, measures, prints, keeps. bench/README.md has the method."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench import command, machine
from bench.endurance import disk, flood, growth, imports, memory, sessions, soak, start, table, tail, upkeep
from bench.endurance.result import Endurance, Outcome
from bench.seed import SeedError
from bench.server import ServerError
from bench.wrk import WrkError


class Measure(NamedTuple):
    """`plan` and `quick` are sizes, of which the flags come; `run` measures."""

    plan: Any
    quick: Any
    run: Callable[[Any, Callable[[str], None]], Outcome]
    about: str


MEASURES = {
    "tail": Measure(tail.Plan(), tail.QUICK, tail.run, "latency while segments are loaded, and who holds the loop"),
    "growth": Measure(growth.Plan(), growth.QUICK, growth.run, "loading with years in the file, and with none"),
    "memory": Measure(memory.Plan(), memory.QUICK, memory.run, "the server's memory at the top rate"),
    "sessions": Measure(sessions.Plan(), sessions.QUICK, sessions.run, "the memory of an open session"),
    "flood": Measure(flood.Plan(), flood.QUICK, flood.run, "memory when nothing comes twice"),
    "disk": Measure(disk.Plan(), disk.QUICK, disk.run, "bytes a pageview in the file"),
    "start": Measure(start.Plan(), start.QUICK, start.run, "the start with a full journal"),
    "imports": Measure(imports.Plan(), imports.QUICK, imports.run, "an access log, imported beside GoatCounter"),
    "upkeep": Measure(upkeep.Plan(), upkeep.QUICK, upkeep.run, "commands beside events"),
    "soak": Measure(soak.Plan(), soak.QUICK, soak.run, "an hour of events, with dashboards open"),
}


def main(words: list[str]) -> int:
    """The exit code: 0 fine, 1 a failure in what was measured, 2 wrong usage or a missing tool, 130 interrupted.

    A missed target is said, but is no failure.
    """
    flags = _parser().parse_args(words)
    fault = command.missing()
    if fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, command.interrupt)
    measure = MEASURES[flags.what]
    given = {name: value for name in measure.plan.__struct_fields__ if (value := getattr(flags, name)) is not None}
    plan = msgspec.structs.replace(measure.quick if flags.quick else measure.plan, **given)
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        outcome = measure.run(plan, lambda line: print(line, flush=True))
    except (ServerError, WrkError, SeedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted, all servers are stopped", file=sys.stderr)
        return 130
    place = machine.describe(Path(tempfile.gettempdir()))
    options = msgspec.to_builtins(plan)
    return finish(Endurance(flags.what, at, place, machine.versions(), options, outcome), flags.keep)


def finish(run: Endurance, keep: str | None) -> int:
    """Print and store the result; the exit code."""
    names = (f"latest-{run.what}", f"{keep}-{run.what}" if keep else None)
    return command.finish(run, names, run.outcome.failures, lambda: table.render(run), run.missed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.endurance", description=__doc__)
    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for what, measure in MEASURES.items():
        flags = commands.add_parser(what, help=measure.about)
        for name in measure.plan.__struct_fields__:
            default = getattr(measure.plan, name)
            flags.add_argument(f"--{name}", type=command.whole, help=f"default: {default:,}")
        flags.add_argument("--quick", action="store_true", help="small sizes: a check, not a measurement")
        flags.add_argument("--keep", metavar="NAME", help=f"keep the result as bench/results/NAME-{what}.json")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
