"""`GET /api/v1/stats/:name`: who is it, what is asked, and the answer as JSON or CSV."""

import time
from typing import Final

import msgspec

from prisme.access.grants import STATS as SCOPE
from prisme.access.grants import Grant
from prisme.access.shares import SHARE
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.runtime.clock import Clock
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.cache.responses import ResponseCache
from prisme.stats.figures import DASHBOARD, NAMES, compute, extra_parameters
from prisme.stats.filters import DOMAIN
from prisme.stats.frames import Frame
from prisme.stats.parameters import StatsQuery, read_query
from prisme.stats.queries import Stats
from prisme.store.database import Database
from prisme.store.errors import LateError, LostError
from prisme.store.reader import Reader
from prisme.web import responses
from prisme.web.authentication import Asking, Guard, read_asking
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import Endpoint
from prisme.web.worker_pool import Desk

STATS: Final = "/api/v1/stats/"
_PRIVATE: Final[list[Header]] = [
    (b"cache-control", b"private, no-store"),
    (b"vary", b"accept, origin"),
    *responses.INERT,
]
_JSON: Final = (b"content-type", b"application/json")
_CSV: Final = (b"content-type", b"text/csv; charset=utf-8; header=present")
_DAY: Final = b"86400"


class Figures(msgspec.Struct, frozen=True):
    """What the endpoint needs. `deadline` in seconds; `origins` may read answers in their pages, `*` all may."""

    database: Database
    kept: IncrementalCache
    recent: ResponseCache
    guard: Guard
    desk: Desk
    clock: Clock
    deadline: float
    origins: tuple[str, ...]


def stats(figures: Figures) -> dict[str, Endpoint]:
    """Any of the figures."""

    async def endpoint(request: Request) -> Response:
        cors = allow(request, figures.origins)
        asking, began = read_asking(request), time.monotonic()
        outcome: Response | Refusal
        if isinstance(asking, Refusal):
            outcome = asking
        else:
            outcome = await figures.desk.run(lambda: _answer(figures, request.name, asking, began, cors))
        if isinstance(outcome, Refusal):
            return responses.refuse(request, outcome, cors, of_events=False)
        return outcome

    def preflight(request: Request) -> Response:
        cors = allow(request, figures.origins)
        if cors:
            cors += [
                (b"access-control-allow-methods", b"GET, OPTIONS"),
                (b"access-control-allow-headers", b"authorization"),
                (b"access-control-max-age", _DAY),
            ]
        return responses.make_response(204, [(b"vary", b"origin"), *cors])

    return {"GET": endpoint, "OPTIONS": preflight}


def allow(request: Request, origins: tuple[str, ...]) -> list[Header]:
    """The headers that let a page of another origin read the answer. Never with its cookies."""
    origin = next((value for name, value in request.headers if name == b"origin"), b"")
    if "*" in origins or (origin and origin.decode("latin-1") in origins):
        return [(b"access-control-allow-origin", b"*" if "*" in origins else origin)]
    return []


def excuse(error: LateError | LostError) -> Refusal:
    """Why there is no answer."""
    return refusal.STATS_LATE.with_reason(str(error)) if isinstance(error, LateError) else refusal.STATS_LOST


def _answer(figures: Figures, name: str, asking: Asking, began: float, cors: list[Header]) -> Response | Refusal:
    """In a thread of the desk. Who is asking is found out each time, whatever is remembered."""
    name, as_csv = _choose_format(name, asking.headers.get("accept", ""))
    if name not in NAMES:
        return refusal.NOT_THERE.with_reason(f"{name[:64]!r} is no figure; there are {', '.join(NAMES)}")
    grant = figures.guard.identify(asking)
    if isinstance(grant, Refusal):
        return grant
    if SCOPE not in grant.scopes:
        return refusal.NOT_ALLOWED
    now = figures.clock.wall() // 1000
    parameters = {key: text for key, text in asking.query.items() if key != SHARE}
    try:
        question = read_query(parameters, now, extra_parameters(name))
    except (InputError, ValueError) as error:
        return refusal.QUESTION_INVALID.with_reason(str(error))
    strange = _beyond(question, grant)
    if strange:
        return refusal.DOMAIN_NOT_ALLOWED.with_reason(f"domain: {strange[:128]!r} is not one of yours")

    def make() -> bytes:
        with Reader(figures.database, figures.deadline, began) as reader:
            found = compute(name, Stats(reader, grant.domains), question, now, figures.kept)
        if as_csv and isinstance(found, Frame):
            return found.to_csv().encode("utf-8", "surrogatepass")
        return msgspec.json.encode(found)

    try:
        body = figures.recent.find((name, as_csv, grant.domains, *sorted(parameters.items())), make)
    except (LateError, LostError) as error:
        return excuse(error)
    if as_csv:
        file = (b"content-disposition", f'attachment; filename="{name}.csv"'.encode())
        return responses.make_response(200, [_CSV, file, *_PRIVATE, *cors], body)
    return responses.make_response(200, [_JSON, *_PRIVATE, *cors], body)


def _choose_format(name: str, accept: str) -> tuple[str, bool]:
    """The name alone, and whether CSV is wanted: by the name's ending, or where it is the only format named."""
    if name.endswith(".csv") and name.removesuffix(".csv") != DASHBOARD:
        return name.removesuffix(".csv"), True
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return name, "text/csv" in kinds and not kinds & {"application/json", "*/*", "application/*"}


def _beyond(question: StatsQuery, grant: Grant) -> str:
    """A domain that is asked for by its whole name, and not one of the grant's; empty where there is none."""
    if grant.domains is None or DOMAIN not in question.filters:
        return ""
    plain = (pattern[0] for pattern in question.filters[DOMAIN].includes if len(pattern) == 1)
    return next((domain for domain in plain if domain not in grant.domains), "")
