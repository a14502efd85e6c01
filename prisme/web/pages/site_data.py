"""The page of a site's data: for how long it is kept, and its deletion. Admins see first what would be deleted."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from prisme.access.retention import MOST_DAYS, Retention, read_days
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.operations import delete, retain
from prisme.operations.background import Background, Work
from prisme.operations.delete import Deleted
from prisme.store.schema import FIGURES
from prisme.web.pages.site_rows import site_link
from prisme.web.pages.templates import see_other
from prisme.web.pages.viewer import DashboardDeps, Viewer, admin_form, frame_values, viewer_endpoint
from prisme.web.responses import Response
from prisme.web.routing import Methods

SITE_DATA: Final = "/site/data"
_NOTICES: Final = {
    "saved": mark("Saved."),
    "nothing": mark("Nothing matches: nothing was deleted."),
}


class SiteDataDeps(msgspec.Struct, frozen=True):
    """What the page needs; `dashboard.page` has threads that may wait. `otherwise` is the days of the options."""

    dashboard: DashboardDeps
    retention: Retention
    background: Background
    otherwise: int


class Question(msgspec.Struct, frozen=True):
    """What an admin is asked before it is done: the fields of the form, and what would be deleted."""

    fields: dict[str, str]
    counts: Deleted


def routes(deps: SiteDataDeps) -> dict[str, Methods]:
    """The page and its forms."""
    show = viewer_endpoint(deps.dashboard, lambda _, viewer: _show(deps, viewer), SITE_DATA, for_admins=True)
    change = admin_form(
        deps.dashboard,
        lambda _, viewer, fields: _change(deps, viewer, fields),
        lambda _, viewer, fault, typed: _show(deps, viewer, fault, typed),
    )
    return {SITE_DATA: {"GET": show, "POST": change}}


def data_link(root: str, site: str) -> str:
    """The URL of the page of a site's data."""
    return f"{root}{SITE_DATA}?host={quote(site, safe=':*')}"


def _change(deps: SiteDataDeps, viewer: Viewer, fields: Mapping[str, str]) -> Response | Refusal:
    site = deps.dashboard.registry.list.find(viewer.parameters.get("host", "")).name
    is_sure = fields.get("sure") == "1"
    match fields.get("do"):
        case "keep":
            return _keep(deps, viewer, site, fields.get("days", "").strip(), is_sure)
        case "delete":
            return _delete(deps, viewer, site, fields, is_sure)
        case _:
            raise InputError("unknown action")


def _keep(deps: SiteDataDeps, viewer: Viewer, site: str, text: str, is_sure: bool) -> Response | Refusal:
    """Save for how long visits are kept, at once where that deletes nothing."""
    days = read_days(text) if text else None
    if not is_sure:
        counts = _finish(deps.background.perform("retain", retain.Arguments(site, days, dry_run=True)))
        if not counts.is_nothing:
            return _show(deps, viewer, question=Question({"do": "keep", "days": text}, counts))
    deps.retention.save(viewer.grant, site, days, deps.dashboard.authenticator.clock())
    return see_other(f"{data_link('', site)}&done=saved")


def _delete(
    deps: SiteDataDeps, viewer: Viewer, site: str, fields: Mapping[str, str], is_sure: bool
) -> Response | Refusal:
    """Delete, or ask whether to; the page then shows the result, or how far it is."""
    path, visitor, before = (fields.get(name, "").strip() or None for name in ("path", "visitor", "before"))
    arguments = delete.Arguments(site, path, visitor, before, dry_run=not is_sure, by=viewer.grant.actor)
    if is_sure:
        deps.background.perform("delete", arguments, site)
        return see_other(data_link("", site))
    counts = _finish(deps.background.perform("delete", arguments))
    if counts.is_nothing:
        return see_other(f"{data_link('', site)}&done=nothing")
    chosen = {"do": "delete", "path": path, "visitor": visitor, "before": counts.before}
    known = {name: text for name, text in chosen.items() if text is not None}
    return _show(deps, viewer, question=Question(known, counts))


def _finish(work: Work) -> Deleted:
    """The result of a count. Raises InputError without one."""
    if not work.has_ended:
        raise InputError("Counting takes too long: use the command prisme delete")
    if not isinstance(work.result, Deleted):
        raise InputError(work.fault)
    return work.result


def _list_conditions(fields: Mapping[str, str]) -> list[str]:
    """What holds for all that would be deleted."""
    if fields["do"] != "delete":
        return []
    known = {
        "path": mark("On these pages: {text}"),
        "visitor": mark("Visitor id: {text}"),
        "before": mark("Began before: {text} (UTC)"),
    }
    chosen = {name: fields[name].removesuffix("T00:00:00Z") for name in known if name in fields}
    texts = [translate(known[name], text=text) for name, text in chosen.items()]
    return texts or [translate("All data of this site")]


def _show(
    deps: SiteDataDeps,
    viewer: Viewer,
    fault: str = "",
    typed: Mapping[str, str] | None = None,
    question: Question | None = None,
) -> Response | Refusal:
    site = deps.dashboard.registry.list.find(viewer.parameters.get("host", "")).name
    state = UrlState({}, None, viewer.zone, viewer.request.root)
    days, typed = deps.retention.find(site), typed or (question.fields if question else {})
    values = {
        "site_name": site,
        "page": data_link(state.root, site),
        "site_page": site_link(state.root, site),
        "notice": translate(_NOTICES.get(viewer.parameters.get("done", ""), "")),
        "fault": fault,
        "typed": typed,
        "days": typed.get("days", "" if days is None else str(days)),
        "otherwise": deps.otherwise,
        "most_days": MOST_DAYS,
        "question": question,
        "conditions": [] if question is None else _list_conditions(question.fields),
        "counts": [] if question is None else list_counts(question.counts),
        **_result_values(deps.background.latest(site)),
    }
    return deps.dashboard.page.templates.render(
        "site_data", values | frame_values(viewer, state, "UTC"), 400 if fault else 200
    )


def list_counts(deleted: Deleted) -> list[str]:
    """What is deleted, as short texts."""
    rows = deleted.rows
    events = rows["events_custom"] + rows["file_downloads"] + rows["outbound_link_clicks"]
    texts = [
        translate("Sessions: {count}", count=format_exact(rows["sessions"])),
        translate("Pageviews: {count}", count=format_exact(rows["pageviews"])),
        translate("Events: {count}", count=format_exact(events)),
    ]
    if rows[FIGURES]:
        texts.append(translate("Imported figures: {count}", count=format_exact(rows[FIGURES])))
    if deleted.changed:
        texts.append(translate("Other sessions that lose a part: {count}", count=format_exact(deleted.changed)))
    return texts


def _result_values(work: Work | None) -> dict[str, Any]:
    """What became of the latest deletion."""
    if work is None:
        return {"work": None}
    progress, result = work.progress, work.result
    share = 0 if progress is None or not progress.total else 100 * progress.done // progress.total
    return {
        "work": work,
        "share": share,
        "deleted": list_counts(result) if isinstance(result, Deleted) else [],
        "compaction": result.compaction if isinstance(result, Deleted) else None,
    }
