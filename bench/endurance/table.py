"""Endurance as Markdown, for people."""

from bench.endurance.result import Endurance, Figure


def render(run: Endurance) -> str:
    """One measure: its figures side by side, its notes, and what it ran on."""
    outcome = run.outcome
    rows = [
        ["", *outcome.names, "ratio", "target"],
        ["---", "--:", "--:", "--:", "---"],
        *map(_row, outcome.figures),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    lines = [*outcome.notes, _tell_place(run)]
    return f"### endurance: {run.what}, {run.at}\n\n{table}\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def _row(one: Figure) -> list[str]:
    base = "-" if one.base is None else _number(one.base)
    ratio = "-" if one.ratio is None else f"{one.ratio:.2f}"
    return [f"{one.what}, {one.unit}", base, _number(one.value), ratio, _target(one)]


def _target(one: Figure) -> str:
    if one.most is None:
        return "-"
    unit = "ratio" if one.of == "ratio" else one.unit
    return f"{unit} at most {one.most:g}: {'met' if one.met else 'NOT MET'}"


def _number(value: float) -> str:
    """Three digits at least, of what is small."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def _tell_place(run: Endurance) -> str:
    machine = run.machine
    software = ", ".join(f"{name} {number}" for name, number in run.versions.items())
    place = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory']}, {machine['kernel']}"
    return f"{place}, data on {machine['filesystem']}; {software}."
