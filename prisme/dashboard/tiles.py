"""The tiles: one metric each, for the whole period, with its change."""

from collections.abc import Mapping

import msgspec

from prisme.dashboard import metrics
from prisme.dashboard.metrics import METRICS, Metric, choose_values
from prisme.dashboard.number_format import NOTHING, Change
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate
from prisme.stats.dashboard import Dashboard


class Tile(msgspec.Struct, frozen=True):
    """A metric of the whole period. `link` shows it in the chart, as `chosen` says it is already."""

    id: str
    title: str
    value: str
    exact: str
    change: Change | None
    link: str
    chosen: bool


def build_tiles(state: UrlState, chosen: str, dashboard: Dashboard) -> dict[str, Tile]:
    """A tile for each of `METRICS`; `chosen` is the one that the chart shows."""
    return {name: _build_tile(state, name, metric, dashboard, name == chosen) for name, metric in METRICS.items()}


def _build_tile(state: UrlState, name: str, metric: Metric, dashboard: Dashboard, chosen: bool) -> Tile:
    link = state.link({"metric": None if name == metrics.DEFAULT else name})
    if not _is_known(metric, dashboard.totals):
        return Tile(name, translate(metric.title), NOTHING, translate("No sessions"), None, link, chosen)
    value = metric.compute(choose_values(metric, dashboard.totals))
    change = _compare(metric, value, dashboard.compared_totals)
    return Tile(
        name, translate(metric.title), metric.format_short(value), metric.format_exact(value), change, link, chosen
    )


def _is_known(metric: Metric, totals: Mapping[str, float]) -> bool:
    """Whether there is a value: a rate or an average needs a session."""
    return (
        not metric.is_average or (choose_values(metric, totals)[-1] if metric.is_fraction else totals["sessions"]) > 0
    )


def _compare(metric: Metric, value: float, totals: Mapping[str, float] | None) -> Change | None:
    if totals is None:
        return None
    before = metric.compute(choose_values(metric, totals)) if _is_known(metric, totals) else None
    return metrics.compare_values(metric, value, before)
