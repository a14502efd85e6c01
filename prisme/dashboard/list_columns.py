"""The columns of a whole list: its metrics, each with how a value is made, sorted by and written."""

from collections.abc import Callable
from typing import Final

import msgspec

from prisme.dashboard.list_types import PROPERTIES, list_metric, stats_name
from prisme.dashboard.lists import metric_title
from prisme.dashboard.metrics import METRICS
from prisme.dashboard.number_format import format_percent
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate
from prisme.stats.list_metrics import EVENTS, LIST_METRICS, VISITORS, Figures, list_metrics

CONVERSION: Final = "conversion-rate"
# Others have a column only where they are the chosen metric.
_ALWAYS: Final = (VISITORS, EVENTS, "bounce-rate", "duration")


class Column(msgspec.Struct, frozen=True):
    """A column: `compute` returns None where a row has no such value; `needs` are the figures to count for it."""

    name: str
    title: str
    compute: Callable[[Figures], float | None]
    write: Callable[[float], str]
    needs: tuple[str, ...]


def choose_columns(state: UrlState, name: str, visitors: float) -> list[Column]:
    """The columns of the list `name`; `visitors` are those of the period, whom conversion rates are of."""
    if name == PROPERTIES:
        return [_build_column(name, EVENTS)]
    known, chosen = list_metrics(stats_name(name)), list_metric(state, name)
    wanted = [one for one in METRICS if one in known and (one in _ALWAYS or one in (known[0], chosen))]
    columns = [_build_column(name, one) for one in wanted]
    return [*columns, _build_conversion(visitors)] if EVENTS in known else columns


def _build_column(name: str, metric: str) -> Column:
    chosen = LIST_METRICS[metric]
    return Column(metric, metric_title(name, metric), chosen.compute, METRICS[metric].format_exact, chosen.needs)


def _build_conversion(visitors: float) -> Column:
    def compute(row: Figures) -> float | None:
        # Visitors who only sent events are not among those of the period.
        return min(row.visitors / visitors, 1) if visitors else None

    return Column(CONVERSION, translate("Conversion rate"), compute, format_percent, ("visitors",))
