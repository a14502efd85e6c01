"""The data of the chart: a metric by bucket, computed from the series of the stats."""

from collections.abc import Mapping

from prisme.base.timexpr import SECOND
from prisme.dashboard.chart import Chart, Options, Series, draw_chart
from prisme.dashboard.metrics import Metric
from prisme.dashboard.url_state import UrlState
from prisme.stats.dashboard import Dashboard
from prisme.stats.frames import Frame
from prisme.stats.parameters import StatsQuery


def build_chart(state: UrlState, metric: Metric, dashboard: Dashboard, query: StatsQuery, now: int) -> Chart:
    """The chart of a metric over the period, at the time `now` (microseconds)."""
    series = Series(query.span.edges, _compute(metric, dashboard.series))
    compared = None
    if query.compared is not None and dashboard.compared_series is not None:
        compared = Series(query.compared.edges, _compute(metric, dashboard.compared_series))

    # The same for all buckets, which may be thousands.
    link = state.link({"period": None, "from": None, "to": None, "interval": None})
    link += "&" if "?" in link else "?"

    def zoom_link(start: int, end: int) -> str:
        if query.interval == "minute":
            return ""
        # The first bucket may begin before 1970.
        return f"{link}from={max(start, 0) // SECOND}&to={min(end, now) // SECOND}"

    options = Options(query.interval, query.zone, metric.format_short, zoom_link, metric.is_whole)
    return draw_chart(series, compared, options, now)


def _compute(metric: Metric, series: Mapping[str, Frame]) -> list[float]:
    return [metric.compute(values) for values in zip(*(series[name].values for name in metric.series), strict=True)]
