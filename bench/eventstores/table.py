"""Comparisons of event stores as Markdown, for people."""

from bench.builds.table import row
from bench.eventstores.result import EventStores
from bench.markdown import grid, tell_place


def render(run: EventStores) -> str:
    """One run: each figure with both stores, its ratio, and what is to be reached."""
    table = grid(["", "DuckDB", "ClickHouse", "ratio", "reach"], map(row, run.figures))
    lines = [*run.notes, tell_place(run.machine, run.versions)]
    return f"### Event stores, {run.at}\n\n{table}\n" + "\n".join(f"- {line}" for line in lines) + "\n"
