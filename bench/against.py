"""`python -m bench.against FOLDER`: this checkout against another one, side by side in one run.

The other one is a checkout of Prisme, such as `git worktree add ../before v0.1.0` makes; both run with this Python and
its installed packages. The servers take turns; the ratios of rate and CPU are printed for each round, then their
medians. Only accepted requests count, and the stored rows are counted at the end.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec

from bench.check import check_report, check_stored
from bench.command import missing, whole
from bench.contest import WARM_UP_SECONDS, Tally, count_stored, run_round
from bench.markdown import grid
from bench.result import Round
from bench.server import Server, ServerError, database, running, start_prisme
from bench.wrk import Load, WrkError, works

WORK = "pageviews"
_OTHER = "the other"


def main(words: list[str]) -> int:
    """The exit code: 0 for success, 1 for a failure, 2 for wrong usage or a missing wrk."""
    parser = argparse.ArgumentParser("python -m bench.against", description=__doc__)
    parser.add_argument("folder", type=Path, help="the other checkout")
    parser.add_argument("--work", choices=works(), default=WORK, help=f"what is sent (default: {WORK})")
    parser.add_argument("--rounds", type=whole, default=5, help="rounds of each (default: 5)")
    parser.add_argument("--seconds", type=whole, default=5, help="seconds of a round (default: 5)")
    flags = parser.parse_args(words)
    fault = missing() or ("" if (flags.folder / "prisme").is_dir() else f"{flags.folder} is no checkout of Prisme")
    if fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 2
    try:
        failures = run(Load(work=flags.work, seconds=flags.seconds), flags.rounds, flags.folder.resolve())
    except (ServerError, WrkError) as error:
        failures = [str(error)]
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def run(load: Load, rounds: int, other: Path) -> list[str]:
    """Run all rounds and print the ratios; returns the failures that make them invalid, as sentences."""
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name, ExitStack() as stack:
        folders = [Path(name) / side for side in ("this", "other")]
        servers: list[Server] = []
        for folder, root in zip(folders, (None, other), strict=True):
            folder.mkdir()
            servers.append(stack.enter_context(running(start_prisme(folder, root=root))))
        sides = [Tally(server) for server in servers]
        failures = _run_rounds(load, rounds, sides)
        for folder, side in zip(folders, sides, strict=True):
            stopped = side.server.stop()
            failures += check_stored(count_stored(database(folder), side, stopped))
    _show(sides)
    return failures


def _run_rounds(load: Load, rounds: int, sides: list[Tally]) -> list[str]:
    first_visit = 0
    for number in range(rounds + 1):
        one_load = load if number else msgspec.structs.replace(load, seconds=WARM_UP_SECONDS)
        turn: list[Round] = []
        for side in sides if number % 2 else sides[::-1]:
            one = run_round(one_load, side, first_visit)
            turn.append(one)
            if faults := check_report(side.server.name, one.report, one.report.refusals_expected):
                return faults
            if number:
                side.rounds.append(one)
        first_visit += max(one.report.visits for one in turn) + load.threads
        print(f"round {number} of {rounds}" if number else "warm-up", flush=True)
    return []


def _show(sides: list[Tally]) -> None:
    this, other = (side.rounds for side in sides)
    if not this:
        return
    rates = [one.rate / two.rate for one, two in zip(this, other, strict=True)]
    costs = [_cost(one) / _cost(two) for one, two in zip(this, other, strict=True)]
    rows = [
        [str(number), f"{one.rate:,.0f}", f"{two.rate:,.0f}", f"{rate:.3f}", f"{cost:.3f}"]
        for number, (one, two, rate, cost) in enumerate(zip(this, other, rates, costs, strict=True), 1)
    ]
    rows.append(["median", "", "", f"{median(rates):.3f}", f"{median(costs):.3f}"])
    print(grid(["round", "this, a second", f"{_OTHER}, a second", "ratio of rates", "ratio of CPU each"], rows, 0))
    print("\nCPU is the server's, its loads included, for each request that was accepted.")


def _cost(one: Round) -> float:
    return one.server_cpu / max(one.report.accepted, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
