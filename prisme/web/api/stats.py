"""`GET /api/v1/stats/:name`: authenticates the sender, reads the parameters, and responds with JSON or CSV."""

from collections.abc import Mapping
from typing import Final

import msgspec

from prisme.access.goals import GoalList
from prisme.access.grants import STATS as SCOPE
from prisme.access.grants import Grant
from prisme.access.sharing import credentials
from prisme.base import refusal
from prisme.base.domains import allows
from prisme.base.errors import InputError
from prisme.base.goals import Definitions
from prisme.base.refusal import Refusal
from prisme.stats.cache.responses import ResponseCache
from prisme.stats.figures import NAMES, WITHOUT_CSV, compute, read_figure_query
from prisme.stats.filters import DOMAIN
from prisme.stats.frames import Frame
from prisme.stats.funnels import FunnelFigures
from prisme.stats.goals import GoalFigures
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.store.errors import UnavailableError
from prisme.web import responses
from prisme.web.disconnect import cancel_on_disconnect
from prisme.web.identification import Identifier
from prisme.web.parsed_request import ParsedRequest, parse_request
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import NAME, Methods
from prisme.web.stats_source import StatsSource
from prisme.web.worker_pool import WorkerPool

STATS: Final = "/api/v1/stats/"
_PRIVATE: Final[list[Header]] = [
    (b"cache-control", b"private, no-store"),
    (b"vary", b"accept, origin"),
    *responses.INERT,
]
_JSON: Final = (b"content-type", b"application/json")
_CSV: Final = (b"content-type", b"text/csv; charset=utf-8; header=present")
_PREFLIGHT: Final[list[Header]] = [
    (b"access-control-allow-methods", b"GET, OPTIONS"),
    (b"access-control-allow-headers", b"authorization"),
    (b"access-control-max-age", b"86400"),
]


class StatsDeps(msgspec.Struct, frozen=True):
    """Pages of `origins` may read the responses; `*` is every origin."""

    source: StatsSource
    goals: GoalList
    cache: ResponseCache
    identifier: Identifier
    pool: WorkerPool
    origins: tuple[str, ...]


class _Query(msgspec.Struct, frozen=True):
    """A query whose sender may see the result; `parameters` as in the URL, `now` in microseconds."""

    name: str
    as_csv: bool
    parameters: Mapping[str, str]
    read: StatsQuery
    grant: Grant
    definitions: Definitions
    now: int
    request: ParsedRequest


def routes(deps: StatsDeps) -> dict[str, Methods]:
    """One route for all statistics, by name."""

    async def endpoint(request: Request) -> Response:
        cors = allow_origin(request, deps.origins)
        parsed = parse_request(request)
        outcome = parsed if isinstance(parsed, Refusal) else await _answer(deps, request, parsed, cors)
        if isinstance(outcome, Refusal):
            return responses.refuse(request, outcome, cors, of_events=False)
        return outcome

    def preflight(request: Request) -> Response:
        cors = allow_origin(request, deps.origins)
        return responses.make_response(204, [(b"vary", b"origin"), *cors, *(_PREFLIGHT if cors else [])])

    return {STATS + NAME: {"GET": endpoint, "OPTIONS": preflight}}


def allow_origin(request: Request, origins: tuple[str, ...]) -> list[Header]:
    """The headers that let a page of another origin read the response, but not with its cookies."""
    origin = next((value for name, value in request.headers if name == b"origin"), b"")
    if "*" in origins or (origin and origin.decode("latin-1") in origins):
        return [(b"access-control-allow-origin", b"*" if "*" in origins else origin)]
    return []


