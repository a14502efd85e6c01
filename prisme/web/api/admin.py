"""The admin API: accounts, tokens, share links, sites, annotations, the audit log as JSON; most of it for admins."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from prisme.access.annotations import Annotations
from prisme.access.grants import ADMIN, NotFoundError
from prisme.access.retention import Retention
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.store.control import Control
from prisme.web import responses
from prisme.web.api import admin_actions as actions
from prisme.web.api import annotation_actions, site_actions
from prisme.web.api.admin_actions import Call, Tagged
from prisme.web.authentication import Authenticator
from prisme.web.body import BodyReader
from prisme.web.disconnect import cancel_on_disconnect
from prisme.web.identification import Identifier
from prisme.web.parsed_request import ParsedRequest, is_same_origin, parse_request
from prisme.web.password_check import PasswordChecker
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import NAME, Endpoint, Methods
from prisme.web.site_registry import SiteRegistry
from prisme.web.worker_pool import WorkerPool

API: Final = "/api/v1/"
_PRIVATE: Final[list[Header]] = [(b"cache-control", b"private, no-store"), *responses.INERT]
# Clients may keep it, and have to revalidate it each time.
_REVALIDATED: Final[list[Header]] = [(b"cache-control", b"private, no-cache"), *responses.INERT]
_JSON: Final = (b"content-type", b"application/json")


class AdminApiDeps(msgspec.Struct, frozen=True):
    """`pool` has one thread, so that changes are made one after the other."""

    control: Control
    authenticator: Authenticator
    identifier: Identifier
    pool: WorkerPool
    passwords: PasswordChecker
    sites: SiteRegistry
    annotations: Annotations
    base_path: str


# Gives what is encoded as JSON, None for no content, or what is encoded and has a tag; or a refusal.
Action = Callable[[Authenticator, Call], Any]
# The password that a call is confirmed with, None for a call that needs none. Raises InputError.
FindConfirmation = Callable[[Call], str | Refusal | None]


def routes(deps: AdminApiDeps) -> dict[str, Methods]:
    """All routes of the admin API."""
    admin = partial(_make_endpoint, deps, True)
    anyone = partial(_make_endpoint, deps, False)
    retention = Retention(deps.control, deps.sites.list)
    return {
        API + "me": {"GET": anyone(actions.describe_grant)},
        API + "users": {"GET": admin(actions.list_users), "POST": admin(actions.add_user, status=201)},
        API + "users/" + NAME: {
            "PATCH": admin(actions.change_user, find_confirmation=actions.find_confirmation),
            "DELETE": admin(actions.remove_user),
        },
        API + "tokens": {"GET": anyone(actions.list_tokens), "POST": anyone(actions.add_token, status=201)},
        API + "tokens/" + NAME: {"DELETE": anyone(actions.remove_token)},
        API + "shares": {
            "GET": admin(actions.list_shares),
            "POST": admin(partial(actions.add_share, deps.base_path), status=201),
        },
        API + "shares/" + NAME: {"DELETE": admin(actions.remove_share)},
        API + "sites": {
            "GET": anyone(partial(site_actions.list_sites, deps.sites, retention)),
            "POST": admin(partial(site_actions.add_site, deps.sites), status=201),
        },
        API + "sites/" + NAME: {
            "PATCH": admin(partial(site_actions.change_site, deps.sites, retention)),
            "DELETE": admin(partial(site_actions.remove_site, deps.sites)),
        },
        API + "annotations": {
            "GET": anyone(partial(annotation_actions.list_annotations, deps.annotations)),
            "POST": anyone(partial(annotation_actions.add_annotation, deps.annotations), status=201),
        },
        API + "annotations/" + NAME: {
            "DELETE": anyone(partial(annotation_actions.remove_annotation, deps.annotations)),
        },
        API + "audit": {"GET": admin(partial(actions.list_audit, deps.control))},
    }


def _make_endpoint(
    deps: AdminApiDeps,
    for_admins: bool,
    action: Action,
    *,
    status: int = 200,
    find_confirmation: FindConfirmation = lambda _: None,
) -> Endpoint:
    """An endpoint, for admins or for everybody with a grant; `status` is that of a response with content."""
    bodies = BodyReader()

    async def endpoint(request: Request) -> Response:
        outcome = await respond(request)
        if isinstance(outcome, Refusal):
            return responses.refuse(request, outcome, of_events=False)
        return outcome

    async def respond(request: Request) -> Response | Refusal:
        parsed = parse_request(request)
        if isinstance(parsed, Refusal):
            return parsed
        if request.method not in {"GET", "HEAD"} and not is_same_origin(parsed):
            return refusal.CROSS_ORIGIN
        # Before the body is received: it may be 64 kB.
        grant = await deps.identifier.identify(request, parsed)
        if isinstance(grant, Refusal):
            return grant
        if for_admins and ADMIN not in grant.scopes:
            return refusal.NOT_ALLOWED
        body = await _read_body(request, parsed, bodies)
        if isinstance(body, Refusal):
            return body
        known = parsed.headers.get("if-none-match", "").encode("latin-1")
        call = Call(grant, parsed.query, request.name, body, known)
        unconfirmed = await _confirm(deps.passwords, parsed, call, find_confirmation)
        if unconfirmed is not None:
            return unconfirmed
        with cancel_on_disconnect(request, parsed.cancellation):
            return await deps.pool.run(
                lambda: _act(deps.authenticator, action, call, status), request.sender, parsed.cancellation
            )

    return endpoint


async def _confirm(
    passwords: PasswordChecker, parsed: ParsedRequest, call: Call, find_confirmation: FindConfirmation
) -> Refusal | None:
    """Why a call is refused that needs the password of its sender, and has none or a wrong one; None for no reason."""
    try:
        password = find_confirmation(call)
    except InputError as error:
        return refusal.FIELDS_INVALID.with_reason(str(error))
    if password is None or isinstance(password, Refusal):
        return password
    wrong = await passwords.confirm(parsed, call.grant, password)
    if wrong is refusal.PASSWORD_WRONG:
        return refusal.FIELDS_INVALID.with_reason("old_password is wrong: send your own password")
    return wrong


async def _read_body(request: Request, parsed: ParsedRequest, bodies: BodyReader) -> bytes | Refusal:
    if request.method not in {"POST", "PATCH"}:
        return b""
    body = await bodies.read(request.receive, parsed.content_length)
    content_type = parsed.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and not isinstance(body, Refusal) and content_type != "application/json":
        return refusal.FIELDS_INVALID.with_reason("the body must be JSON: send Content-Type: application/json")
    return body


def _act(authenticator: Authenticator, action: Action, call: Call, status: int) -> Response | Refusal:
    try:
        content = action(authenticator, call)
    except NotFoundError as error:
        return refusal.NOT_THERE.with_reason(str(error))
    except InputError as error:
        return refusal.FIELDS_INVALID.with_reason(str(error))
    if isinstance(content, Refusal):
        return content
    if content is None:
        return responses.make_response(204, _PRIVATE)
    if isinstance(content, Tagged):
        headers = [*_REVALIDATED, (b"etag", content.etag)]
        if responses.matches(content.etag, call.known):
            return responses.make_response(304, headers)
        return responses.make_response(200, [_JSON, *headers], content.body)
    return responses.make_response(status, [_JSON, *_PRIVATE], msgspec.json.encode(content))
