"""The lists of a page: rows from the figures of the stats, and links to the whole list, as a page, CSV and JSON."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import msgspec

from prisme.access.sharing import credentials
from prisme.dashboard.list_items import build_items
from prisme.dashboard.list_types import ERRORS, LIST_TYPES, PROPERTIES, list_metric, stats_name
from prisme.dashboard.metrics import METRICS, compare_values
from prisme.dashboard.number_format import Change, format_percent
from prisme.dashboard.rows import Item, Row, link_row
from prisme.dashboard.url_state import LIST, UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats.frames import Frame, Key
from prisme.stats.list_metrics import EVENTS, LIST_METRICS, VISITORS, Figures, list_metrics
from prisme.stats.parameters import COMPARE, MOST_ROWS, SPREADSHEET

ROWS: Final = 10
CSV: Final = ".csv"
# The status filter of the errors list.
ERROR_STATUSES: Final = "4*,5*"
# Titles for the narrow columns of lists, where they differ from those of tiles.
_TITLES: Final = {"duration": mark("Duration")}


class List(msgspec.Struct, frozen=True):
    """A list on a page; `all`, `csv` and `json` are links to the whole of it.

    `unit` is what its numbers are; `share_title` is empty without shares, and so are changes without a comparison.
    """

    id: str
    title: str
    unit: str
    rows: list[Row]
    all: str
    csv: str
    json: str
    share_title: str = ""
    has_changes: bool = False


class ListData(msgspec.Struct, frozen=True):
    """The figures of a list, ordered by the metric that `LIST_METRICS` has under this name.

    `earlier` are those of the compared span, None without one; if `is_cut`, others follow them. Shares are of `total`,
    0 for none.
    """

    metric: str
    rows: Sequence[Figures]
    total: float = 0
    earlier: Sequence[Figures] | None = None
    is_cut: bool = False


def build_list(state: UrlState, name: str, data: ListData, limit: int = ROWS) -> List:
    """The list `name` of `LIST_TYPES`: its first rows."""
    rank = LIST_METRICS[data.metric].rank
    ranked = [row for row in data.rows if getattr(row, rank)]
    rows = _build_rows(state, name, data, build_items(name, ranked)[:limit])
    export = export_parameters(state, name)
    return List(
        name,
        translate(LIST_TYPES[name].title),
        metric_title(name, data.metric),
        rows,
        state.link({"name": name}, LIST),
        link_export(state, stats_name(name), CSV, export),
        link_export(state, stats_name(name), "", export),
        _share_title(name, data),
        data.earlier is not None,
    )


def metric_title(name: str, metric: str) -> str:
    """What the numbers of a list are, at the head of their column."""
    return translate(LIST_TYPES[name].unit if metric == EVENTS else _TITLES.get(metric, METRICS[metric].title))


def format_share(value: float, total: float) -> str:
    """A share of a total that may be counted in another way: of those who came before the period, say."""
    return format_percent(min(value / total, 1)) if total else ""


def frame_rows(frame: Frame) -> Sequence[tuple[Key, float]]:
    """The keys and values of a frame, as pairs."""
    return list(zip(frame.keys, frame.values, strict=True))


def link_export(state: UrlState, name: str, extension: str = "", more: Mapping[str, str] = MappingProxyType({})) -> str:
    """The URL of the stats API for `name`, with the page's period and filters; `more` are further parameters.

    CSV is linked to be opened in a spreadsheet.
    """
    parameters = {key: text for key, text in state.stats_parameters().items() if key not in COMPARE} | dict(more)
    parameters |= credentials(state.parameters)
    if extension == CSV:
        parameters[SPREADSHEET] = "1"
    return f"{state.root}/api/v1/stats/{name}{extension}?{urlencode(parameters)}"


def export_parameters(state: UrlState, name: str) -> dict[str, str]:
    """The parameters of the stats API for all rows of a list, by the chosen metric."""
    parameters = {"limit": str(MOST_ROWS)}
    if name == ERRORS:
        parameters["status"] = ERROR_STATUSES
    if name == PROPERTIES:
        return parameters | ({"property": state.get("property")} if state.get("property") else {})
    metric = list_metric(state, name)
    return parameters if metric == list_metrics(stats_name(name))[0] else parameters | {"metric": metric}


def _share_title(name: str, data: ListData) -> str:
    if not data.total:
        return ""
    is_conversion = data.metric == VISITORS and EVENTS in list_metrics(stats_name(name))
    return translate("Conversion rate") if is_conversion else translate("Share")


def _build_rows(state: UrlState, name: str, data: ListData, items: list[Item]) -> list[Row]:
    compute, metric = LIST_METRICS[data.metric].compute, METRICS[data.metric]
    values = [compute(item.figures) or 0 for item in items]
    highest = max(values, default=0)
    changes = _find_changes(name, data, items)
    return [
        link_row(
            Row(
                item.label,
                metric.format_short(value),
                metric.format_exact(value),
                format_share(value, data.total),
                round(100 * value / highest, 1) if highest else 0,
                changes.get(item.key),
            ),
            state,
            name,
            item,
        )
        for item, value in zip(items, values, strict=True)
    ]


def _find_changes(name: str, data: ListData, items: list[Item]) -> dict[str, Change]:
    """The change of each item by key, without those whose earlier value is unknown."""
    if data.earlier is None:
        return {}
    compute, metric = LIST_METRICS[data.metric].compute, METRICS[data.metric]
    before = {item.key: item.figures for item in build_items(name, data.earlier)}
    found = {}
    for item in items:
        if item.key not in before and data.is_cut:
            continue
        now, then = compute(item.figures) or 0, compute(before.get(item.key, Figures(item.key)))
        found[item.key] = compare_values(metric, now, then)
    return found
