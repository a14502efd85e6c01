"""Results as Markdown, for people: no figure without the bare server's beside it, and their ratio."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from bench.figures import table as figures_table
from bench.figures.result import Figures
from bench.result import PERCENTILES, Result, Round, Side, is_figures, middle, read

README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- results: made by `python -m bench table --write` -->\n", "<!-- end of results -->\n"
_NONE = "No result is kept yet.\n"
# The least ratio that each work is to have.
TARGETS = {"mixed": 0.75, "noscript": 0.75, "custom": 0.70, "outbound": 0.70, "download": 0.70, "preflight": 0.90}
_NAMES = {"prisme": "Prisme", "bare": "bare", "bare too": "bare too"}


def render(result: Result) -> str:
    """One run: what it ran on, its figures side by side, and what was stored."""
    bare, other = result.bare, result.other
    cells = [
        ["", _NAMES[bare.name], _NAMES[other.name], "ratio"],
        ["---", "--:", "--:", "--:"],
        _row(result, "requests per second", lambda one: one.rate, "{:,.0f}"),
        *(_row(result, f"latency {name}, ms", _latency(name), "{:,.2f}") for name in PERCENTILES),
        _pair("CPU per request, us", bare.cpu_per_request, other.cpu_per_request, "{:,.1f}"),
        _pair("CPU of all rounds, s", bare.cpu_seconds, other.cpu_seconds, "{:,.1f}"),
        _pair("peak memory, MB", bare.peak_memory / 1e6, other.peak_memory / 1e6, "{:,.0f}"),
    ]
    ratios = " ".join(f"{ratio:.3f}" for ratio in result.rate_ratios)
    lines = [f"Ratio of each round: {ratios}; the median is {median(result.rate_ratios):.3f}.", *_tell_stored(result)]
    lines += [_tell_load(result), _tell_place(result)]
    return f"### {_title(result)}, {result.at}\n\n{_grid(cells)}\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def summary(results: list[Result]) -> str:
    """One row for each contest: how much Prisme keeps, and whether that is enough."""
    cells = [
        ["work", "ratio (median)", "lowest and highest round", "target", "met?", "run"],
        ["---", "--:", "--:", "--:", "---", "---"],
        *map(_summarise, results),
    ]
    return f"### Ratios of all contests\n\n{_grid(cells)}"


def section(results: list[Path]) -> str:
    """The README's part that is made from results, each in a file."""
    contests = [read(path) for path in results if not is_figures(path)]
    parts = [summary(contests)] if contests else []
    return "\n".join([*parts, *map(_render_file, results)]) or _NONE


def fill(readme: str, results: list[Path]) -> str:
    """The README with its results in place."""
    before, _, rest = readme.partition(_BEGIN)
    _, mark, after = rest.partition(_END)
    if not mark:
        raise ValueError("the README has no place for results")
    return f"{before}{_BEGIN}\n{section(results)}\n{_END}{after}"


def _render_file(path: Path) -> str:
    if is_figures(path):
        return figures_table.render(msgspec.json.decode(path.read_bytes(), type=Figures))
    return render(read(path))


def _grid(cells: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def _title(result: Result) -> str:
    return result.work if result.other.name == "prisme" else f"{result.work}, bare against bare"


def _summarise(result: Result) -> list[str]:
    ratios = result.rate_ratios
    target = TARGETS.get(result.work) if result.other.name == "prisme" else None
    return [
        _title(result),
        f"{median(ratios):.3f}",
        f"{min(ratios):.3f}, {max(ratios):.3f}",
        "-" if target is None else f"{target:.2f}",
        "-" if target is None else "met" if median(ratios) >= target else "NOT MET",
        result.at,
    ]


def _row(result: Result, name: str, figure: Callable[[Round], float], shape: str) -> list[str]:
    """A figure of each round: the medians, and the median of the rounds' ratios."""
    ratio = median(result.ratios(figure))
    return [name, shape.format(middle(result.bare, figure)), shape.format(middle(result.other, figure)), f"{ratio:.2f}"]


def _pair(name: str, bare: float, other: float, shape: str) -> list[str]:
    return [name, shape.format(bare), shape.format(other), f"{other / bare:.2f}" if bare else "-"]


def _latency(name: str) -> Callable[[Round], float]:
    return lambda one: one.report.latency_us[name] / 1000


def _tell_stored(result: Result) -> list[str]:
    stored = result.stored
    if stored is None:
        return []
    catch_up = max(one.catch_up_seconds for one in result.other.rounds)
    refused = sum(one.report.refusals for one in result.other.rounds)
    pageviews = (
        f"Stored {stored.pageviews:,} pageviews of {stored.accepted:,} accepted (warm-up included), in "
        f"{stored.sessions:,} sessions of {stored.visits:,} visits; database {stored.database_bytes / 1e6:,.0f} MB."
    )
    return [
        pageviews if stored.accepted else "Nothing was to be stored, and nothing was.",
        *(
            f"Stored {stored.events[table]:,} rows in {table} of {accepted:,} accepted."
            for table, accepted in stored.events_accepted.items()
            if accepted
        ),
        *([f"Refused {refused:,} requests in the rounds, as expected."] if refused else []),
        f"After a round, everything was in the database within {catch_up:.1f} s; the stop took "
        f"{stored.stop_seconds:.1f} s.",
    ]


def _tell_load(result: Result) -> str:
    options = result.options
    shares = " and ".join(
        f"{middle(side, lambda one: one.wrk_cpu_share):.0%} ({_NAMES[side.name]})"
        for side in (result.bare, result.other)
    )
    return (
        f"wrk {result.versions['wrk']} with {options['connections']} connections (threads: {options['threads']}) and "
        f"{options['addresses']:,} client addresses, {options['rounds']} rounds of {options['seconds']} s after a "
        f"warm-up; it used {shares} of a core, others {_others(result.bare, result.other):.2f} cores at most."
    )


def _others(*sides: Side) -> float:
    return max(one.others_cpu for side in sides for one in side.rounds)


def _tell_place(result: Result) -> str:
    machine, versions = result.machine, result.versions
    software = ", ".join(f"{name} {number}" for name, number in versions.items() if name != "wrk")
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory']}, {machine['kernel']}, "
        f"data on {machine['filesystem']}; {software}."
    )
