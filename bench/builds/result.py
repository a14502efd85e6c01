"""A comparison of two builds as it is kept: figures, their ratios, and what is to be reached. Values only."""

from pathlib import Path
from statistics import median
from typing import Literal

import msgspec


class Reach(msgspec.Struct, frozen=True):
    """What is to be reached: a limit of the ratio, or of the newer build's figure."""

    limit: float
    of: Literal["ratio", "newer"] = "ratio"
    least: bool = False

    def is_met(self, ratio: float | None, newer: float) -> bool:
        """Whether the limit is kept; a ratio that could not be taken meets none."""
        measured = ratio if self.of == "ratio" else newer
        return measured is not None and (measured >= self.limit if self.least else measured <= self.limit)


class Figure(msgspec.Struct, frozen=True):
    """One figure of both builds, in `unit`; `ratio` is the newer one's by the older one's.

    `rounds` are what `older` and `newer` are the medians of. `statuses` are those of each build's responses, where
    these are a part of the figure: then the newer one's have to be all 200, beside what is to be reached.
    """

    what: str
    unit: str
    older: float
    newer: float
    ratio: float | None
    reach: Reach | None = None
    statuses: tuple[list[int], list[int]] | None = None
    rounds: tuple[list[float], list[float]] | None = None

    @property
    def met(self) -> bool | None:
        """Whether it reaches what it should; None where there is nothing to reach."""
        if self.reach is None and self.statuses is None:
            return None
        answered = self.statuses is None or all(status == 200 for status in self.statuses[1])
        return answered and (self.reach is None or self.reach.is_met(self.ratio, self.newer))


class Part(msgspec.Struct, frozen=True):
    """What one measure found."""

    figures: list[Figure]
    notes: list[str]
    failures: list[str]


class Comparison(msgspec.Struct, frozen=True):
    """A whole run of two sides: when and where it was, and what was measured."""

    at: str
    machine: dict[str, str]
    versions: dict[str, str]
    options: dict[str, int | str | list[str]]
    figures: list[Figure]
    notes: list[str]
    failures: list[str]

    @property
    def missed(self) -> list[str]:
        """The figures that do not reach what they should."""
        return [one.what for one in self.figures if one.met is False]


class Builds(Comparison, frozen=True):
    """One of two builds, with the commits of both, older first."""

    commits: tuple[str, str]


def compare(
    what: str,
    unit: str,
    rounds: tuple[list[float], list[float]],
    reach: Reach | None = None,
    statuses: tuple[list[int], list[int]] | None = None,
) -> Figure:
    """The medians of both builds' rounds, older first, and the median of the rounds' ratios.

    There is no ratio where a response was not 200: its time is of something else.
    """
    older, newer = rounds
    has_failed = statuses is not None and any(status != 200 for side in statuses for status in side)
    ratios = [two / one for one, two in zip(older, newer, strict=True) if one and not has_failed]
    ratio = median(ratios) if ratios else None
    return Figure(what, unit, median(older), median(newer), ratio, reach, statuses, rounds)


def read(path: Path) -> Builds:
    """Read a run that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=Builds)


def is_builds(path: Path) -> bool:
    """Whether a result is one of these."""
    return path.stem.rpartition("-")[2] == "builds"
