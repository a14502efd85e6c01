"""`POST /mcp`: the Model Context Protocol, by which AI assistants ask for figures. Stateless; all answers are JSON."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from prisme.access.grants import STATS as SCOPE
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web import responses
from prisme.web.api import json_rpc
from prisme.web.api.json_rpc import INVALID_REQUEST, METHOD_NOT_FOUND, Error, Faulty, Message
from prisme.web.api.mcp_methods import Caller, McpDeps, Result, handle
from prisme.web.api.mcp_revisions import HEADER, MODERN, WITHOUT_HEADER, find_revision
from prisme.web.body import BodyReader
from prisme.web.cors import find_origin
from prisme.web.disconnect import cancel_on_disconnect
from prisme.web.parsed_request import parse_request
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import Methods

PATH: Final = "/mcp"
# Their queries have one deadline together.
MOST_MESSAGES: Final = 16
_JSON: Final = (b"content-type", b"application/json")
_PRIVATE: Final[list[Header]] = [(b"cache-control", b"private, no-store"), (b"vary", b"origin"), *responses.INERT]
_PREFLIGHT: Final[list[Header]] = [
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"accept, authorization, content-type, mcp-method, mcp-name, mcp-protocol-version",
    ),
    (b"access-control-max-age", b"86400"),
]


def routes(deps: McpDeps) -> dict[str, Methods]:
    """One route, which has `POST` alone: there are no sessions, and no streams."""
    bodies = BodyReader()

    async def endpoint(request: Request) -> Response:
        cors = deps.allow_origin(request)
        received = await _receive(deps, bodies, request)
        outcome = received if isinstance(received, Refusal) else await _answer(deps, *received, cors)
        if isinstance(outcome, Refusal):
            return responses.refuse(request, outcome, cors, of_events=False)
        return outcome

    def preflight(request: Request) -> Response:
        cors = deps.allow_origin(request)
        return responses.make_response(204, [(b"vary", b"origin"), *cors, *(_PREFLIGHT if cors else [])])

    return {PATH: {"POST": endpoint, "OPTIONS": preflight}}


async def _receive(deps: McpDeps, bodies: BodyReader, request: Request) -> tuple[Caller, bytes] | Refusal:
    parsed = parse_request(request)
    if isinstance(parsed, Refusal):
        return parsed
    # A page whose name leads to this server suddenly (DNS rebinding) is of its origin: only the list helps.
    if find_origin(request) and not deps.allow_origin(request):
        return refusal.CROSS_ORIGIN
    # A cookie, or a key in the URL, is no token.
    if not parsed.headers.get("authorization"):
        return refusal.NOT_LOGGED_IN
    # Before the body is received: it may be 64 kB.
    grant = await deps.identifier.identify(request, parsed)
    if isinstance(grant, Refusal):
        return grant
    unfit = refusal.NOT_ALLOWED if SCOPE not in grant.scopes else _check_types(parsed.headers)
    if unfit is not None:
        return unfit
    body = await bodies.read(request.receive, parsed.content_length)
    return body if isinstance(body, Refusal) else (Caller(grant, request, parsed), body)


def _check_types(headers: Mapping[str, str]) -> Refusal | None:
    """Why a request is refused by the types of what it sends and accepts."""
    types = {part.partition(";")[0].strip().lower() for part in headers.get("accept", "*/*").split(",")}
    if not types & {"application/json", "application/*", "*/*"}:
        return refusal.NOT_ACCEPTABLE
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return refusal.FIELDS_INVALID.with_reason("the body must be JSON: send Content-Type: application/json")
    return None


async def _answer(deps: McpDeps, caller: Caller, body: bytes, cors: list[Header]) -> Response | Refusal:
    read = json_rpc.decode(body)
    if isinstance(read, Error):
        return _respond_faulty(caller, MODERN, Faulty(read), cors)
    with cancel_on_disconnect(caller.request, caller.parsed.cancellation, changes=False):
        if isinstance(read, list):
            return await _answer_batch(deps, caller, read, cors)
        return await _answer_single(deps, caller, read, cors)


async def _answer_single(deps: McpDeps, caller: Caller, read: Any, cors: list[Header]) -> Response | Refusal:
    message = json_rpc.read_message(read)
    if isinstance(message, Faulty):
        return _respond_faulty(caller, MODERN, message, cors)
    revision = find_revision(caller.parsed.headers, message)
    if isinstance(revision, Error):
        return _respond_faulty(caller, MODERN, Faulty(revision, message.id), cors)
    outcome = await handle(deps, caller, revision, message)
    if outcome is None:
        return responses.make_response(202, [*_PRIVATE, *cors])
    if isinstance(outcome, Refusal):
        return outcome
    if isinstance(outcome, Error):
        return _respond_faulty(caller, revision, Faulty(outcome, message.id), cors)
    return _make_response(200, json_rpc.make_response(message.id, outcome), cors)


async def _answer_batch(deps: McpDeps, caller: Caller, read: list[Any], cors: list[Header]) -> Response | Refusal:
    """The responses to several messages, which one revision has alone."""
    if caller.parsed.headers.get(HEADER, WITHOUT_HEADER) != WITHOUT_HEADER:
        error = Error(INVALID_REQUEST, "this revision of the protocol has no batches: send one message")
        return _respond_faulty(caller, MODERN, Faulty(error), cors)
    if not 0 < len(read) <= MOST_MESSAGES:
        error = Error(INVALID_REQUEST, f"a batch has from 1 to {MOST_MESSAGES} messages")
        return _respond_faulty(caller, MODERN, Faulty(error), cors)
    answers = []
    for one in read:
        message = json_rpc.read_message(one)
        outcome = message.error if isinstance(message, Faulty) else await _handle_one(deps, caller, message)
        if isinstance(outcome, Refusal):
            return outcome
        if outcome is not None:
            answers.append(json_rpc.make_response(message.id, outcome))
    if not answers:
        return responses.make_response(202, [*_PRIVATE, *cors])
    return _make_response(200, answers, cors)


async def _handle_one(deps: McpDeps, caller: Caller, message: Message) -> Result | Error | Refusal | None:
    """The outcome of a message of a batch."""
    revision = find_revision(caller.parsed.headers, message)
    if isinstance(revision, Error):
        return revision
    if message.method == "initialize":
        return Error(INVALID_REQUEST, "initialize cannot be part of a batch")
    return await handle(deps, caller, revision, message)


def _respond_faulty(caller: Caller, revision: str, faulty: Faulty, cors: list[Header]) -> Response:
    """An error; the older revisions send that of a message that was understood with the status 200."""
    error = faulty.error
    found = error.code != METHOD_NOT_FOUND
    status = 200 if revision != MODERN else 400 if found else 404
    why = (refusal.MESSAGE_INVALID if found else refusal.NOT_THERE).with_reason(error.message)
    response = _make_response(status, json_rpc.make_response(faulty.id, error), cors)
    return responses.refuse(caller.request, why, of_events=False, instead=response)


def _make_response(status: int, content: Any, cors: list[Header]) -> Response:
    return responses.make_response(status, [_JSON, *_PRIVATE, *cors], msgspec.json.encode(content))
