"""`/badge/HOST.svg`: a number of a site as an image for any page, where an admin has turned it on.

A page with many visitors costs no more than one count a minute, as the drawn badge is kept for that long.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Final, NamedTuple

import msgspec

from prisme.access.sharing import Sharing
from prisme.base import refusal
from prisme.base.domains import any_port
from prisme.base.refusal import Refusal
from prisme.dashboard.badge import draw_badge
from prisme.dashboard.number_format import format_count
from prisme.dashboard.words import mark, translate
from prisme.stats.cache.lru import LruCache
from prisme.stats.parameters import read_query
from prisme.stats.queries import Stats
from prisme.store.errors import UnavailableError
from prisme.web import responses
from prisme.web.disconnect import cancel_on_disconnect
from prisme.web.parsed_request import ParsedRequest, parse_request
from prisme.web.quota import Rank, Sender
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import NAME, Methods
from prisme.web.stats_source import StatsSource
from prisme.web.worker_pool import WorkerPool

BADGE: Final = "/badge/"
_SUFFIX: Final = ".svg"
SECONDS: Final = 60
# A drawn badge has about 1 kB: some thousand of them.
_MAX_BYTES: Final = 1 << 20
_BADGE_BYTES: Final = 1024
_PERIODS: Final = {"28d": "now-27d/d", "7d": "now-6d/d", "today": "now/d"}
_METRICS: Final = ("visitors", "pageviews")
_LABELS: Final = {
    ("visitors", "28d"): mark("visitors, 28 days"), ("visitors", "7d"): mark("visitors, 7 days"),
    ("visitors", "today"): mark("visitors, today"), ("pageviews", "28d"): mark("pageviews, 28 days"),
    ("pageviews", "7d"): mark("pageviews, 7 days"), ("pageviews", "today"): mark("pageviews, today"),
}  # fmt: skip
_CHOICES: Final[dict[str, tuple[str, ...]]] = {"period": tuple(_PERIODS), "metric": _METRICS}
_HEADERS: Final[list[Header]] = [
    (b"content-type", b"image/svg+xml"),
    (b"cache-control", b"public, max-age=%d" % SECONDS),
    # Pages with `Cross-Origin-Embedder-Policy` show an image of another origin only with this header.
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-robots-tag", b"noindex"),
    *responses.INERT,
]


class BadgeDeps(msgspec.Struct, frozen=True):
    """`lookups` has the threads that find out whether a badge is on, `figures` those that count.

    `find_version` gives what is another value once a switch, a site or an alias has changed; for the event loop.
    """

    source: StatsSource
    sharing: Sharing
    find_version: Callable[[], Hashable]
    lookups: WorkerPool
    figures: WorkerPool


class _Badge(NamedTuple):
    """`version` of the switches and sites that it was drawn for: in another one, it may be off."""

    drawn_at: float
    version: Hashable
    response: Response


class _Badges:
    """The badges of the last minute."""

    def __init__(self) -> None:
        self._drawn: LruCache[_Badge] = LruCache(_MAX_BYTES)

    def find(self, key: Hashable, version: Hashable) -> Response | None:
        """The badge that was drawn within the last minute, for this version."""
        badge = self._drawn.get(key)
        is_fresh = badge and badge.version == version and time.monotonic() - badge.drawn_at < SECONDS
        return badge.response if badge and is_fresh else None

    def keep(self, key: Hashable, version: Hashable, response: Response) -> None:
        """Keep a badge that was drawn for a version."""
        self._drawn.put(key, _Badge(time.monotonic(), version, response), _BADGE_BYTES + len(repr(key)))
        self._drawn.evict()


def routes(deps: BadgeDeps) -> dict[str, Methods]:
    """The badges of all sites."""
    badges = _Badges()

    async def endpoint(request: Request) -> Response:
        parsed = parse_request(request)
        outcome = parsed if isinstance(parsed, Refusal) else await _answer(deps, badges, request, parsed)
        return responses.refuse(request, outcome, of_events=False) if isinstance(outcome, Refusal) else outcome

    return {BADGE + NAME: {"GET": endpoint}}


async def _answer(deps: BadgeDeps, badges: _Badges, request: Request, parsed: ParsedRequest) -> Response | Refusal:
    chosen = _choose(parsed.query)
    if isinstance(chosen, Refusal):
        return chosen
    host, version = request.name.removesuffix(_SUFFIX), deps.find_version()
    if host == request.name:
        return refusal.NOT_PUBLIC
    kept = badges.find((host, *chosen), version)
    if kept is not None:
        return kept
    request.sender = Sender(Rank.NOBODY, str(request.client.key))
    site = await deps.lookups.run(lambda: deps.sharing.find(host, "badge"), request.sender)
    if isinstance(site, Refusal) or not site:
        return site or refusal.NOT_PUBLIC
    request.sender = Sender(Rank.SHARE, f"public:{site}")
    with cancel_on_disconnect(request, parsed.cancellation):
        # By the site's name: other ways to write it are no reason to count again.
        draw = partial(_draw, deps, badges, (site, *chosen), version, parsed)
        return await deps.figures.run(draw, request.sender, parsed.cancellation)


def _choose(query: Mapping[str, str]) -> tuple[str, str] | Refusal:
    """The period and the metric. Anything else is refused, so that nobody makes a badge be counted without end."""
    for name, text in query.items():
        if text not in _CHOICES.get(name, ()):
            return refusal.QUESTION_INVALID.with_reason(
                translate(
                    "{name}={text}: a badge has period={periods} and metric={metrics}",
                    name=name[:64],
                    text=text[:64],
                    periods="|".join(_PERIODS),
                    metrics="|".join(_METRICS),
                )
            )
    period, metric = (query.get(name, choices[0]) for name, choices in _CHOICES.items())
    return period, metric


def _draw(
    deps: BadgeDeps, badges: _Badges, key: tuple[str, str, str], version: Hashable, parsed: ParsedRequest
) -> Response | Refusal:
    """Count and draw, in the one thread of the rank: another request may just have done it there."""
    kept = badges.find(key, version)
    if kept is not None:
        return kept
    site, period, metric = key
    query = read_query({"from": _PERIODS[period], "to": "now"}, deps.source.now)
    try:
        with deps.source.open_reader(parsed) as reader:
            series = Stats(reader, (any_port(site),)).series([metric], {}, query.span)
    except UnavailableError as error:
        return deps.source.refuse(error)
    image = draw_badge(translate(_LABELS[metric, period]), format_count(series[metric].total)).encode()
    response = responses.make_response(200, _HEADERS, image)
    badges.keep(key, version, response)
    return response
