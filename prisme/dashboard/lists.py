"""The lists of a page: rows from the counts of the stats, and links to the whole list, as a page, CSV and JSON."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import msgspec

from prisme.access.sharing import credentials
from prisme.dashboard import filter_terms
from prisme.dashboard.list_types import ERRORS, LIST_TYPES, PROPERTIES, SOURCES, stats_name
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.rows import Row, Scale, build_row
from prisme.dashboard.sources import build_source_rows
from prisme.dashboard.url_state import LIST, UrlState
from prisme.stats.frames import Frame, Key
from prisme.stats.parameters import COMPARE, MOST_ROWS, SPREADSHEET

ROWS: Final = 10
CSV: Final = ".csv"
# The status filter of the errors list.
ERROR_STATUSES: Final = "4*,5*"


class List(msgspec.Struct, frozen=True):
    """A list on a page; `all`, `csv` and `json` are links to the whole of it."""

    id: str
    title: str
    unit: str
    rows: list[Row]
    all: str
    csv: str
    json: str


def build_list(
    state: UrlState,
    name: str,
    counts: Iterable[tuple[Key, float]],
    total: float,
    own_domains: frozenset[str],
    limit: int = ROWS,
) -> List:
    """The list `name` of `LIST_TYPES`, from the counts of the stats; shares are of `total`, 0 for none."""
    list_type, pairs = LIST_TYPES[name], [(str(key), count) for key, count in counts]
    if name == SOURCES:
        rows = build_source_rows(state, pairs, total, own_domains, limit)
    else:
        rows = _build_rows(state, name, pairs[:limit], total)
    export = _export_parameters(state, name)
    return List(
        name,
        list_type.title,
        list_type.unit,
        rows,
        state.link({"name": name}, LIST),
        link_export(state, stats_name(name), CSV, export),
        link_export(state, stats_name(name), "", export),
    )


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


def _export_parameters(state: UrlState, name: str) -> dict[str, str]:
    parameters = {"limit": str(MOST_ROWS)}
    if name == ERRORS:
        parameters["status"] = ERROR_STATUSES
    if name == PROPERTIES and state.get("property"):
        parameters["property"] = state.get("property")
    return parameters


def _build_rows(state: UrlState, name: str, counts: list[tuple[str, float]], total: float) -> list[Row]:
    scale = Scale(total, max((count for _, count in counts), default=0))
    filter_name = LIST_TYPES[name].filter
    return [
        build_row(
            state,
            name,
            label_row(name, key),
            filter_terms.make_value_term(filter_name, key),
            count,
            scale,
            external=key,
        )
        for key, count in counts
    ]
