"""`python -m bench.builds OLDER [NEWER]`: two builds of Prisme, side by side in one run.

A build is a commit, which gets a worktree of its own, or a folder that is a checkout; NEWER is the working tree where
none is given. What measures is always this checkout; bench/README.md has the method.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import command, machine
from bench.builds import dashboards, journal, memory, rates, table
from bench.builds.checkout import Build, CheckoutError, checkouts
from bench.builds.result import Builds, Part
from bench.seed import SeedError
from bench.server import ServerError
from bench.wrk import WrkError

WHATS = ("rates", "dashboards", "memory", "idle", "start", "disk")
# Sizes, and those of a run that only checks that all works.
SIZES = {"rounds": 5, "seconds": 300, "round_seconds": 5, "pageviews": 40_000_000, "lines": 1_054_000}
QUICK = {"rounds": 1, "seconds": 5, "round_seconds": 2, "pageviews": 200_000, "lines": 20_000}
_DISK_PAGEVIEWS, _QUICK_DISK = 1_000_000, 40_000
# On the small machine, a query may take until its time limit.
_MOST_GROUP_ROUNDS = 3


def main(words: list[str]) -> int:
    """The exit code: 0 for success, 1 for a failure, 2 for wrong usage or a missing program, 130 if interrupted."""
    flags = _parser().parse_args(words)
    if fault := command.missing():
        print(f"bench: {fault}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, command.interrupt)
    try:
        run = _run(flags)
    except CheckoutError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except (ServerError, SeedError, WrkError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted, all servers are stopped", file=sys.stderr)
        return 130
    names = ("latest-builds", f"{flags.keep}-builds" if flags.keep else None)
    return command.finish(run, names, run.failures, lambda: table.render(run), run.missed)


def _run(flags: argparse.Namespace) -> Builds:
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    with (
        tempfile.TemporaryDirectory(prefix="prisme-builds-") as name,
        checkouts(flags.older, flags.newer, Path(name)) as builds,
    ):
        notes = []
        for build in builds:
            pins = f"The {build.name} build has packages of its own: {', '.join(build.pins)}." if build.pins else ""
            notes += [pins] if pins else []
            _say(f"{build.name}: {build.version}. {pins}")
        parts = [part for measure in _measures(flags, builds) for part in measure]
    return Builds(
        at,
        machine.describe(Path(tempfile.gettempdir())),
        machine.versions(),
        {name: getattr(flags, name) for name in ("what", "work")} | _sizes(flags),
        [figure for part in parts for figure in part.figures],
        notes + [note for part in parts for note in part.notes],
        [failure for part in parts for failure in part.failures],
        (builds[0].version, builds[1].version),
    )


def _measures(flags: argparse.Namespace, builds: tuple[Build, Build]) -> Iterator[list[Part]]:
    """What was chosen, one after the other."""
    sizes = _sizes(flags)
    rounds = sizes["rounds"]
    plan = dashboards.Plan(sizes["pageviews"], flags.folder, rounds, min(rounds, _MOST_GROUP_ROUNDS))
    on_disk = _QUICK_DISK if flags.quick else _DISK_PAGEVIEWS
    measures: dict[str, Callable[[], list[Part]]] = {
        "rates": lambda: rates.run(builds, flags.work, rounds, sizes["round_seconds"], _say),
        "dashboards": lambda: dashboards.run(builds, plan, _say),
        "memory": lambda: [memory.run_peak(builds, sizes["seconds"], _say)],
        "idle": lambda: [memory.run_idle(builds, rounds, _say)],
        "start": lambda: [journal.run_start(builds, sizes["lines"], rounds, _say)],
        "disk": lambda: [journal.run_disk(builds, on_disk, _say)],
    }
    for what in flags.what:
        yield measures[what]()


def _sizes(flags: argparse.Namespace) -> dict[str, int]:
    """Sizes by flag, where given, else by default."""
    defaults = QUICK if flags.quick else SIZES
    return {name: getattr(flags, name) or default for name, default in defaults.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.builds", description=__doc__)
    flag = parser.add_argument
    flag("older", metavar="OLDER", help="a commit, or the folder of a checkout")
    flag("newer", metavar="NEWER", nargs="?", default="", help="the same (default: the working tree)")
    flag("--what", nargs="+", choices=WHATS, default=list(WHATS), help="what is measured (default: all)")
    flag("--work", nargs="+", choices=rates.WORKS, default=list(rates.WORKS), help="works of the rates (default: all)")
    abouts = {
        "rounds": "rounds of each build, in turns",
        "seconds": "seconds at the top rate, for the memory",
        "round_seconds": "seconds of a round of the rates",
        "pageviews": "pageviews of the seeded year, for the dashboards",
        "lines": "lines left over, for the start",
    }
    for name, about in abouts.items():
        flag(f"--{name.replace('_', '-')}", type=command.whole, help=f"{about} (default: {SIZES[name]:,})")
    flag("--folder", type=Path, help="keep the seeded year here, and use it again on the same day (UTC)")
    flag("--quick", action="store_true", help="small sizes: a check, not a measurement")
    flag("--keep", metavar="NAME", help="keep the result as bench/results/NAME-builds.json")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
