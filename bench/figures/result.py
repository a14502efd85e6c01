"""A run of the figures as it is kept. Values only, and what follows from them."""

import math
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import msgspec

from bench.result import Report, Stored, percentile


class Reading(msgspec.Struct, frozen=True):
    """Answers of one kind, in milliseconds; `scan_ms` is what reading the columns alone takes.

    `targets`: the most that `median_ms` and `p95_ms` should be.
    """

    what: str
    answers: int
    median_ms: float
    p95_ms: float
    scan_ms: float
    targets: dict[str, float]

    @property
    def ratio(self) -> float:
        """The median, by the scan."""
        return self.median_ms / self.scan_ms

    @property
    def met(self) -> bool:
        """Whether all targets are met."""
        return self.median_ms <= self.targets.get("median_ms", math.inf) and self.p95_ms <= self.targets.get(
            "p95_ms", math.inf
        )


class Intake(msgspec.Struct, frozen=True):
    """Events coming in, for so many seconds, while something else was done; `others_cpu` in cores."""

    beside: str
    report: Report
    seconds: float
    others_cpu: float

    @property
    def rate(self) -> float:
        """Events accepted per second."""
        return self.report.accepted / self.seconds


class Figures(msgspec.Struct, frozen=True):
    """A whole run; `intakes` begin with the one that nothing was beside. `growth` is the most that its p99 may grow."""

    at: str
    machine: dict[str, str]
    versions: dict[str, str]
    options: dict[str, int | float | str]
    seeded: dict[str, int]
    seeded_bytes: int
    seed_seconds: float
    readings: list[Reading]
    intakes: list[Intake]
    growth: float
    peak_memory: int
    stored: Stored | None
    failures: list[str]

    def growths(self) -> list[float]:
        """Of each intake, its p99 by that of the first."""
        alone = self.intakes[0].report.latency_us["p99"]
        return [one.report.latency_us["p99"] / alone for one in self.intakes]


def reading(what: str, seconds: Iterable[float], scan: float, targets: dict[str, float]) -> Reading:
    """A reading of some answers."""
    times = sorted(1000 * second for second in seconds)
    p95 = percentile(times, 0.95)
    return Reading(what, len(times), round(median(times), 2), round(p95, 2), round(1000 * scan, 2), targets)


def read(path: Path) -> Figures:
    """Read a run that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=Figures)


def is_figures(path: Path) -> bool:
    """Whether a result is one of these."""
    return path.stem.endswith("-figures")
