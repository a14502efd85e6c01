"""A run as it is kept: figures beside what they are compared with, and their targets. Values only."""

from pathlib import Path
from typing import Literal

import msgspec

WHATS = ("tail", "growth", "memory", "sessions", "flood", "disk", "start", "upkeep", "imports", "soak")


class Figure(msgspec.Struct, frozen=True):
    """One figure, in `unit`, and what it is compared with, where there is something.

    `ratio` is `value` by `base`, or the median of such ratios, where there were rounds. `most` is the target, of the
    value or of the ratio as `of` says; None for a figure that only explains others.
    """

    what: str
    unit: str
    value: float
    base: float | None = None
    ratio: float | None = None
    most: float | None = None
    of: Literal["value", "ratio"] = "value"

    @property
    def met(self) -> bool:
        """Whether the target is met; a ratio that could not be taken meets none."""
        if self.most is None:
            return True
        measured = self.value if self.of == "value" else self.ratio
        return measured is not None and measured <= self.most


class Grid(msgspec.Struct, frozen=True):
    """A table of its own, as text."""

    head: list[str]
    rows: list[list[str]]


class Outcome(msgspec.Struct, frozen=True):
    """What one measure found. `names` are of the base and of what is measured: the table's columns.

    `parts` are what happened in the course of time.
    """

    names: tuple[str, str]
    figures: list[Figure]
    notes: list[str]
    failures: list[str]
    parts: Grid | None = None


class Endurance(msgspec.Struct, frozen=True):
    """A whole run of the measure `what`."""

    what: str
    at: str
    machine: dict[str, str]
    versions: dict[str, str]
    options: dict[str, int]
    outcome: Outcome

    @property
    def missed(self) -> list[str]:
        """The targets that were not met."""
        return [one.what for one in self.outcome.figures if not one.met]


def compare(
    what: str, unit: str, value: float, base: float, *, ratio: float | None = None, most: float | None = None
) -> Figure:
    """A figure whose target, where it has one, is of its ratio; `ratio` where it is not simply that of both."""
    return Figure(what, unit, value, base, (value / base if base else None) if ratio is None else ratio, most, "ratio")


def read(path: Path) -> Endurance:
    """Read a run that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=Endurance)


def is_endurance(path: Path) -> bool:
    """Whether a result is one of these."""
    return path.stem.rpartition("-")[2] in WHATS
