"""Endurance as Markdown, for people."""

from bench.endurance.result import Endurance, Figure
from bench.markdown import grid, mark, tell_place


def render(run: Endurance) -> str:
    """One measure: its figures side by side, its notes, and what it ran on."""
    outcome = run.outcome
    table = grid(["", *outcome.names, "ratio", "target"], map(_row, outcome.figures))
    if outcome.parts is not None:
        table += f"\n{grid(outcome.parts.head, outcome.parts.rows, 0)}"
    lines = [*outcome.notes, tell_place(run.machine, run.versions)]
    return f"### endurance: {run.what}, {run.at}\n\n{table}\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def summary(runs: list[Endurance]) -> str:
    """One row for each target of these runs."""
    head = ["what lasts", "measured", "beside", "ratio", "target", "met?", "run"]
    rows = [_summarise(run, one) for run in runs for one in run.outcome.figures if one.most is not None]
    return f"### Targets of endurance\n\n{grid(head, rows, 3)}"


def _summarise(run: Endurance, one: Figure) -> list[str]:
    return [
        f"{run.what}: {one.what}, {one.unit}",
        *_figures(one)[::-1],
        _ratio(one),
        _target(one),
        mark(one.met),
        run.at,
    ]


def _row(one: Figure) -> list[str]:
    target = "-" if one.most is None else f"{_target(one)}: {mark(one.met)}"
    return [f"{one.what}, {one.unit}", *_figures(one), _ratio(one), target]


def _figures(one: Figure) -> list[str]:
    return ["-" if one.base is None else _number(one.base), _number(one.value)]


def _ratio(one: Figure) -> str:
    return "-" if one.ratio is None else f"{one.ratio:.2f}"


def _target(one: Figure) -> str:
    return f"{'ratio' if one.of == 'ratio' else one.unit} at most {one.most:g}"


def _number(value: float) -> str:
    """Three digits at least, of what is small."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"
