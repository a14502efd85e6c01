"""Comparisons of builds as Markdown, for people: one run, and all kept ones with a column for each day."""

from bench.builds.result import Builds, Figure, Reach
from bench.markdown import grid, mark, tell_place


def render(run: Builds) -> str:
    """One run: each figure of both builds, its ratio, and what is to be reached."""
    table = grid(["", "older", "newer", "ratio", "reach"], map(row, run.figures))
    lines = [f"Builds {run.commits[0]} and {run.commits[1]}.", *run.notes, tell_place(run.machine, run.versions)]
    return f"### builds, {run.at}\n\n{table}\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def history(runs: list[Builds]) -> str:
    """All figures of kept runs, with a column for each day; of a day's runs, the latest that has the figure counts."""
    days: dict[str, dict[str, Figure]] = {}
    for run in sorted(runs, key=lambda one: one.at):
        days.setdefault(_day(run), {}).update({one.what: one for one in run.figures})
    latest = {what: one for figures in days.values() for what, one in figures.items()}
    rows = [
        [
            f"{what}, {one.unit}",
            *(_cell(figures[what]) if what in figures else "-" for figures in days.values()),
            _reach(one),
        ]
        for what, one in latest.items()
    ]
    notes = [
        " ".join([f"{run.at}: {' and '.join(run.commits)}.", *run.notes, tell_place(run.machine, run.versions)])
        for run in runs
    ]
    table = grid(["older → newer (ratio)", *days, "reach, by the latest"], rows)
    return f"### Builds side by side\n\n{table}\n" + "\n".join(f"- {note}" for note in notes) + "\n"


def _day(run: Builds) -> str:
    return run.at.split()[0]


def row(one: Figure) -> list[str]:
    """A figure of both, its ratio, and what is to be reached."""
    older, newer = _figures(one)
    return [f"{one.what}, {one.unit}", older, newer, _ratio(one), _reach(one)]


def _cell(one: Figure) -> str:
    older, newer = _figures(one)
    return f"{older} → {newer} ({_ratio(one)})"


def _figures(one: Figure) -> tuple[str, str]:
    statuses = one.statuses or ([200], [200])
    older, newer = (
        _number(value) + _failed(some) for value, some in zip((one.older, one.newer), statuses, strict=True)
    )
    return older, newer


def _failed(statuses: list[int]) -> str:
    """The statuses, where one is not 200; 0 is no response."""
    if all(status == 200 for status in statuses):
        return ""
    return f" [{' '.join(str(status) if status else 'none' for status in statuses)}]"


def _ratio(one: Figure) -> str:
    return "-" if one.ratio is None else f"{one.ratio:.2f}"


def _reach(one: Figure) -> str:
    if one.met is None:
        return "-"
    limits = [_limit(one.reach)] if one.reach is not None else []
    limits += ["all 200"] if one.statuses is not None and one.reach is None else []
    return f"{', '.join(limits)}: {mark(one.met)}"


def _limit(reach: Reach) -> str:
    of = "ratio " if reach.of == "ratio" else ""
    return f"{of}{'at least' if reach.least else 'at most'} {reach.limit:g}"


def _number(value: float) -> str:
    """Three digits at least, of what is small."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"
