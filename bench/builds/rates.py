"""Rate and CPU of each work: both builds and their bare servers take turns."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.builds.checkout import Build
from bench.builds.result import Figure, Part, Reach, compare
from bench.check import check_report, check_stored, doubts
from bench.contest import WARM_UP_SECONDS, Tally, count_stored, run_round
from bench.result import Round
from bench.server import database, running
from bench.wrk import Load

WORKS = ("mixed", "pageviews", "noscript", "custom", "outbound", "download", "preflight")
_RATES = {"mixed": Reach(1.35, least=True)}
_COSTS = {"pageviews": Reach(0.70)}
_SHARES = {
    **dict.fromkeys(("custom", "outbound", "download"), Reach(0.75, "newer", least=True)),
    "preflight": Reach(0.90, "newer", least=True),
}


class Side(NamedTuple):
    """One build: its server, the bare one, and the folder of its data."""

    prisme: Tally
    bare: Tally
    folder: Path


def run(
    builds: tuple[Build, Build], works: list[str], rounds: int, seconds: int, say: Callable[[str], None]
) -> list[Part]:
    """One part for each work. Raises ServerError or WrkError; the servers are gone afterwards."""
    return [_measure(builds, Load(work, seconds), rounds, say) for work in works]


def _measure(builds: tuple[Build, Build], load: Load, rounds: int, say: Callable[[str], None]) -> Part:
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name, ExitStack() as stack:
        sides, stops = [], []
        for build in builds:
            folder = Path(name) / build.name
            folder.mkdir()
            servers = build.serve(folder), build.serve_bare(folder)
            prisme, bare = (stack.enter_context(running(one)) for one in servers)
            sides.append(Side(Tally(prisme), Tally(bare), folder))
            stops.append((prisme, bare))
        failures = _take_turns(sides, load, rounds, say)
        if failures:
            return Part([], [], failures)
        for side, (prisme, bare) in zip(sides, stops, strict=True):
            bare.stop()
            stored = count_stored(database(side.folder), side.prisme, prisme.stop())
            failures += [f"{side.prisme.server.name}: {fault}" for fault in check_stored(stored)]
    said = {
        f"{load.work}: {doubt}."
        for side in sides
        for tally in (side.prisme, side.bare)
        for one in tally.rounds
        for doubt in doubts(one.wrk_cpu_share, load.threads, 0)
    }
    others = max(one.others_cpu for side in sides for one in side.prisme.rounds)
    notes = [
        f"{load.work}: {rounds} rounds of {load.seconds} s; others used {others:.2f} cores at most.",
        *sorted(said),
    ]
    return Part(conclude(load.work, *sides), notes, failures)


def _take_turns(sides: list[Side], load: Load, rounds: int, say: Callable[[str], None]) -> list[str]:
    """A warm-up and the rounds; returns the failures, of which the first ends it."""
    first_visit = 0
    for number in range(rounds + 1):
        one_load = load if number else msgspec.structs.replace(load, seconds=WARM_UP_SECONDS)
        visits, rates = [], {}
        for side in sides if number % 2 else sides[::-1]:
            for tally in (side.prisme, side.bare):
                one = run_round(one_load, tally, first_visit)
                visits.append(one.report.visits)
                rates[tally.server.name] = one.rate
                expected = one.report.refusals_expected if tally is side.prisme else 0
                if faults := check_report(f"{load.work}: {tally.server.name}", one.report, expected):
                    return faults
                if number:
                    tally.rounds.append(one)
        first_visit += max(visits) + load.threads
        told = ", ".join(f"{name} {rates[name]:,.0f}/s" for name in sorted(rates, reverse=True))
        say(f"{load.work}: {f'round {number} of {rounds}' if number else 'warm-up'}: {told}")
    return []


def conclude(work: str, older: Side, newer: Side) -> list[Figure]:
    """The figures of the rounds of both."""
    sides = older, newer

    def take(figure: Callable[[Round], float]) -> tuple[list[float], list[float]]:
        one, two = ([figure(one) for one in side.prisme.rounds] for side in sides)
        return one, two

    shares = [
        [prisme.rate / max(bare.rate, 1e-9) for prisme, bare in zip(side.prisme.rounds, side.bare.rounds, strict=True)]
        for side in sides
    ]
    return [
        compare(
            f"{work}: accepted", "a second", take(lambda one: one.report.accepted / one.load_seconds), _RATES.get(work)
        ),
        compare(f"{work}: CPU of each", "us", take(_cost), _COSTS.get(work)),
        compare(f"{work}: rate by bare", "ratio", (shares[0], shares[1]), _SHARES.get(work)),
    ]


def _cost(one: Round) -> float:
    return one.server_cpu / max(one.report.accepted, 1) * 1e6