async def _answer(deps: StatsDeps, request: Request, parsed: ParsedRequest, cors: list[Header]) -> Response | Refusal:
    """Answer a request, whose sender is authenticated each time, even if the response is cached."""
    name, as_csv = _choose_format(request.name, parsed.headers.get("accept", ""))
    if name not in NAMES:
        return refusal.NOT_THERE.with_reason(f"{name[:64]!r} is not a figure; the figures are {', '.join(NAMES)}")
    grant = await deps.identifier.identify(request, parsed)
    if isinstance(grant, Refusal):
        return grant
    if SCOPE not in grant.scopes:
        return refusal.NOT_ALLOWED
    with cancel_on_disconnect(request, parsed.cancellation):
        return await deps.pool.run(
            lambda: _respond(deps, name, as_csv, parsed, grant, cors), request.sender, parsed.cancellation
        )


def _respond(
    deps: StatsDeps, name: str, as_csv: bool, parsed: ParsedRequest, grant: Grant, cors: list[Header]
) -> Response | Refusal:
    """Respond to a request, in a thread of the pool."""
    query = _read_query(deps, name, as_csv, parsed, grant)
    if isinstance(query, Refusal):
        return query
    # By their hash, as definitions may be long.
    definitions = hash(query.definitions)
    key = (query.name, query.as_csv, query.grant.domains, definitions, *sorted(query.parameters.items()))
    try:
        body = deps.cache.find(key, lambda: _compute(deps.source, query))
    except UnavailableError as error:
        return deps.source.refuse(error)
    return _make_response(query, body, cors)


def _read_query(deps: StatsDeps, name: str, as_csv: bool, parsed: ParsedRequest, grant: Grant) -> _Query | Refusal:
    """The query of a request, for a sender who may see the result."""
    now, definitions, granted = deps.source.now, deps.goals.read(grant.domains), credentials(parsed.query)
    parameters = {key: text for key, text in parsed.query.items() if key not in granted}
    try:
        read = read_figure_query(name, parameters, now, definitions.goals)
    except InputError as error:
        return refusal.QUESTION_INVALID.with_reason(str(error))
    forbidden = _find_forbidden_domain(read, grant)
    if forbidden:
        return refusal.DOMAIN_NOT_ALLOWED.with_reason(f"domain: you do not have access to {forbidden[:128]!r}")
    return _Query(name, as_csv, parameters, read, grant, definitions, now, parsed)


def _choose_format(segment: str, accept: str) -> tuple[str, bool]:
    """The name, and whether the response is CSV: if the path ends with `.csv`, or `Accept` names it and no other."""
    if segment.endswith(".csv") and segment.removesuffix(".csv") not in WITHOUT_CSV:
        return segment.removesuffix(".csv"), True
    if segment in WITHOUT_CSV:
        return segment, False
    types = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return segment, "text/csv" in types and not types & {"application/json", "*/*", "application/*"}


def _find_forbidden_domain(query: StatsQuery, grant: Grant) -> str:
    """The first domain in the filters that is in full and that the grant does not allow; empty if there is none."""
    if grant.domains is None or DOMAIN not in query.filters:
        return ""
    in_full = (pattern[0] for pattern in query.filters[DOMAIN].includes if len(pattern) == 1)
    return next((domain for domain in in_full if not allows(grant.domains, domain)), "")


def _compute(source: StatsSource, query: _Query) -> bytes:
    """The body of the response."""
    with source.open_reader(query.request) as reader:
        stats = Stats(reader, query.grant.domains, query.definitions)
        result = compute(query.name, stats, query.read, query.now, source.cache)
    if query.as_csv and isinstance(result, Frame | GoalFigures | FunnelFigures):
        return result.to_csv(query.read.spreadsheet).encode("utf-8", "surrogatepass")
    return msgspec.json.encode(result)


def _make_response(query: _Query, body: bytes, cors: list[Header]) -> Response:
    if query.as_csv:
        file = (b"content-disposition", f'attachment; filename="{query.name}.csv"'.encode())
        return responses.make_response(200, [_CSV, file, *_PRIVATE, *cors], body)
    return responses.make_response(200, [_JSON, *_PRIVATE, *cors], body)
