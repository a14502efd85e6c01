"""The page of imports, for admins: files are uploaded, read, looked at and imported, and imports can be undone."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from prisme.access.grants import Grant
from prisme.access.sites import SiteList
from prisme.base import refusal
from prisme.base.domains import host_of, is_wildcard
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.words import explain, explain_refusal, translate
from prisme.visit.origins import Hosts
from prisme.web.pages.endpoints import Fields, PageDeps, PageRequest, form_endpoint, page_endpoint, run_in_pool
from prisme.web.pages.import_list import ImportList, Question, find_running, make_rows, undo_values
from prisme.web.pages.import_values import FORMATS, upload_values
from prisme.web.pages.settings_frame import SETTINGS, authorize, frame_values, turn_away
from prisme.web.pages.templates import error_page, put_below, refusal_headers, see_other
from prisme.web.parsed_request import is_same_origin, is_secure, parse_request
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import Endpoint, Methods
from prisme.web.uploads.receiving import Pieces
from prisme.web.uploads.upload import read_options
from prisme.web.uploads.uploads import Uploads, format_size

_NAME: Final = "imports"
_PATH: Final = f"{SETTINGS}/{_NAME}"
_UPLOAD: Final = f"{_PATH}/upload"


class ImportDeps(msgspec.Struct, frozen=True):
    """What the page needs; `page` has threads that may wait. `retention_days` is the option."""

    page: PageDeps
    uploads: Uploads
    imports: ImportList
    sites: SiteList
    retention_days: int


def routes(deps: ImportDeps) -> dict[str, Methods]:
    """The page, its forms, and the one that uploads."""
    show = page_endpoint(deps.page, lambda request: _show_to(deps, request), lambda why, _: turn_away(_NAME, why))
    change = form_endpoint(deps.page, lambda request: _change(deps, request), lambda why, _: why)
    return {_PATH: {"GET": show, "POST": change}, _UPLOAD: {"POST": _upload_endpoint(deps)}}


def _show_to(deps: ImportDeps, request: PageRequest) -> Response | Refusal:
    grant = authorize(_NAME, request.grant)
    return grant if isinstance(grant, Refusal) else _show(deps, grant, request)


def _change(deps: ImportDeps, request: PageRequest) -> Response | Refusal:
    grant = authorize(_NAME, request.grant)
    if isinstance(grant, Refusal):
        return grant
    try:
        question = _do(deps, grant, request.fields)
    except InputError as error:
        values = {"fault": explain(error), "typed": request.fields}
        return _show(deps, grant, request, values, refusal.FIELDS_INVALID.status)
    return see_other(_PATH) if question is None else _show(deps, grant, request, {"question": question})


def _do(deps: ImportDeps, grant: Grant, fields: Fields) -> Question | None:
    """Do what a form says, or ask first. Raises InputError."""
    upload, name = deps.uploads.current, fields.get("name", "")
    match fields.get("do"):
        case "read" if upload is not None:
            upload.decide("read", read_options(fields))
        case "import" if upload is not None:
            upload.decide("import")
        case "discard" if upload is not None:
            upload.decide("discard")
        case "cancel" if upload is not None:
            upload.cancel()
        case "undo" if fields.get("sure") != "1":
            return deps.imports.ask(name, grant)
        case "undo":
            deps.imports.undo(name, grant)
        case "read" | "import" | "discard" | "cancel":
            pass  # it is gone already
        case _:
            raise InputError("unknown action")
    return None


def _upload_endpoint(deps: ImportDeps) -> Endpoint:
    """Who sends is known before anything of the body is read."""

    async def endpoint(request: Request) -> Response:
        parsed = parse_request(request)
        if isinstance(parsed, Refusal):
            return error_page(deps.page.templates, request, parsed)
        if not is_same_origin(parsed):
            return error_page(deps.page.templates, request, refusal.CROSS_ORIGIN)
        grant = authorize(_NAME, await deps.page.identifier.identify(request, parsed))
        if isinstance(grant, Refusal):
            return error_page(deps.page.templates, request, grant)
        length = int(text) if (text := parsed.content_length).isdigit() and len(text) < 19 else 0
        pieces = Pieces(request.receive)
        why = await deps.uploads.receive(pieces, parsed.headers.get("content-type", ""), length, grant)
        root = deps.page.templates.root
        if why is None:
            return put_below(root, see_other(_PATH))
        await pieces.drain()
        page_request = PageRequest(parsed, {}, request.client, is_secure(request, parsed), grant, request.sender, root)
        values, headers = {"fault": explain_refusal(why)}, [*refusal_headers(request, why), (b"connection", b"close")]
        page = await run_in_pool(
            deps.page, page_request, lambda: _show(deps, grant, page_request, values, why.status, headers)
        )
        return error_page(deps.page.templates, request, page) if isinstance(page, Refusal) else page

    return endpoint


def _show(
    deps: ImportDeps,
    grant: Grant,
    request: PageRequest,
    values: Mapping[str, Any] | None = None,
    status: int = 200,
    headers: list[Header] | None = None,
) -> Response:
    upload, sites = deps.uploads.current, [site.name for site in deps.sites.list()]
    hosts = Hosts(sites)
    own = {
        "question": None,
        "formats": [(name, translate(title)) for name, title in FORMATS.items()],
        "sites": [site for site in sites if not is_wildcard(site)],
        "limit": deps.uploads.limit,
        "limit_text": format_size(deps.uploads.limit),
        **upload_values(upload, deps.retention_days, lambda domain: host_of(domain) in hosts),
        **undo_values(deps.imports.latest),
        **_list_values(deps, request.root, upload is not None and upload.state == "importing"),
    }
    own["is_waiting"] = own["step"] is not None or (own["undoing"] is not None and not own["undoing"].has_ended)
    frame = frame_values(_NAME, grant, request)
    return deps.page.templates.render("settings_imports", frame | own | dict(values or {}), status, headers)


def _list_values(deps: ImportDeps, root: str, is_importing: bool) -> dict[str, Any]:
    """The imports so far, or why they cannot be listed; `running` is the one that an upload is becoming."""
    try:
        found = deps.imports.read()
    except InputError as error:
        return {"imports": [], "list_fault": explain(error), "running": None}
    running = find_running(found) if is_importing else None
    return {"imports": make_rows(found, root, running), "list_fault": "", "running": running}
