"""The data of the chart: a metric by bucket, computed from the series of the stats."""

from collections.abc import Mapping

from prisme.base.timexpr import SECOND
from prisme.dashboard.chart import Chart, Options, Series, draw_chart
from prisme.dashboard.metrics import Metric, choose_values
from prisme.dashboard.url_state import UrlState
from prisme.stats.dashboard import Dashboard
from prisme.stats.frames import Frame
from prisme.stats.parameters import StatsQuery


def build_chart(
    state: UrlState, metric: Metric, dashboard: Dashboard, query: StatsQuery, now: int, notes: Mapping[int, str]
) -> Chart:
    """The chart of a metric over the period, at the time `now` (microseconds); `notes` are those of some buckets."""
    series = Series(query.span.edges, compute_values(metric, dashboard.series))
    compared = None
    if query.compared is not None and dashboard.compared_series is not None:
        compared = Series(query.compared.edges, compute_values(metric, dashboard.compared_series))

    # The same for all buckets, which may be thousands.
    link = state.link({"period": None, "from": None, "to": None, "interval": None})
    link += "&" if "?" in link else "?"

    def zoom_link(start: int, end: int) -> str:
        if query.interval == "minute":
            return ""
        # The first bucket may begin before 1970.
        return f"{link}from={max(start, 0) // SECOND}&to={min(end, now) // SECOND}"

    options = Options(
        query.interval,
        query.zone,
        metric.format_short,
        zoom_link,
        metric.is_whole,
        metric.is_duration,
        metric.is_fraction,
    )
    return draw_chart(series, compared, options, now, notes)


def compute_values(metric: Metric, series: Mapping[str, Frame]) -> list[float]:
    """The values of a metric by bucket."""
    chosen = (frame.values for frame in choose_values(metric, series))
    return [metric.compute(values) for values in zip(*chosen, strict=True)]
