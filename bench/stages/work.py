"""The stages: thin adaptors over Prisme's own functions, wired as `prisme serve` wires them.

A call gets what it would get from a real request: bytes and texts that nobody has hashed yet, a client and a page of
its own, caches as warm as that request would find them. What takes several requests at a time gets as many as come
together under load.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from bench.stages.visitor import (
    PAGES,
    PATTERN,
    PLATFORM,
    SITE,
    fresh,
    fresh_text,
    make_address,
    make_device,
    make_scope,
    make_url,
    make_user_agent,
)
from prisme.base.events import DIRECT, NO_UTM, Session
from prisme.ingest.batch import Recorder
from prisme.ingest.pageview import find_at
from prisme.ingest.services import Services
from prisme.journal.appender import Appender
from prisme.journal.record import PageviewLine, encode
from prisme.runtime.clock import Clock
from prisme.runtime.config import Config, load
from prisme.runtime.folder import Folder
from prisme.visit import address
from prisme.visit.address import Address
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.refused_hosts import RefusedHosts
from prisme.visit.sessions import Visit, new_id
from prisme.visit.sessions import begin as remember
from prisme.visit.sites import Page, Referrer, Sites
from prisme.web.app import App
from prisme.web.events import endpoints
from prisme.web.events.endpoints import EventDeps, admit
from prisme.web.request import ORIGIN, Proxy, Request
from prisme.web.responses import ACCEPTED, Response
from prisme.web.server import Scope, read_scope
from prisme.web.traffic import SOURCE_IP, AccessLog, Traffic
from prisme.wiring.recording import build_services, build_sites, open_stores

# Under load so many requests wait for each other, mostly; Prisme answers 64 at a time at most.
BATCH = 32
# Nanoseconds from one look at the clock to the next.
_TICK = 35_000
_START = 1_790_000_000_000_000_000

Call = tuple[Any, ...]


def _nothing() -> None:
    """Where there is nothing to finish."""


class Stage(NamedTuple):
    """`prepare` gives the arguments of one call for each number, and brings about what that call needs to find.

    `fine` says whether an outcome is as it should be; each number brings `lines` to the journal. `finish` is called
    once after some calls, and its cost is shared by them. With a `batch`, a call does so many numbers at a time: it
    gets lists of their arguments, and `fine` sees the outcome of all.
    """

    name: str
    call: Callable[..., object]
    prepare: Callable[[range], list[Call]]
    fine: Callable[[Any], bool]
    lines: int = 0
    finish: Callable[[], object] = _nothing
    batch: int = 0

    def calls(self, numbers: range) -> list[Call]:
        """The arguments of all calls that these numbers need; `batch` has to divide their count."""
        each = self.prepare(numbers)
        if not self.batch:
            return each
        starts = range(0, len(each), self.batch)
        return [tuple(map(list, zip(*each[start : start + self.batch], strict=True))) for start in starts]


class Wired(NamedTuple):
    """What the stages work with, and the journal's count of lines so far."""

    services: Services
    sites: Sites
    proxy: Proxy
    deps: EventDeps
    traffic: Traffic
    app: App
    access_log: AccessLog
    clock: Clock

    def request(self, scope: Scope) -> Request:
        """The request that Granian hands over."""
        return read_scope(scope, self.proxy, self.clock.steady())

    @property
    def lines(self) -> int:
        """Lines that the journal took."""
        return self.services.journal.pending_events


