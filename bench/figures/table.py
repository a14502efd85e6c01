"""Figures as Markdown, for people."""

from bench.figures.result import Figures, Reading
from bench.markdown import grid, mark, tell_place


def render(figures: Figures) -> str:
    """Both tables: answers beside the scan, events beside the events that came in alone; then what it ran on."""
    answers = grid(
        ["answers", "number", "median, ms", "p95, ms", "median by scan", "target"], map(_row, figures.readings)
    )
    rows = []
    for one, growth in zip(figures.intakes, figures.growths(), strict=True):
        latency = [f"{one.report.latency_us[name] / 1000:,.2f}" for name in ("p50", "p99")]
        target = "-" if one is figures.intakes[0] else f"below {figures.growth:g}: {mark(growth < figures.growth)}"
        rows.append([one.beside, f"{one.rate:,.0f}", *latency, f"{growth:.2f}", target])
    events = grid(["events, beside", "accepted per second", "p50, ms", "p99, ms", "p99 by alone", "target"], rows)
    lines = "\n".join(f"- {line}" for line in _tell(figures))
    return f"### figures, {figures.at}\n\n{answers}\n{events}\n{lines}\n"


def missed(figures: Figures) -> list[str]:
    """The targets that were not met."""
    later = zip(figures.intakes[1:], figures.growths()[1:], strict=True)
    return [one.what for one in figures.readings if not one.met] + [
        f"events beside {one.beside}" for one, growth in later if growth >= figures.growth
    ]


def _row(one: Reading) -> list[str]:
    names = {"median_ms": "median", "p95_ms": "p95"}
    said = ", ".join(f"{names[name]} {most:g} ms" for name, most in one.targets.items())
    target = f"{said}: {mark(one.met)}" if said else "-"
    return [one.what, str(one.answers), f"{one.median_ms:,.1f}", f"{one.p95_ms:,.1f}", f"{one.ratio:.2f}", target]


def _tell(figures: Figures) -> list[str]:
    seeded, options = figures.seeded, figures.options
    scans = {one.what.split(",")[0]: one.scan_ms for one in figures.readings}
    scanned = " and ".join(f"{ms:,.1f} ms ({what})" for what, ms in scans.items())
    lines = [
        f"A plain scan of the same columns took {scanned}.",
        f"{seeded['pageviews']:,} pageviews in {seeded['sessions']:,} sessions of a year, "
        f"{figures.seeded_bytes / 1e6:,.0f} MB, made in {figures.seed_seconds:,.0f} s; DuckDB had "
        f"{options['memory']} and {options['threads']} threads, the server's peak was "
        f"{figures.peak_memory / 1e6:,.0f} MB.",
        f"{options['rate']:,} events a second for {options['seconds']} s each time, readers think for "
        f"{options['think']:g} s; others used {max(one.others_cpu for one in figures.intakes):.2f} cores at most.",
    ]
    if figures.stored is not None:
        lines.append(f"Stored {figures.stored.pageviews:,} pageviews of {figures.stored.accepted:,} accepted.")
    return [*lines, tell_place(figures.machine, figures.versions)]
