"""Results as Markdown: each figure has the bare server's beside it, and their ratio."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.endurance import result as endurance_result
from bench.endurance import table as endurance_table
from bench.endurance.result import is_endurance
from bench.figures import result as figures_result
from bench.figures import table as figures_table
from bench.figures.result import is_figures
from bench.markdown import grid, mark, tell_place
from bench.result import PERCENTILES, Result, Round, Side, middle, read

README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- results: made by `python -m bench table --write` -->\n", "<!-- end of results -->\n"
_NONE = "No result is kept yet.\n"
# The target for each work: the lowest ratio that meets it.
TARGETS = {"mixed": 0.75, "noscript": 0.75, "custom": 0.70, "outbound": 0.70, "download": 0.70, "preflight": 0.90}
# Another program is named as its tracker is.
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
    """One row for each contest: the ratio, and whether it meets the target."""
    head = ["work", "ratio (median)", "lowest and highest round", "target", "met?", "run"]
    return f"### Ratios of all contests\n\n{grid(head, map(_summarise, results), 2)}"


def section(results: list[Path]) -> str:
    """The part of the README that is made from the files of results: the summaries, then each run."""
    figures = [path for path in results if is_figures(path)]
    endurance = [endurance_result.read(path) for path in results if is_endurance(path)]
    contests = [read(path) for path in results if not is_figures(path) and not is_endurance(path)]
    parts = [summary(contests)] if contests else []
    parts += [endurance_table.summary(endurance)] if endurance else []
    parts += map(render, contests)
    parts += [figures_table.render(figures_result.read(path)) for path in figures]
    parts += map(endurance_table.render, endurance)
    return "\n".join(parts) or _NONE


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
    ratios = result.rate_ratios
    target = TARGETS.get(result.work) if result.other.name == "prisme" else None
    return [
        _title(result),
        f"{median(ratios):.3f}",
        f"{min(ratios):.3f}, {max(ratios):.3f}",
        "-" if target is None else f"{target:.2f}",
        "-" if target is None else mark(median(ratios) >= target),
        result.at,
    ]


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