def wire(folder: Path, closing: ExitStack) -> Wired:
    """Build all that a pageview meets, in an empty folder, with Prisme's defaults behind a proxy.

    Needs a running event loop. `closing` closes the files.
    """
    config, clock, log = _config(folder), _clock(), logging.getLogger("prisme")
    data = closing.enter_context(Folder(config.data_dir))
    stores = open_stores(config, data, clock.wall() // 1000, log, closing)
    journal = Appender(data.journal, 1, config.eventstore_max_batch_size)
    services, sites = build_services(config, stores, journal), build_sites(config)
    access_log = AccessLog(str(config.access_log), clock.wall)
    closing.callback(access_log.close)
    proxy = Proxy(config.trust_proxy, config.proxy_header, config.proxy_hops, config.proxy_request_id_header)
    traffic = Traffic(access_log, SOURCE_IP[config.access_log_ip])
    deps = EventDeps(
        RateLimiter(config.api_events_rate_limit), sites, Recorder(services).record, proxy, clock, None, RefusedHosts()
    )
    app = App(endpoints.routes(deps), proxy, traffic, clock.steady, log)
    return Wired(services, sites, proxy, deps, traffic, app, access_log, clock)


def stages(wired: Wired) -> list[Stage]:
    """All of them, in the order of a pageview's way."""
    return [
        Stage("reference", reference, lambda numbers: [(fresh(f"reference {n}"),) for n in numbers], bool),
        *_reading(wired),
        *_locating(wired),
        *_identifying(wired),
        *_visiting(wired),
        *_keeping(wired),
        *_whole(wired),
    ]


def reference(text: bytes) -> int:
    """Plain Python that never changes: how many instructions this interpreter needs for what most code consists of."""
    found: dict[bytes, int] = {}
    kept: list[str] = []
    for byte in text:
        word = b"%d" % (byte & 15)
        found[word] = found.get(word, 0) + byte
        if word.startswith(b"1") and len(word) == 2:
            kept.append(f"{byte}:{word.decode()}")
    pairs = tuple((len(name), total) for name, total in found.items())
    return sum(length * total for length, total in pairs) + len("".join(kept))


def _reading(wired: Wired) -> list[Stage]:
    """From headers to who is admitted."""
    scan, deps = wired.proxy.scanner(), wired.deps

    def requests(numbers: range) -> list[Call]:
        return [(wired.request(make_scope(n, 1)),) for n in numbers]

    def scanned(numbers: range) -> list[Call]:
        calls = requests(numbers)
        for (request,) in calls:
            request.slots = scan(request)
        return calls

    def known(numbers: range) -> list[Call]:
        for (request,) in scanned(numbers):
            admit(deps, [request])
        return scanned(numbers)

    def admit_all(requests: list[Request]) -> list[Request]:
        admit(deps, requests)
        return requests

    def are_addresses(requests: list[Request]) -> bool:
        addresses = [request.address for request in requests if request.refusal is None]
        return len(addresses) == BATCH and all(isinstance(one, Address) for one in addresses)

    return [
        Stage("scan", scan, requests, lambda found: found[ORIGIN] == f"https://{SITE}".encode()),
        Stage("admit, known client", admit_all, known, are_addresses, batch=BATCH),
        Stage("admit, new client", admit_all, scanned, are_addresses, batch=BATCH),
    ]


def _locating(wired: Wired) -> list[Stage]:
    """Which page, and where the visitor came from."""
    sites = wired.sites

    def urls(pages: list[bytes], referrers: list[bytes]) -> list[object]:
        return [*map(sites.pages.__getitem__, pages), *map(sites.referrers.__getitem__, referrers)]

    def pages(numbers: range) -> list[Call]:
        return [(fresh(make_url(n)), fresh(make_url(n + 1))) for n in numbers]

    def new_pages(numbers: range) -> list[Call]:
        return [(fresh(f"{make_url(n)}?page={n}"), fresh(f"https://www.example.org/search/{n}")) for n in numbers]

    def are_read(outcome: list[object]) -> bool:
        return all(isinstance(one, Page | Referrer) for one in outcome)

    return [
        Stage("url, known", urls, pages, are_read, batch=BATCH),
        Stage("url, new", urls, new_pages, are_read, batch=BATCH),
    ]


def _identifying(wired: Wired) -> list[Stage]:
    """Who it is."""
    identity = wired.services.identity

    def devices(user_agents: list[bytes], texts: list[str], hosts: list[str]) -> list[int]:
        return identity.device_hashes(zip(user_agents, texts, hosts, strict=True))

    def agents(numbers: range) -> list[tuple[bytes, str, str]]:
        return [(fresh(make_user_agent(n)), fresh_text(make_address(n)), SITE) for n in numbers]

    def known_agents(numbers: range) -> list[Call]:
        identity.device_hashes(agents(numbers))
        return [*agents(numbers)]

    def names(numbers: range) -> list[Call]:
        clients = agents(numbers)
        return [*zip(clients, identity.device_hashes(clients), strict=True)]

    def are_hashes(outcome: list[int]) -> bool:
        return len(outcome) == BATCH and all(0 <= one < 1 << 64 for one in outcome)

    return [
        Stage("identity, known device", devices, known_agents, are_hashes, batch=BATCH),
        Stage("identity, new device", devices, lambda numbers: [*agents(numbers)], are_hashes, batch=BATCH),
        Stage("identity, visitor", identity.visitor, names, lambda visitor: len(visitor) == 23),
    ]


def _visiting(wired: Wired) -> list[Stage]:
    """In which session."""
    services, now = wired.services, _START // 1000
    sessions, read, locate, noise = (
        services.sessions,
        services.user_agents.read,
        services.geo.locate,
        services.noise,
    )

    def begin(device: int, client: Address, user_agent: bytes, platform: bytes, path: str) -> Visit:
        country, place = locate(client)
        session = Session(
            new_id(now, noise()), SITE, now, path, now, path, 200, "prisme_0123456789ABCDEF",
            read(user_agent, platform, b"", b"").client, country, DIRECT, NO_UTM, 1, 0, "", place,
        )  # fmt: skip
        visit, visits = remember(session), sessions.find(device, now)
        if len(visits) < sessions.per_device:
            sessions.put(device, visit, now)
        return visit

    def turn(device: int, path: str, to: str) -> bool:
        visit = find_at(sessions.find(device, now), path)
        if visit is None:
            return False
        session = visit.session
        sessions.replace(device, visit, visit.go_on(session.view(to, now, 200, session.visitor)))
        return True

    def starts(numbers: range) -> list[Call]:
        clients = [address.parse(make_address(n)) for n in numbers]
        return [
            (make_device(n), client, fresh(make_user_agent(n)), fresh(PLATFORM), f"/page/{n % PAGES}")
            for n, client in zip(numbers, clients, strict=True)
        ]

    def turns(numbers: range) -> list[Call]:
        for start in starts(numbers):
            begin(*start)
        return [(make_device(n), f"/page/{n % PAGES}", f"/page/{(n + 1) % PAGES}") for n in numbers]

    def is_read(visit: Visit) -> bool:
        session = visit.session
        return session.client.os == "Windows" and session.country != "XX"

    return [
        Stage("session, continued", turn, turns, bool),
        Stage("session, new", begin, starts, is_read),
    ]


def _keeping(wired: Wired) -> list[Stage]:
    """The journal's line, and the access log's."""
    services, traffic = wired.services, wired.traffic
    client = services.user_agents.read(make_user_agent(0).encode(), PLATFORM.encode(), b"", b"").client

    def to_lines(devices: list[int], sessions: list[Session]) -> bytes:
        return encode([*map(PageviewLine, devices, sessions)])

    def append(lines: list[bytes]) -> bool:
        return services.journal.append(b"".join(lines), len(lines))

    def log(requests: list[Request], times: list[int]) -> None:
        traffic.count(PATTERN, [(request, ACCEPTED) for request in requests], times[-1])

    def states(numbers: range) -> list[Call]:
        at, path = _START // 1000, "/page/12"
        return [
            (
                make_device(n),
                Session(
                    new_id(at, services.noise()), SITE, at, path, at + n, path, 200, f"prisme_{n:016X}", client, "DE",
                    DIRECT, NO_UTM, 2, 0,
                ),
            )
            for n in numbers
        ]  # fmt: skip

    def lines(numbers: range) -> list[Call]:
        return [(to_lines([device], [session]),) for device, session in states(numbers)]

    def answered(numbers: range) -> list[Call]:
        requests = [wired.request(make_scope(n, 1)) for n in numbers]
        wired.proxy.clients(requests)
        for request in requests:
            request.received_at = 0
        return [(request, 50_000 + n) for n, request in zip(numbers, requests, strict=True)]

    def are_lines(outcome: bytes) -> bool:
        return outcome.count(b"}\n") == BATCH

    flush = wired.access_log.flush
    return [
        Stage("encode", to_lines, states, are_lines, batch=BATCH),
        Stage("append", append, lines, lambda outcome: outcome is True, 1, batch=BATCH),
        Stage("log", log, answered, lambda outcome: outcome is None, 0, flush, BATCH),
    ]


def _whole(wired: Wired) -> list[Stage]:
    """All of it: read as Granian's thread does it, answered as the event loop does it."""
    app, proxy, steady, flush = wired.app, wired.proxy, wired.clock.steady, wired.access_log.flush

    def whole(scopes: list[Scope]) -> Sequence[Response | Awaitable[Response]]:
        requests: list[Request] = []
        for scope in scopes:
            request = read_scope(scope, proxy, steady())
            app.read(request)
            requests.append(request)
        return app.answer(requests)

    def first(numbers: range) -> list[Call]:
        return [(make_scope(n, 0),) for n in numbers]

    def second(numbers: range) -> list[Call]:
        for (scope,) in first(numbers):
            whole([scope])
        return [(make_scope(n, 1),) for n in numbers]

    def are_accepted(answers: Sequence[Response | Awaitable[Response]]) -> bool:
        return all(one is ACCEPTED for one in answers)

    return [
        Stage(f"whole, {session}, {how}", whole, prepare, are_accepted, 1, flush, batch)
        for how, batch in (("alone", 1), (f"batch of {BATCH}", BATCH))
        for session, prepare in (("continued session", second), ("new session", first))
    ]


def _config(folder: Path) -> Config:
    flags = {
        "--origins": SITE,
        "--trust-proxy": "true",
        "--data-dir": str(folder / "data"),
        "--access-log": str(folder / "access.log"),
        "--duckdb-threads": "1",  # it has nothing to do here
    }
    return load(flags, {}, folder)[0]


def _clock() -> Clock:
    """Moves by itself, the same way in each run."""
    return Clock(count(_START, _TICK).__next__, count(_TICK, _TICK).__next__)
