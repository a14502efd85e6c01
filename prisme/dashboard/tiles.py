"""The tiles: one metric each, for the whole period, with its change."""

import msgspec

from prisme.dashboard import metrics
from prisme.dashboard.metrics import METRICS, Metric
from prisme.dashboard.number_format import Change, describe_change
from prisme.dashboard.url_state import UrlState
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
    value = metric.compute([dashboard.totals[series] for series in metric.series])
    link = state.link({"metric": None if name == metrics.DEFAULT else name})
    change = _compare(metric, value, dashboard)
    return Tile(name, metric.title, metric.format_short(value), metric.format_exact(value), change, link, chosen)


def _compare(metric: Metric, value: float, dashboard: Dashboard) -> Change | None:
    if dashboard.compared_totals is None:
        return None
    before = metric.compute([dashboard.compared_totals[series] for series in metric.series])
    return describe_change(value, before, metric.format_short(before), less_is_better=metric.less_is_better)
