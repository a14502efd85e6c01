"""Results as Markdown: each figure has the bare server's beside it, and their ratio."""

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import TypeVar

from bench.builds import result as builds_result
from bench.builds import table as builds_table
from bench.builds.result import is_builds
from bench.endurance import result as endurance_result
from bench.endurance import table as endurance_table
from bench.endurance.result import Endurance, is_endurance
from bench.eventstores import result as eventstores_result
from bench.eventstores import table as eventstores_table
from bench.eventstores.result import is_eventstores
from bench.figures import result as figures_result
from bench.figures import table as figures_table
from bench.figures.result import Figures, is_figures
from bench.markdown import grid, mark, tell_place
from bench.result import PERCENTILES, Result, Round, Side, middle, read

Run = TypeVar("Run", Result, Figures, Endurance)
README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- results: made by `python -m bench table --write` -->\n", "<!-- end of results -->\n"
_NONE = "No result is kept yet.\n"
# The target for each work: the lowest ratio that meets it.
TARGETS = {"mixed": 0.75, "noscript": 0.75, "custom": 0.70, "outbound": 0.70, "download": 0.70, "preflight": 0.90}
# Another program is named as its tracker is.
_FIGURES = ("requests a second", "p99, ms", "CPU each, us", "peak, MB")
_NAMES = {"prisme": "Prisme", "goatcounter": "GoatCounter", "prisme-go": "Prisme in Go"}


def render(result: Result) -> str:
    """One run: its figures side by side, what was stored, and the machine."""
    bare, other = result.bare, result.other
    rows = [
        _row(result, "requests per second", lambda one: one.rate, "{:,.0f}"),
        *(_row(result, f"latency {name}, ms", _latency(name), "{:,.2f}") for name in PERCENTILES),
        _pair("CPU per request, us", bare.cpu_per_request, other.cpu_per_request, "{:,.1f}"),
        _pair("CPU of all rounds, s", bare.cpu_seconds, other.cpu_seconds, "{:,.1f}"),
        _pair("peak memory, MB", bare.peak_memory / 1e6, other.peak_memory / 1e6, "{:,.0f}"),
    ]
    table = grid(["", _name(bare), _name(other), "ratio"], rows, 0)
    ratios = " ".join(f"{ratio:.3f}" for ratio in result.rate_ratios)
    lines = [f"Ratio of each round: {ratios}; the median is {median(result.rate_ratios):.3f}.", *_tell_stored(result)]
    lines += [*result.notes, _tell_load(result), tell_place(result.machine, result.versions)]
    return f"### {_title(result)}, {result.at}\n\n{table}\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def summary(results: list[Result]) -> str:
    """One row for each contest: the ratio, whether it meets the target, and the figures of both."""
    head = ["work", "ratio", "lowest and highest round", "target", *_FIGURES, "run"]
    return f"### Ratios of all contests\n\n{grid(head, map(_summarise, results), 1)}\n{_tell_runs(results)}"


def beside(results: list[Result]) -> str:
    """One row for each program that Prisme was compared with; its figures are before Prisme's."""
    head = ["program", "ratio", "lowest and highest round", *_FIGURES, "run"]
    rows = [[_name(one.bare), *_ratios(one), *_compare(one), one.at] for one in results]
    notes = "".join(f"- {note}\n" for one in results for note in one.notes)
    return f"### Other programs\n\n{grid(head, rows, 1)}\n{notes}{_tell_runs(results)}"


def section(results: list[Path]) -> str:
    """The part of the README that is made from the files of results: summaries first.

    Of each measure, the latest run on each machine counts.
    """
    builds = [builds_result.read(path) for path in results if is_builds(path)]
    figures = _latest(figures_result.read(path) for path in results if is_figures(path))
    endurance = _latest(endurance_result.read(path) for path in results if is_endurance(path))
    stores = sorted(map(eventstores_result.read, filter(is_eventstores, results)), key=lambda one: one.at)
    kinds = (is_builds, is_eventstores, is_figures, is_endurance)
    others = [path for path in results if not any(is_kind(path) for is_kind in kinds)]
    runs = _latest(map(read, others))
    contests = [one for one in runs if not is_beside(one)]
    programs = [one for one in runs if is_beside(one)]
    parts = [builds_table.history(builds)] if builds else []
    parts += [eventstores_table.render(stores[-1])] if stores else []
    parts += [summary(contests)] if contests else []
    parts += [beside(programs)] if programs else []
    parts += [endurance_table.summary(endurance)] if endurance else []
    parts += map(figures_table.render, figures)
    parts += map(endurance_table.render, endurance)
    return "\n".join(parts) or _NONE


