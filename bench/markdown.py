"""Markdown for the tables of all benchmarks."""

from collections.abc import Iterable, Sequence


def grid(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table. The first column and the last `words` columns are text, all others are figures."""
    figures = len(head) - 1 - words
    rule = ["---", *["--:"] * figures, *["---"] * words]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def mark(met: bool) -> str:
    """Whether a target was met, in words."""
    return "met" if met else "NOT MET"


def tell_place(machine: dict[str, str], versions: dict[str, str]) -> str:
    """The machine and versions of a run, in one line."""
    software = ", ".join(f"{name} {number}" for name, number in versions.items())
    place = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory']}, {machine['kernel']}"
    return f"{place}, data on {machine['filesystem']}; {software}."
