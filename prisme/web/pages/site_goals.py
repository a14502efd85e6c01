"""The page of a site's goals and funnels: admins add, change and delete them. Suggestions come from recent sessions."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from prisme.access.goals import MOST_NAME, MOST_STEPS, MOST_TEXT
from prisme.base.errors import InputError
from prisme.base.goals import EVENT, PAGE, Definitions, Funnel, Goal
from prisme.base.refusal import Refusal
from prisme.base.timexpr import SECOND
from prisme.dashboard import filter_terms
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats import filters
from prisme.stats.frames import Frame
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Span
from prisme.web.pages.endpoints import read_id
from prisme.web.pages.site_rows import site_link
from prisme.web.pages.templates import see_other
from prisme.web.pages.viewer import DashboardDeps, Viewer, admin_form, frame_values, open_reader, viewer_endpoint
from prisme.web.responses import Response
from prisme.web.routing import Methods

SITE_GOALS: Final = "/site/goals"
_NOTICES: Final = {
    "saved": mark("Saved. It counts for all sessions, also those up to now."),
    "removed": mark("Deleted."),
}
# Of events, pages and properties each, from as many days.
_MOST_SUGGESTIONS: Final = 50
_SUGGESTION_DAYS: Final = 30


def routes(deps: DashboardDeps) -> dict[str, Methods]:
    """The page and its forms."""
    show = viewer_endpoint(deps, _show, SITE_GOALS, for_admins=True)
    return {SITE_GOALS: {"GET": show, "POST": admin_form(deps, _change, _show)}}


def goals_link(root: str, site: str) -> str:
    """The URL of the page of a site's goals."""
    return f"{root}{SITE_GOALS}?host={quote(site, safe=':*')}"


def _change(deps: DashboardDeps, viewer: Viewer, fields: Mapping[str, str]) -> Response | Refusal:
    site = deps.registry.list.find(viewer.parameters.get("host", "")).name
    goals, by, now = deps.goals, viewer.grant, deps.authenticator.clock()
    match fields.get("do"):
        case "goal":
            goals.save_goal(by, _read_goal(site, fields), now)
        case "funnel":
            steps = tuple(step for name in _step_names() if (step := fields.get(name, "")))
            goals.save_funnel(by, Funnel(read_id(fields), site, fields.get("name", ""), steps), now)
        case "remove-goal":
            goals.remove_goal(by, site, read_id(fields), now)
        case "remove-funnel":
            goals.remove_funnel(by, site, read_id(fields), now)
        case _:
            raise InputError("unknown action")
    done = "saved" if fields["do"] in ("goal", "funnel") else "removed"
    return see_other(f"{goals_link('', site)}&done={done}")


def _read_goal(site: str, fields: Mapping[str, str]) -> Goal:
    """The goal of a form. Raises InputError for a pattern that is no filter."""
    pattern = fields.get("pattern", "").strip()
    is_page = fields.get("kind") == PAGE
    if is_page and pattern and pattern[0] not in "/*!":
        raise InputError("a page begins with a slash: write /{pattern}", pattern=pattern[:MOST_NAME])
    return Goal(
        read_id(fields),
        site,
        fields.get("name", ""),
        PAGE if is_page else EVENT,
        filter_terms.normalise("path" if is_page else "event", pattern) if pattern else "",
        fields.get("property", ""),
        fields.get("value", ""),
        fields.get("sum_property", ""),
        fields.get("currency_property", ""),
    )


def _show(
    deps: DashboardDeps, viewer: Viewer, fault: str = "", typed: Mapping[str, str] | None = None
) -> Response | Refusal:
    site = deps.registry.list.find(viewer.parameters.get("host", "")).name
    state = UrlState({}, None, viewer.zone, viewer.request.root)
    found = deps.goals.of_site(site)
    values = {
        "site_name": site,
        "page": goals_link(state.root, site),
        "site_page": site_link(state.root, site),
        "goals": found.goals,
        "funnels": found.funnels,
        "notice": translate(_NOTICES.get(viewer.parameters.get("done", ""), "")),
        "fault": fault,
        "faulty": (typed or {}).get("do", ""),
        "step_names": _step_names(),
        "most_name": MOST_NAME,
        "most_text": MOST_TEXT,
        **_form_values(found, viewer, typed or {}),
        **_suggest(deps, viewer, site),
    }
    return deps.page.templates.render("site_goals", values | frame_values(viewer, state, "UTC"), 400 if fault else 200)


def _step_names() -> list[str]:
    return [f"step{number}" for number in range(1, MOST_STEPS + 1)]


def _form_values(found: Definitions, viewer: Viewer, typed: Mapping[str, str]) -> dict[str, Any]:
    """What the two forms show: what was typed, or what the page's URL asks to change, or nothing."""
    goal = _find(found.goals, viewer.parameters.get("goal", ""))
    funnel = _find(found.funnels, viewer.parameters.get("funnel", ""))
    return {
        "goal": typed if typed.get("do") == "goal" else _goal_fields(goal),
        "funnel": typed if typed.get("do") == "funnel" else _funnel_fields(funnel),
    }


def _find(definitions: tuple[Any, ...], id_: str) -> Any:
    return next((one for one in definitions if str(one.id) == id_), None)


def _goal_fields(goal: Goal | None) -> dict[str, str]:
    if goal is None:
        return {}
    names = ("id", "name", "kind", "pattern", "property", "value", "sum_property", "currency_property")
    return {name: str(getattr(goal, name)) for name in names}


def _funnel_fields(funnel: Funnel | None) -> dict[str, str]:
    if funnel is None:
        return {}
    return {"id": str(funnel.id), "name": funnel.name} | dict(zip(_step_names(), funnel.steps, strict=False))


def _suggest(deps: DashboardDeps, viewer: Viewer, site: str) -> dict[str, list[str]]:
    """The most frequent pages and events of the site, and the properties of its events, as patterns."""
    now = deps.source.now
    span = Span(now - _SUGGESTION_DAYS * 86_400 * SECOND, now, [])
    # With any port.
    chosen, page = filters.read({"domain": f"{site},{site}:*"}), Page(_MOST_SUGGESTIONS)
    with open_reader(deps, viewer) as reader:
        stats = Stats(reader, viewer.grant.domains)
        tops = stats.tops(["top-pages", "top-custom-events"], chosen, span, page)
        properties = stats.properties(chosen, span, page)
    return {
        "known_pages": _write_terms("path", tops["top-pages"]),
        "known_events": _write_terms("event", tops["top-custom-events"]),
        "known_properties": [str(key) for key in properties.keys],
    }


def _write_terms(name: str, frame: Frame) -> list[str]:
    return [filter_terms.make_value_term(name, str(key)) for key in frame.keys]
