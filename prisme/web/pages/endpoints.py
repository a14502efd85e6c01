"""Endpoints of pages and forms: a request is parsed, and handled in a worker thread. Refusals are shown as a page."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

import msgspec

from prisme.access.grants import Grant
from prisme.access.sharing import credentials
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.dashboard.url_state import DASHBOARD
from prisme.visit.address import Address
from prisme.web.body import MAX_BODY, BodyReader
from prisme.web.disconnect import cancel_on_disconnect
from prisme.web.identification import Identifier
from prisme.web.pages.templates import Templates, error_page, put_below
from prisme.web.parsed_request import ParsedRequest, is_same_origin, is_secure, parse_fields, parse_request
from prisme.web.quota import Sender
from prisme.web.request import Request
from prisme.web.responses import Response
from prisme.web.routing import Endpoint
from prisme.web.worker_pool import WorkerPool

Fields = dict[str, str]


class PageRequest(msgspec.Struct, frozen=True):
    """A request for a page: `fields` are those of a form, `address` is the client's, `secure` is true for HTTPS.

    `grant` is what its sender may do, or why they may do nothing. `root` is the path that all pages follow.
    """

    parsed: ParsedRequest
    fields: Fields
    address: Address
    secure: bool
    grant: Grant | Refusal
    sender: Sender
    root: str

    @property
    def base(self) -> str:
        """The URL of this server as the browser sees it, which all paths follow."""
        host = self.parsed.headers.get("host", "localhost")
        return f"{'https' if self.secure else 'http'}://{host}{self.root}"

    @property
    def dashboard_url(self) -> str:
        """The path of the dashboard below the root, with the share link or public page of the request, if any."""
        granted = credentials(self.parsed.query)
        return f"{DASHBOARD}?{urlencode(granted)}" if granted else DASHBOARD


# Handles a request in a worker thread. An exception is a defect of ours.
Handler = Callable[[PageRequest], Response | Refusal]
# The same in the event loop, for what has to choose its threads.
AsyncHandler = Callable[[PageRequest], Awaitable[Response | Refusal]]
# Answers a sender without a grant, in the event loop.
TurnAway = Callable[[Refusal, PageRequest], Response | Refusal]


class PageDeps(msgspec.Struct, frozen=True):
    """What all pages need. Handlers run in `pool`."""

    templates: Templates
    pool: WorkerPool
    identifier: Identifier


def page_endpoint(deps: PageDeps, handle: Handler, turn_away: TurnAway | None = None) -> Endpoint:
    """An endpoint for a page that only shows something. With `turn_away`, it is for senders with a grant only."""

    async def endpoint(request: Request) -> Response:
        parsed = parse_request(request)
        if isinstance(parsed, Refusal):
            return error_page(deps.templates, request, parsed)
        return await _respond(deps, request, parsed, {}, _in_pool(deps, handle), turn_away)

    return endpoint


def form_endpoint(deps: PageDeps, handle: Handler, turn_away: TurnAway | None = None) -> Endpoint:
    """An endpoint for a form, which pages of other sites cannot send. It does not validate fields."""
    return async_form_endpoint(deps, _in_pool(deps, handle), turn_away)


def async_form_endpoint(deps: PageDeps, handle: AsyncHandler, turn_away: TurnAway | None = None) -> Endpoint:
    """As `form_endpoint`, with a handler for the event loop."""
    bodies = BodyReader()

    async def endpoint(request: Request) -> Response:
        parsed = parse_request(request)
        if isinstance(parsed, Refusal):
            return error_page(deps.templates, request, parsed)
        fields = await _read_form(request, parsed, bodies)
        if isinstance(fields, Refusal):
            return error_page(deps.templates, request, fields)
        return await _respond(deps, request, parsed, fields, handle, turn_away)

    return endpoint


def _in_pool(deps: PageDeps, handle: Handler) -> AsyncHandler:
    return lambda request: run_in_pool(deps, request, lambda: handle(request))


async def run_in_pool(
    deps: PageDeps, request: PageRequest, work: Callable[[], Response | Refusal]
) -> Response | Refusal:
    """Call `work` in a thread, in the place that the sender of the request has."""
    return await deps.pool.run(work, request.sender, request.parsed.cancellation)


def read_id(fields: Mapping[str, str]) -> int:
    """The id in a form; 0, which nothing has, if it is not a number."""
    text = fields.get("id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


async def _read_form(request: Request, parsed: ParsedRequest, bodies: BodyReader) -> Fields | Refusal:
    if not is_same_origin(parsed):
        return refusal.CROSS_ORIGIN
    body = await bodies.read(request.receive, parsed.content_length)
    return body if isinstance(body, Refusal) else parse_fields(body, MAX_BODY)


async def _respond(
    deps: PageDeps,
    request: Request,
    parsed: ParsedRequest,
    fields: Fields,
    handle: AsyncHandler,
    turn_away: TurnAway | None,
) -> Response:
    grant = await deps.identifier.identify(request, parsed)
    secure = is_secure(request, parsed)
    root = deps.templates.root
    page_request = PageRequest(parsed, fields, request.client, secure, grant, request.sender, root)
    outcome: Response | Refusal
    if isinstance(grant, Refusal) and (turn_away is not None or grant.status != 401):
        outcome = turn_away(grant, page_request) if turn_away is not None else grant
    else:
        with cancel_on_disconnect(request, parsed.cancellation):
            outcome = await handle(page_request)
    if isinstance(outcome, Refusal):
        # The same page for every host that shows nothing to the public.
        home = DASHBOARD if outcome is refusal.NOT_PUBLIC else page_request.dashboard_url
        return error_page(deps.templates, request, outcome, home)
    return put_below(root, outcome)
