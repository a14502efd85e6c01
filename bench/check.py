"""Checks that a run is valid, and counts what was stored. Each failure is a sentence; a valid run has none."""

from contextlib import closing
from pathlib import Path

import duckdb

from bench.result import Report, Stored

# Above this share of its threads' time, wrk is the limit.
WRK_BUSY = 0.9
# The number of cores that other programs may use during a round.
OTHERS_BUSY = 0.2


def check_report(who: str, report: Report, refusals_expected: int) -> list[str]:
    """The failures of one server in one round."""
    faults = {
        f"{report.sent - report.answered} of {report.sent} requests were not answered": report.answered != report.sent,
        f"{report.refusals} answers were no success, {refusals_expected} should be": report.refusals
        != refusals_expected,
        f"{report.socket_errors} socket errors or timeouts": bool(report.socket_errors),
        "no request was accepted": not report.accepted,
    }
    return [f"{who}: {fault}" for fault, found in faults.items() if found]


def check_stored(stored: Stored) -> list[str]:
    """The differences between the rows in the database and the accepted events."""
    failures = []
    if stored.pageviews != stored.accepted:
        failures.append(f"{stored.pageviews} pageviews stored, {stored.accepted} accepted")
    if stored.pageviews_of_sessions != stored.pageviews:
        failures.append(f"sessions count {stored.pageviews_of_sessions} pageviews, {stored.pageviews} are stored")
    for table, rows in stored.events.items():
        accepted = stored.events_accepted.get(table, 0)
        if rows != accepted:
            failures.append(f"{rows} rows stored in {table}, {accepted} accepted")
    return failures


def count_all(path: Path, accepted: int, visits: int, before: tuple[int, int] = (0, 0), stopped: float = 0.0) -> Stored:
    """The rows of a closed database without the pageviews and sessions of `before`, with the accepted pageviews.

    `visits` is the number of visits sent; `stopped` is the duration of the server's stop in seconds.
    """
    with closing(duckdb.connect(str(path), read_only=True)) as tables:
        row = tables.execute(
            "SELECT (SELECT count(*) FROM pageviews), count(*), coalesce(sum(pageviews), 0)::BIGINT FROM sessions"
        ).fetchone()
    assert row is not None
    pageviews, sessions, of_sessions = row[0] - before[0], row[1] - before[1], row[2] - before[0]
    return Stored(accepted, pageviews, visits, sessions, of_sessions, round(stopped, 2), path.stat().st_size)


def doubts(wrk_cpu_share: float, threads: int, others_cpu: float) -> list[str]:
    """Reasons to doubt the figures of a round that is valid."""
    said = []
    if wrk_cpu_share > WRK_BUSY * threads:
        said.append(f"wrk used {wrk_cpu_share:.0%} of a core: it may have been the limit")
    if others_cpu > OTHERS_BUSY:
        said.append(f"others used {others_cpu:.2f} cores meanwhile")
    return said
