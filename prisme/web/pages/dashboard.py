"""The dashboard and its forms: filter, save a view, share."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from prisme.access.grants import ADMIN, AccessError, Grant
from prisme.access.shares import SHARE
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.dashboard import filter_terms, page
from prisme.dashboard.lists import link_export
from prisme.dashboard.url_state import DASHBOARD, LIST, UrlState, read_parameters
from prisme.stats import filters
from prisme.stats.parameters import COMPARE, read_query
from prisme.stats.queries import Stats
from prisme.web.pages import health
from prisme.web.pages import viewer as viewing
from prisme.web.pages.forms import Visit
from prisme.web.pages.list import show_list
from prisme.web.pages.templates import lead
from prisme.web.pages.viewer import Board, Viewer
from prisme.web.responses import Response
from prisme.web.routing import Endpoint

Take = Callable[[Board, Grant, Visit], Response | Refusal]


def dashboard(board: Board) -> dict[str, dict[str, Endpoint]]:
    """All routes of the dashboard."""
    return {
        DASHBOARD: {"GET": viewing.page(board, _show)},
        LIST: {"GET": viewing.page(board, show_list)},
        f"{DASHBOARD}/filter": {"GET": viewing.page(board, _filter)},
        f"{DASHBOARD}/views": {"POST": _form(board, _save)},
        f"{DASHBOARD}/share": {"POST": _form(board, _share)},
    }


def _show(board: Board, viewer: Viewer) -> Response | Refusal:
    given, now, show = read_parameters(viewer.given), board.now, board.place.pages.show
    with viewing.read(board, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        known = viewing.known(board, viewer, stats)
        here = UrlState(given, min((first for _, first in known), default=None), viewer.zone)
        if not known:
            return show("waiting", viewing.frame(board, viewer, here, "UTC") | _waiting(board, viewer))
        question = read_query(here.stats_parameters() | {"limit": str(page.ROWS)}, now, COMPARE)
        values = page.build_page(stats, here, question, [domain for domain, _ in known], now, board.kept)
    values |= viewing.frame(board, viewer, here, question.zone.key) | _tools(board, viewer, here, values)
    return show("dashboard", values)


def _filter(_: Board, viewer: Viewer) -> Response | Refusal:
    """From the form of a filter to the page that has it."""
    given = dict(viewer.given)
    name, value = given.pop("filter", ""), given.pop("value", "").strip()
    if name not in filters.NAMES:
        return refusal.QUESTION_INVALID.with_reason(f"filter: {name[:64]!r} is not one of {', '.join(filters.NAMES)}")
    here = UrlState(read_parameters(given), None, "")
    return lead(here.link({name: filter_terms.normalise(name, value)}))


def _form(board: Board, take: Take) -> Endpoint:
    """A form, by somebody who is logged in."""

    def work(visit: Visit) -> Response | Refusal:
        grant = board.guard.identify(visit.asking)
        if isinstance(grant, Refusal):
            return grant
        try:
            return take(board, grant, visit)
        except AccessError as error:
            return refusal.FIELDS_INVALID.with_reason(str(error))

    return board.place.form(work)


def _save(board: Board, grant: Grant, visit: Visit) -> Response | Refusal:
    if not grant.account:
        return refusal.NOT_ALLOWED
    back = _read_back(visit.fields)
    if visit.fields.get("remove"):
        board.views.remove(grant.account, visit.fields["remove"])
    else:
        board.views.save(grant.account, visit.fields.get("name", ""), back.partition("?")[2])
    return lead(back)


def _share(board: Board, grant: Grant, visit: Visit) -> Response | Refusal:
    """Make a share link, and show it, this once."""
    if ADMIN not in grant.scopes:
        return refusal.NOT_ALLOWED
    share, key = board.guard.shares.add(grant, visit.fields.get("domain", ""), board.guard.clock())
    link = f"{visit.base}/share?{urlencode({SHARE: key})}"
    return board.place.pages.show("shared", {"domain": share.domain, "link": link, "back": _read_back(visit.fields)})


def _read_back(fields: Mapping[str, str]) -> str:
    """A page of the dashboard, to go back to."""
    back = fields.get("back", "")
    fits = back == DASHBOARD or back.startswith(f"{DASHBOARD}?")
    return back if fits and back.isascii() and back.isprintable() else DASHBOARD


def _tools(board: Board, viewer: Viewer, here: UrlState, values: dict[str, Any]) -> dict[str, Any]:
    """What one may do with the page, and figures of the server itself for those who may see all."""
    grant = viewer.grant
    sites = values["chosen_domains"]
    mine = board.views.list(grant.account) if grant.account else []
    return {
        "views": [
            {"name": view.name, "link": f"{DASHBOARD}?{view.query}" if view.query else DASHBOARD} for view in mine
        ],
        "share_domain": sites[0] if ADMIN in grant.scopes and len(sites) == 1 else "",
        "clear": here.link(dict.fromkeys(filters.NAMES)),
        "all_link": here.link({"period": "all", "from": None, "to": None}),
        "now_link": here.link({"period": "30m", "from": None, "to": None}),
        "live_url": link_export(here, "live-visitors"),
        "week_csv": link_export(here, "weekday-hours", ".csv"),
        "week_json": link_export(here, "weekday-hours"),
        "health": _health(board) if viewer.may_see_health else None,
    }


def _waiting(board: Board, viewer: Viewer) -> dict[str, Any]:
    return {
        "base": viewer.visit.base,
        "origins": board.origins,
        "may_set_up": viewer.may_see_health,
        "health": _health(board) if viewer.may_see_health else {"refused": []},
    }


def _health(board: Board) -> dict[str, Any]:
    return health.show(board.intake(), board.now / 1e6)
