"""`GET /api/v1/stats/:name`: authenticates the sender, reads the parameters, and responds with JSON or CSV."""

from typing import Final

import msgspec

from prisme.access.grants import STATS as SCOPE
from prisme.access.sharing import credentials
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.stats.figures import NAMES, WITHOUT_CSV
from prisme.web import responses
from prisme.web.cors import allow_origin
from prisme.web.disconnect import cancel_on_disconnect
from prisme.web.figure_answers import FigureDeps, Question, answer
from prisme.web.identification import Identifier
from prisme.web.parsed_request import ParsedRequest, parse_request
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import NAME, Methods
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
    """What is asked, and who by."""

    figures: FigureDeps
    identifier: Identifier
    pool: WorkerPool

    def allow_origin(self, request: Request) -> list[Header]:
        """The headers for a page of another origin, if it is one of those that may read responses."""
        return allow_origin(request, self.figures.source.options.origins)


def routes(deps: StatsDeps) -> dict[str, Methods]:
    """One route for all statistics, by name."""

    async def endpoint(request: Request) -> Response:
        cors = deps.allow_origin(request)
        parsed = parse_request(request)
        outcome = parsed if isinstance(parsed, Refusal) else await _answer(deps, request, parsed, cors)
        if isinstance(outcome, Refusal):
            return responses.refuse(request, outcome, cors, of_events=False)
        return outcome

    def preflight(request: Request) -> Response:
        cors = deps.allow_origin(request)
        return responses.make_response(204, [(b"vary", b"origin"), *cors, *(_PREFLIGHT if cors else [])])

    return {STATS + NAME: {"GET": endpoint, "OPTIONS": preflight}}


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
    granted = credentials(parsed.query)
    parameters = {key: text for key, text in parsed.query.items() if key not in granted}
    question = Question(name, parameters, grant, parsed, as_csv)
    with cancel_on_disconnect(request, parsed.cancellation):
        body = await deps.pool.run(lambda: answer(deps.figures, question), request.sender, parsed.cancellation)
    return body if isinstance(body, Refusal) else _make_response(question, body, cors)


def _choose_format(segment: str, accept: str) -> tuple[str, bool]:
    """The name, and whether the response is CSV: if the path ends with `.csv`, or `Accept` names it and no other."""
    if segment.endswith(".csv") and segment.removesuffix(".csv") not in WITHOUT_CSV:
        return segment.removesuffix(".csv"), True
    if segment in WITHOUT_CSV:
        return segment, False
    types = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return segment, "text/csv" in types and not types & {"application/json", "*/*", "application/*"}


def _make_response(question: Question, body: bytes, cors: list[Header]) -> Response:
    if question.as_csv:
        file = (b"content-disposition", f'attachment; filename="{question.name}.csv"'.encode())
        return responses.make_response(200, [_CSV, file, *_PRIVATE, *cors], body)
    return responses.make_response(200, [_JSON, *_PRIVATE, *cors], body)
