"""`POST /api/v1/query`: SQL of admins, and of programs with the scope for it, on all tables of events."""

from typing import Annotated, Final, Literal

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.store.errors import SqlError, UnavailableError
from prisme.store.sql_formats import CsvEncoder, JsonEncoder
from prisme.store.sql_runner import Limits
from prisme.web import responses
from prisme.web.body import BodyReader
from prisme.web.disconnect import cancel_on_disconnect
from prisme.web.parsed_request import ParsedRequest, is_same_origin, parse_request
from prisme.web.query_deps import QueryDeps
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import Methods

PATH: Final = "/api/v1/query"
MOST_ROWS: Final = 100_000
USUAL_ROWS: Final = 10_000
# Values as text: as JSON or CSV, they are rarely twice as long, which a response may be (`unread.py`).
MOST_BYTES: Final = 4 << 20
MOST_PARQUET_BYTES: Final = 8 << 20
_TYPES: Final = {
    "json": b"application/json",
    "csv": b"text/csv; charset=utf-8; header=present",
    "parquet": b"application/vnd.apache.parquet",
}
_EXAMPLE: Final = '{"sql": "SELECT count(*) FROM sessions"}'
_PRIVATE: Final[list[Header]] = [(b"cache-control", b"private, no-store"), (b"vary", b"accept"), *responses.INERT]


class _Query(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request."""

    sql: str
    format: Literal["json", "csv", "parquet"] | None = None
    max_rows: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)] = USUAL_ROWS


_decode = msgspec.json.Decoder(_Query).decode


def routes(deps: QueryDeps) -> dict[str, Methods]:
    """The route of queries."""
    bodies = BodyReader()

    async def endpoint(request: Request) -> Response:
        parsed = parse_request(request)
        outcome = parsed if isinstance(parsed, Refusal) else await _answer(deps, request, parsed, bodies)
        if isinstance(outcome, Refusal):
            return responses.refuse(request, outcome, of_events=False)
        return outcome

    return {PATH: {"POST": endpoint}}


async def _answer(deps: QueryDeps, request: Request, parsed: ParsedRequest, bodies: BodyReader) -> Response | Refusal:
    if not is_same_origin(parsed):
        return refusal.CROSS_ORIGIN
    grant = await deps.identifier.identify(request, parsed)
    if isinstance(grant, Refusal):
        return grant
    if not grant.may_query:
        return refusal.SQL_NOT_ALLOWED
    body = await bodies.read(request.receive, parsed.content_length)
    query = body if isinstance(body, Refusal) else _read(parsed, body)
    if isinstance(query, Refusal):
        return query
    with cancel_on_disconnect(request, parsed.cancellation):
        return await deps.pool.run(lambda: _respond(deps, parsed, query), request.sender, parsed.cancellation)


def _read(parsed: ParsedRequest, body: bytes) -> _Query | Refusal:
    if parsed.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return refusal.FIELDS_INVALID.with_reason("the body must be JSON: send Content-Type: application/json")
    try:
        query = _decode(body)
    except msgspec.DecodeError as error:
        return refusal.FIELDS_INVALID.with_reason(f"{error}: send {_EXAMPLE}")
    if query.format is None:
        types = {part.partition(";")[0].strip().lower() for part in parsed.headers.get("accept", "").split(",")}
        query.format = "json" if types & {"application/json", "*/*", "application/*"} else _find_format(types)
    return query


def _find_format(types: set[str]) -> Literal["json", "csv", "parquet"]:
    if "text/csv" in types:
        return "csv"
    return "parquet" if "application/vnd.apache.parquet" in types else "json"


def _respond(deps: QueryDeps, parsed: ParsedRequest, query: _Query) -> Response | Refusal:
    """Run the query, in the thread of the pool; the time that it waited counts."""
    try:
        body, is_cut = _encode(deps, parsed, query)
    except (SqlError, UnavailableError) as error:
        return deps.source.refuse(error)
    cut = [(b"x-prisme-truncated", b"true")] if is_cut else []
    return responses.make_response(200, [(b"content-type", _TYPES[query.format or "json"]), *cut, *_PRIVATE], body)


def _encode(deps: QueryDeps, parsed: ParsedRequest, query: _Query) -> tuple[bytes, bool]:
    if query.format == "parquet":
        limits = Limits(deps.source.options.deadline, query.max_rows, MOST_PARQUET_BYTES, parsed.began)
        with deps.runner.parquet(query.sql, limits, parsed.cancellation) as (path, outcome):
            return path.read_bytes(), outcome.is_cut
    encoder = CsvEncoder() if query.format == "csv" else JsonEncoder()
    limits = Limits(deps.source.options.deadline, query.max_rows, MOST_BYTES, parsed.began)
    outcome = deps.runner.encode(query.sql, limits, encoder, parsed.cancellation)
    return bytes(encoder.body), outcome.is_cut
