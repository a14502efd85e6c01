"""`python -m bench figures`: its flags, and what it says at the end."""

import argparse
import sys
from pathlib import Path

from bench import command
from bench.figures import table
from bench.figures.result import Figures
from bench.figures.run import Plan, run
from bench.seed import PAGEVIEWS, SeedError
from bench.server import ServerError
from bench.wrk import WrkError

QUICK_PAGEVIEWS, QUICK_SECONDS, QUICK_REQUESTS = 200_000, 3, 6


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Describe the flags."""
    flag = parser.add_argument
    flag("--pageviews", type=int, default=PAGEVIEWS, help=f"about so many are seeded (default: {PAGEVIEWS:,})")
    flag("--folder", type=Path, help="keep the seeded database here, and use it again on the same day (UTC)")
    flag("--seconds", type=int, default=20, help="seconds of each load (default: 20)")
    flag("--rate", type=int, default=2000, help="events a second (default: 2000)")
    flag("--readers", type=int, default=5, help="readers at a time (default: 5)")
    flag("--requests", type=int, default=30, help="questions of the reader who is alone (default: 30)")
    flag("--think", type=float, default=0.0, help="seconds from an answer to the next question (default: 0)")
    flag("--quick", action="store_true", help=f"{QUICK_PAGEVIEWS:,} pageviews, {QUICK_SECONDS} s: only a check")
    flag("--keep", metavar="NAME", help="keep the result as bench/results/NAME-figures.json")


def measure(flags: argparse.Namespace) -> int:
    """The exit code: 0 fine, 1 a failure in what was measured, 2 wrong usage. A missed target is no failure."""
    pageviews, seconds, requests = flags.pageviews, flags.seconds, flags.requests
    if flags.quick:
        pageviews, seconds, requests = QUICK_PAGEVIEWS, QUICK_SECONDS, QUICK_REQUESTS
    plan = Plan(pageviews, seconds, requests, flags.readers, flags.rate, flags.think, flags.folder)
    if min(plan.pageviews // 1000, plan.seconds, plan.readers, plan.requests, plan.rate) < 1 or plan.think < 0:
        print("bench: all numbers must be at least 1, and pageviews 1000", file=sys.stderr)
        return 2
    try:
        return finish(run(plan, lambda line: print(line, flush=True)), flags.keep)
    except (ServerError, WrkError, SeedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def finish(figures: Figures, keep: str | None) -> int:
    """Print and store the result; the exit code."""
    names = ("latest-figures", f"{keep}-figures" if keep else None)
    return command.finish(figures, names, figures.failures, lambda: table.render(figures), table.missed(figures))
