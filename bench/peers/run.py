"""Both servers take turns; then what they have stored is counted."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench import machine
from bench.check import check_report, check_stored, doubts
from bench.contest import WARM_UP_SECONDS, Tally, count_stored, run_round
from bench.peers.peer import Peer
from bench.peers.tracker import Tracker
from bench.result import Result
from bench.server import database, running, start_prisme
from bench.wrk import Load

Say = Callable[[str], None]
_OURS = "trackers/prisme"


def run(peer: Peer, tracker: Tracker, load: Load, rounds: int, say: Say) -> Result:
    """Run a warm-up and the rounds. Raises ServerError or WrkError; Prisme is gone afterwards, the peer goes on."""
    at = datetime.now(UTC)
    peer.check_alive()
    before = peer.wait_counted() if peer.counts else 0
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        folder = Path(name)
        with running(start_prisme(folder)) as prisme:
            ours, theirs = Tally(prisme), Tally(peer)
            failures = _take_turns(load, rounds, theirs, ours, say)
            kept = [theirs.side(), ours.side()]
            stored = count_stored(database(folder), ours, prisme.stop())
            failures += [f"prisme: {fault}" for fault in check_stored(stored)]
        notes = [f"{peer.name}: {tracker.about}."]
        if peer.counts and not failures:
            told, fault = _compare(peer, tracker, before, theirs.rows["pageviews"])
            notes.append(told)
            failures += fault
        if not peer.is_measured:
            notes.append(f"CPU and memory of {peer.name} were not measured: its process was not named.")
        return Result(
            f"against {peer.name}",
            at.strftime("%Y-%m-%d %H:%M UTC"),
            machine.describe(folder),
            machine.versions(),
            msgspec.to_builtins(load) | {"rounds": rounds, "warm_up_seconds": WARM_UP_SECONDS},
            kept[0],
            kept[1],
            stored,
            failures,
            notes,
        )


def _take_turns(load: Load, rounds: int, theirs: Tally, ours: Tally, say: Say) -> list[str]:
    """Returns the failures; the first ends it, as the run is invalid."""
    first_visit = 0
    for number in range(rounds + 1):
        seconds = load.seconds if number else WARM_UP_SECONDS
        said = []
        visits = 0
        for tally in (theirs, ours) if number % 2 else (ours, theirs):
            one_load = msgspec.structs.replace(load, seconds=seconds)
            if tally is ours:
                one_load = msgspec.structs.replace(one_load, work=_OURS, host="127.0.0.1")
            one = run_round(one_load, tally, first_visit)
            if faults := check_report(tally.server.name, one.report, 0):
                wrong = one.report.wrong
                return [*faults, f"the first response that is none of success: {wrong}"] if wrong else faults
            visits = max(visits, one.report.visits)
            if number:
                tally.rounds.append(one)
            said.append(f"{tally.server.name} {one.rate:,.0f}/s")
            said += [f"({doubt})" for doubt in doubts(one.wrk_cpu_share, load.threads, 0)]
        first_visit += visits + load.threads
        say(f"{f'round {number} of {rounds}' if number else 'warm-up'}: {', '.join(said)}")
    return []


def _compare(peer: Peer, tracker: Tracker, before: int, accepted: int) -> tuple[str, list[str]]:
    """What the peer has stored of what it has accepted, in words, and the failure, if any."""
    stored = peer.wait_counted(before + accepted) - before
    told = f"{peer.name} stored {stored:,} of {accepted:,} accepted; at most {tracker.loss:.1%} may be missing."
    missing = accepted - stored
    return told, [told] if missing < 0 or missing > tracker.loss * accepted else []
