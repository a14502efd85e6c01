"""The page of one site: its set-up, the snippet, aliases, what is public, share links, and how to be left out."""

import io
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from prisme.access.shares import SHARE
from prisme.access.sites import Site
from prisme.base.domains import host_of
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.base.timexpr import SECOND
from prisme.dashboard.age import format_age
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats.queries import Stats
from prisme.visit.origins import Hosts
from prisme.web.pages.endpoints import read_id
from prisme.web.pages.settings_changes import read_expires
from prisme.web.pages.site_rows import SITE, SITES, dashboard_link, is_local, site_link
from prisme.web.pages.site_sharing import build_switches
from prisme.web.pages.site_steps import Arrivals, list_steps
from prisme.web.pages.templates import format_time, see_other
from prisme.web.pages.viewer import DashboardDeps, Viewer, admin_form, frame_values, open_reader, viewer_endpoint
from prisme.web.responses import Response
from prisme.web.routing import Methods

_NOTICES: Final = {
    "added": mark("Added: its pages are counted from now on."),
    "saved": mark("Saved."),
    "removed": mark("Removed."),
    "deleted": mark("Deleted."),
    "on": mark("Turned on."),
    "off": mark("Turned off."),
}


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The page and its forms."""
    show = viewer_endpoint(deps, _show, SITE, for_admins=True)
    return {SITE: {"GET": show, "POST": admin_form(deps, _change, _show)}}


def _change(deps: DashboardDeps, viewer: Viewer, fields: Mapping[str, str]) -> Response | Refusal:
    site = deps.registry.list.find(viewer.parameters.get("host", ""))
    match fields.get("do"):
        case "alias" | "unalias" as do:
            _change_alias(deps, viewer, site, do, fields.get("alias", ""))
        case "share":
            return _share(deps, viewer, site, fields)
        case "switch":
            kind, on = fields.get("kind", ""), fields.get("on") == "1"
            deps.sharing.switch(viewer.grant, site.name, kind, on, deps.authenticator.clock())
            return see_other(f"{site_link('', site.name)}&done={'on' if on else 'off'}")
        case "unshare":
            deps.authenticator.shares.remove(viewer.grant, read_id(fields), deps.authenticator.clock())
        case "remove":
            deps.registry.list.remove(viewer.grant, site.name, deps.authenticator.clock())
            deps.registry.publish()
            return see_other(f"{SITES}?done=removed")
        case _:
            raise InputError("unknown action")
    done = {"alias": "saved", "unalias": "removed", "unshare": "deleted"}[fields["do"]]
    return see_other(f"{site_link('', site.name)}&done={done}")


def _change_alias(deps: DashboardDeps, viewer: Viewer, site: Site, do: str, alias: str) -> None:
    add, remove = ([alias], []) if do == "alias" else ([], [alias])
    deps.registry.list.change_aliases(viewer.grant, site.name, deps.authenticator.clock(), add=add, remove=remove)
    deps.registry.publish()


def _share(deps: DashboardDeps, viewer: Viewer, site: Site, fields: Mapping[str, str]) -> Response | Refusal:
    """Create a share link, and show it; it cannot be shown again."""
    now = deps.authenticator.clock()
    _, key = deps.authenticator.shares.add(
        viewer.grant, site.name, now, expires=read_expires(fields, now), password=fields.get("password") or None
    )
    return _show(deps, viewer, made=f"{viewer.request.base}/share?{urlencode({SHARE: key})}")


def _show(
    deps: DashboardDeps,
    viewer: Viewer,
    fault: str = "",
    typed: Mapping[str, str] | None = None,
    made: str = "",
) -> Response | Refusal:
    site = deps.registry.list.find(viewer.parameters.get("host", ""))
    state = UrlState({}, None, viewer.zone, viewer.request.root)
    values = {
        "base": viewer.request.base,
        "notice": translate(_NOTICES.get(viewer.parameters.get("done", ""), "")),
        "fault": fault,
        "typed": typed or {},
        "made": made,
        "day": format_time,
        "shares": _list_shares(deps, site),
        "switches": []
        if site.is_wildcard
        else build_switches(site.name, deps.sharing.read(site.name), viewer.request.base),
    }
    values |= _site_values(deps, viewer, site, state) | _opt_out_values(site)
    return deps.page.templates.render("site", values | frame_values(viewer, state, "UTC"), 400 if fault else 200)


def _site_values(deps: DashboardDeps, viewer: Viewer, site: Site, state: UrlState) -> dict[str, Any]:
    """What came from the site, and where to see it."""
    hosts = Hosts([site.name])
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        own = [span for span in stats.domain_spans() if host_of(span[0]) in hosts]
        event = stats.first_event([domain for domain, _, _ in own]) if own else None
    visit = min((first for _, first, _ in own), default=None)
    last = max((latest for _, _, latest in own), default=None)
    now = deps.source.now
    arrivals = Arrivals(*(None if at is None else at / SECOND for at in (visit, event)))
    return {
        "site": site,
        "page": site_link(state.root, site.name),
        "has_visits": visit is not None,
        "dashboards": [(domain, dashboard_link(state, domain)) for domain, _, _ in own],
        "first": format_time(None if visit is None else visit // SECOND),
        "last": "" if last is None else format_age((now - last) / SECOND),
        "steps": list_steps(hosts, arrivals, deps.scripts, deps.intake(), viewer.request, now / SECOND),
    }


def _list_shares(deps: DashboardDeps, site: Site) -> list[Any]:
    hosts = Hosts([site.name])
    shares = deps.authenticator.shares.list()
    return [one for one in shares if one.domain == site.name or host_of(one.domain) in hosts]


def _opt_out_values(site: Site) -> dict[str, str]:
    """The page that turns counting off in a browser, and its QR code as SVG; empty for a wildcard."""
    if site.is_wildcard:
        return {"opt_out": "", "qr": ""}
    link = f"{'http' if is_local(site.name) else 'https'}://{site.name}/#prisme-off"
    import segno  # a page that is rarely asked for

    svg = io.BytesIO()
    segno.make(link, micro=False).save(
        svg, kind="svg", xmldecl=False, svgns=False, omitsize=True, nl=False, svgclass="qr", lineclass=None
    )
    return {"opt_out": link, "qr": svg.getvalue().decode()}