def is_beside(result: Result) -> bool:
    """Whether a run was beside another program."""
    return not result.bare.name.startswith("bare")


def _latest(runs: Iterable[Run]) -> list[Run]:
    """The latest run of each measure on each machine; by measure, the latest first."""
    found: dict[tuple[str, str, str], Run] = {}
    for run in sorted(runs, key=lambda one: one.at):
        found[_measure(run), run.machine["cpu"], run.machine["cores"]] = run
    return sorted(sorted(found.values(), key=lambda one: one.at, reverse=True), key=_measure)


def _measure(run: Result | Figures | Endurance) -> str:
    if isinstance(run, Result):
        return _title(run)
    return run.what if isinstance(run, Endurance) else ""


def fill(readme: str, results: list[Path]) -> str:
    """The README with its part for results replaced."""
    before, _, rest = readme.partition(_BEGIN)
    _, mark, after = rest.partition(_END)
    if not mark:
        raise ValueError("the README has no place for results")
    return f"{before}{_BEGIN}\n{section(results)}\n{_END}{after}"


def _name(side: Side) -> str:
    return _NAMES.get(side.name, side.name)


def _title(result: Result) -> str:
    return result.work if result.other.name == "prisme" else f"{result.work}, bare against bare"


def _summarise(result: Result) -> list[str]:
    target = TARGETS.get(result.work) if result.other.name == "prisme" else None
    met = "-" if target is None else f"{target:.2f}: {mark(median(result.rate_ratios) >= target)}"
    return [_title(result), *_ratios(result), met, *_compare(result), result.at]


def _ratios(result: Result) -> list[str]:
    ratios = result.rate_ratios
    return [f"{median(ratios):.3f}", f"{min(ratios):.3f}, {max(ratios):.3f}"]


def _compare(result: Result) -> list[str]:
    """The figures of both, what Prisme is compared with first; those that were not measured are 0."""
    bare, other = result.bare, result.other
    rates = [middle(side, lambda one: one.rate) for side in (bare, other)]
    latencies = [middle(side, _latency("p99")) for side in (bare, other)]
    pairs = [
        (rates[0], rates[1], "{:,.0f}"),
        (latencies[0], latencies[1], "{:,.2f}"),
        (bare.cpu_per_request, other.cpu_per_request, "{:,.1f}"),
        (bare.peak_memory / 1e6, other.peak_memory / 1e6, "{:,.0f}"),
    ]
    return [f"{shape.format(one) if one else '-'} / {shape.format(two)}" for one, two, shape in pairs]


def _tell_runs(results: list[Result]) -> str:
    """The machine and the load of these runs, each once."""
    told: dict[str, list[str]] = {}
    for one in results:
        told.setdefault(f"{_tell_rounds(one)} {tell_place(one.machine, one.versions)}", []).append(_title(one))
    return "".join(f"- {', '.join(titles)}: {text}\n" for text, titles in told.items())


def _tell_rounds(result: Result) -> str:
    options = result.options
    return (
        f"{options['rounds']} rounds of {options['seconds']} s, {options['connections']} connections, "
        f"{options['addresses']:,} addresses, all stored."
    )


def _row(result: Result, name: str, figure: Callable[[Round], float], shape: str) -> list[str]:
    """A figure of each round: the medians, and the median of the rounds' ratios."""
    ratio = median(result.ratios(figure))
    return [name, shape.format(middle(result.bare, figure)), shape.format(middle(result.other, figure)), f"{ratio:.2f}"]


def _pair(name: str, bare: float, other: float, shape: str) -> list[str]:
    """A figure that is 0 was not measured."""
    return [name, shape.format(bare) if bare else "-", shape.format(other), f"{other / bare:.2f}" if bare else "-"]


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
        f"{middle(side, lambda one: one.wrk_cpu_share):.0%} ({_name(side)})" for side in (result.bare, result.other)
    )
    return (
        f"wrk with {options['connections']} connections (threads: {options['threads']}) and "
        f"{options['addresses']:,} client addresses, {options['rounds']} rounds of {options['seconds']} s after a "
        f"warm-up; it used {shares} of a core, others {_others(result.bare, result.other):.2f} cores at most."
    )


def _others(*sides: Side) -> float:
    return max(one.others_cpu for side in sides for one in side.rounds)
