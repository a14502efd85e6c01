"""`/dashboard/list`: all of one list, sorted, searched, and a page of it at a time."""

from typing import Final

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.list_query import read_whole_list
from prisme.dashboard.list_types import LIST_TYPES
from prisme.dashboard.period_menu import describe_period
from prisme.dashboard.url_state import LIST, UrlState, read_parameters
from prisme.stats.parameters import COMPARE, MOST_ROWS, PROPERTY, read_query
from prisme.stats.queries import Stats
from prisme.web.pages import viewer as viewing
from prisme.web.pages.viewer import Board, Viewer
from prisme.web.responses import Response

_ROWS: Final = 100
_SORTS: Final = {"": "count", "name": "name"}


def show_list(board: Board, viewer: Viewer) -> Response | Refusal:
    """The page. Raises InputError for a wrong question."""
    given = dict(viewer.given)
    name, sort = given.pop("name", ""), given.pop("sort", "")
    search, start = given.pop("search", ""), given.pop("start", "0")
    if name not in LIST_TYPES:
        return refusal.NOT_THERE.with_reason(f"{name[:64]!r} is not a list; the lists are {', '.join(LIST_TYPES)}")
    if not (start.isascii() and start.isdigit() and len(start) < 8) or sort not in _SORTS:
        return refusal.QUESTION_INVALID.with_reason("start must be a number, and sort name or empty, such as sort=name")
    with viewing.read(board, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        known = viewing.known(board, viewer, stats)
        here = UrlState(read_parameters(given), min((first for _, first in known), default=None), viewer.zone)
        words = {key: text for key, text in here.stats_parameters().items() if key not in COMPARE}
        question = read_query(words | {"limit": str(MOST_ROWS)}, board.now, PROPERTY)
        found = read_whole_list(stats, here, question, name, frozenset(domain for domain, _ in known))
    rows = [row for row in found.rows if search.casefold() in row.label.casefold()]
    if sort == "name":
        rows.sort(key=lambda row: row.label.casefold())
    first = int(start)

    def link(**changes: str) -> str:
        words = {"name": name, "sort": sort, "search": search, "start": start} | changes
        return here.link({key: text for key, text in words.items() if text != "0"}, LIST)

    values = {
        "list": msgspec.structs.replace(found, rows=rows[first : first + _ROWS]),
        "name": name,
        "sort": sort,
        "sorts": [(title, link(sort=key, start="0"), key == sort) for key, title in _SORTS.items()],
        "search": search,
        "count": f"{len(rows):,} of {len(found.rows):,}" if search else f"{len(rows):,}",
        "most": f"{MOST_ROWS:,}" if len(found.rows) == MOST_ROWS else "",
        "before": link(start=str(max(first - _ROWS, 0))) if first else "",
        "after": link(start=str(first + _ROWS)) if first + _ROWS < len(rows) else "",
        "period_text": describe_period(question),
        "chips": build_chips(here),
    }
    return board.place.pages.show("list", values | viewing.frame(board, viewer, here, question.zone.key))
