"""Rounds for the tests of endurance, and the figures of an outcome."""

from typing import Any

import msgspec

from bench.endurance.result import Figure, Outcome
from bench.result import Report, Round

REPORT = Report(1000, 0, 330, 1000, 0, 0, 1.5, {"p50": 1000, "p90": 2000, "p99": 3000, "p99.9": 4000, "max": 9000})


def make_round(**changes: Any) -> Round:
    return Round(msgspec.structs.replace(REPORT, **changes), 1.0, 0.5, 0.5, 0.01, 0.3)


def by_name(outcome: Outcome, what: str) -> Figure:
    (found,) = [one for one in outcome.figures if one.what == what]
    return found
