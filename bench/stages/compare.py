"""Figures against the committed ones: what became dearer, what cheaper, and by which measure."""

import platform
from pathlib import Path

import msgspec

from bench.markdown import grid

COMMITTED = Path(__file__).parent / "committed.json"
REFERENCE = "reference"
# So much more, or less, is no chance: runs of the same code agree within 5%, most stages within 1%.
MARGIN = 0.10
# Another interpreter spends its instructions elsewhere: scaled by the reference, single stages are still a tenth off.
OTHER_MARGIN = 0.20
# An interpreter whose reference is further off is another one, whatever it says of itself.
SAME = 0.02
_INTERPRETER = ("python", "build", "architecture")


class Figures(msgspec.Struct, frozen=True):
    """Instructions a pageview, by stage, the reference among them, and what they were counted on.

    `machine` has `python`, `build` (its compiler) and `architecture`, which make the interpreter, and `valgrind`.
    """

    machine: dict[str, str]
    stages: dict[str, int]


class Row(msgspec.Struct, frozen=True):
    """One stage: `committed` as it stands in the file, `ratio` to it, scaled; None where nothing is committed."""

    name: str
    now: int
    committed: int | None
    ratio: float | None
    by_reference: float


class Comparison(msgspec.Struct, frozen=True):
    """`scale` is what the committed figures are multiplied by: 1 on the same interpreter.

    `failures` are sentences, each with what to do; `remarks` ask for new figures, and are no failure.
    """

    rows: list[Row]
    scale: float
    margin: float
    failures: list[str]
    remarks: list[str]


def describe(valgrind: str) -> dict[str, str]:
    """What counts here."""
    return {
        "python": platform.python_version(),
        "build": platform.python_compiler(),
        "architecture": platform.machine(),
        "valgrind": valgrind,
    }


def compare(committed: Figures, now: Figures) -> Comparison:
    """Judge all stages. Both figures have the reference."""
    reference = now.stages[REFERENCE]
    scale = reference / committed.stages.get(REFERENCE, reference)
    same = abs(scale - 1) <= SAME and all(committed.machine.get(key) == now.machine[key] for key in _INTERPRETER)
    scale, margin = (1.0, MARGIN) if same else (scale, OTHER_MARGIN)
    failures, remarks, rows = [], [], []
    for name, count in now.stages.items():
        before = committed.stages.get(name)
        ratio = None if before is None else count / (before * scale)
        rows.append(Row(name, count, before, ratio, count / reference))
        if ratio is None:
            failures.append(f"{name}: no figure is committed; commit one with `python -m bench.stages --commit`")
        elif ratio > 1 + margin:
            failures.append(
                f"{name}: {ratio - 1:+.0%} instructions, {margin:.0%} is the limit; make it cheaper, or commit new "
                "figures with `python -m bench.stages --commit` and say so in the commit"
            )
        elif ratio < 1 - margin:
            remarks.append(f"{name}: {ratio - 1:+.0%} instructions; renew the figures with `--commit`")
    failures += [
        f"{name}: committed, but no stage any more; commit figures without it with `python -m bench.stages --commit`"
        for name in committed.stages
        if name not in now.stages
    ]
    return Comparison(rows, scale, margin, failures, remarks)


def render(comparison: Comparison, committed: Figures | None, now: Figures) -> str:
    """The table, and what it was counted on."""
    rows = []
    for row in comparison.rows:
        before = "-" if row.committed is None else f"{row.committed:,}"
        ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
        rows.append([row.name, f"{row.now:,}", before, ratio, f"{row.by_reference:.2f}"])
    table = grid(["stage", "instructions now", "committed", "ratio", "by reference"], rows, 0)
    lines = [table, f"Now: {_tell(now)}."]
    if committed is not None:
        lines.append(f"Committed: {_tell(committed)}.")
    if comparison.margin != MARGIN:
        lines.append(
            f"Another Python: committed figures count {comparison.scale:.3f} times, by the reference, and the limit is "
            f"{comparison.margin:.0%} in place of {MARGIN:.0%}."
        )
    return "\n".join(lines)


def read(path: Path) -> Figures | None:
    """The committed figures; None where there are none yet. Raises msgspec.DecodeError where the file is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Figures)
    except FileNotFoundError:
        return None


def write(figures: Figures, path: Path) -> None:
    """Make these the committed ones."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")


def _tell(figures: Figures) -> str:
    machine = figures.machine
    return (
        f"Python {machine['python']} ({machine['build']}) on {machine['architecture']}, valgrind {machine['valgrind']}"
    )
