"""The wiring: builds every object, starts them, and stops them in reverse order. No rule lives here."""

import asyncio
import contextlib
import gc
import itertools
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import NamedTuple

import duckdb
import uvloop

from prisme import __version__, assets
from prisme.access.accounts import Accounts
from prisme.access.attempts import Attempts
from prisme.access.setup import Setup
from prisme.access.shares import Shares
from prisme.access.tokens import Tokens
from prisme.access.views import Views
from prisme.base.events import Session
from prisme.ingest.batch import Recorder
from prisme.ingest.services import Lookups, Services
from prisme.journal.appender import Appender
from prisme.journal.reader import read_visits
from prisme.journal.segment import Segment, leftovers
from prisme.runtime.clock import Clock
from prisme.runtime.config import Config
from prisme.runtime.folder import Folder, FolderError
from prisme.runtime.freespace import FreeSpace
from prisme.runtime.log import open_log
from prisme.runtime.ports import claim
from prisme.stats.cache.incremental import Kept
from prisme.stats.cache.responses import Recent
from prisme.stats.cache.responses import Sites as RecentSites
from prisme.store.control import Control
from prisme.store.database import WAY_BACK, Database, Limits, StoreError
from prisme.store.loader import Loader
from prisme.store.secrets import Secrets
from prisme.store.writer import Pace, Writer
from prisme.visit.concentration import Concentration
from prisme.visit.geo import Geo, GeoError
from prisme.visit.identity import Identity
from prisme.visit.origins import OriginError, Origins
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.salts import Salts
from prisme.visit.sessions import CAPACITY, LONGEST, PAGES, Sessions, begin
from prisme.visit.sites import Rules, Sites
from prisme.visit.useragent import UserAgents
from prisme.web import static
from prisme.web import tls_probe as trial
from prisme.web.api import admin, healthcheck
from prisme.web.api import stats as stats_api
from prisme.web.api.admin import AdminApiDeps
from prisme.web.api.stats import StatsDeps
from prisme.web.app import App
from prisme.web.authentication import Authenticator
from prisme.web.events import endpoints, noscript
from prisme.web.events.endpoints import EventDeps
from prisme.web.metrics_server import MetricsServer, gather
from prisme.web.pages import dashboard, login, settings, share
from prisme.web.pages import list as list_page
from prisme.web.pages import setup as setup_page
from prisme.web.pages.endpoints import PageDeps
from prisme.web.pages.health import Intake
from prisme.web.pages.login import LoginDeps
from prisme.web.pages.settings_changes import SettingsDeps
from prisme.web.pages.setup import SetupDeps
from prisme.web.pages.share import ShareDeps
from prisme.web.pages.templates import Templates
from prisme.web.pages.viewer import DashboardDeps
from prisme.web.request import Proxy
from prisme.web.routing import Methods
from prisme.web.server import Batching, BatchingError, answer_scope, make_server
from prisme.web.static import DASHBOARD_JS
from prisme.web.stats_source import StatsSource
from prisme.web.traffic import SOURCE_IP, AccessLog, Traffic
from prisme.web.worker_pool import WorkerPool

SECOND = 1_000_000  # microseconds
# What is under way may take so long after a stop was asked for; a supervisor's patience is often 10 s in all.
_DRAIN_SECONDS = 5.0
_TEND_SECONDS = 1.0
# Each question uses all of DuckDB's threads: two at a time answer no more, and hold up events twice as long.
_READERS = 1
_MOST_QUESTIONS = 64
_REFRESH_EVERY = 60  # tends between two looks at the country file


class StartError(Exception):
    """The server cannot start; the message says why and what to do."""


def run(config: Config, notices: list[str], setup: Setup | None = None) -> int:
    """Serve until SIGTERM or SIGINT. The exit code: 0 after a clean stop, 1 where the start failed.

    With a `setup`, its caller shows the link to the first account.
    """
    os.umask(0o077)  # what DuckDB and SQLite write is for the owner's eyes as well
    log = open_log(config.debug)
    for notice in notices:
        log.warning(notice)
    try:
        with Folder(config.data_dir) as folder:
            uvloop.run(_serve_until_signal(config, folder, log, setup))
    except (StartError, FolderError, StoreError, GeoError, OriginError) as error:
        log.critical("cannot start: %s", error)
        return 1
    except duckdb.Error as error:
        log.critical("cannot start: the database cannot be read: %s. %s", error, WAY_BACK)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _serve_until_signal(config: Config, folder: Folder, log: logging.Logger, setup: Setup | None) -> None:
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            # Asked twice: leave at once. The journal has whatever the database has not.
            os._exit(128 + number)
        log.info("stopping; a second signal stops at once")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    await serve(config, folder, log, stop, setup=setup)


async def serve(
    config: Config,
    folder: Folder,
    log: logging.Logger,
    stop: asyncio.Event,
    clock: Clock | None = None,
    setup: Setup | None = None,
) -> None:
    """Build all, serve until `stop` is set, then answer what is under way, load the last segment and checkpoint."""
    clock = clock or Clock()
    now = _microseconds(clock)
    if folder.is_open:
        log.warning("others may write to the data directory: chmod 700 %s", folder.path)
    _claim(config)
    await _try_certificate(config)
    with contextlib.ExitStack() as closing:
        rooms = open_rooms(config, folder, now(), log, closing)
        loader = rooms.loader
        left, waiting, first = await _load_leftovers(loader, folder, now, log)
        ttl = _ttl(config)
        journal = _open_journal(folder, first, config.eventstore_max_batch_size)
        pace = Pace(config.eventstore_max_batch_timeout, config.eventstore_fsync != "never", ttl, LONGEST)
        writer = Writer(journal, loader, pace, now, log)
        writer.queue(left)

        services = build_services(config, rooms, journal)
        _restore(services.sessions, loader, waiting, now(), ttl, log)
        access_log = _open_access_log(config, clock)
        if access_log:
            closing.callback(access_log.close)
            _reopen_on_hangup(access_log, log)
        proxy = _open_proxy(config, log)
        traffic = Traffic(access_log, SOURCE_IP[config.access_log_ip])

        def failure() -> str | None:
            return journal.failure or writer.failure or services.disk.failure

        def intake() -> Intake:
            # A copy: pages are drawn in other threads, while requests go on.
            refused, (share, visits) = dict(traffic.refused_events), services.concentration.share()
            return Intake(writer.pending_events, writer.stored_at, failure(), refused, proxy.unread, share, visits)

        routes: dict[str, Methods] = {}
        if config.mode == "default":
            routes = _build_reading(config, folder, rooms, clock, intake, setup, log, closing)
        app, batching, monitoring = _build_apps(config, services, writer, failure, clock, proxy, routes, traffic, log)
        await _run(config, app, batching, monitoring, writer, _tend(services, rooms.salts, now, log), stop, log)
        await journal.close()
    log.info("stopped", extra={"events_stored": writer.stored.total()})


class Rooms(NamedTuple):
    """What is opened before anything can be recorded."""

    salts: Salts
    geo: Geo
    database: Database
    loader: Loader


def open_rooms(config: Config, folder: Folder, now: int, log: logging.Logger, closing: contextlib.ExitStack) -> Rooms:
    """Open the files of a data folder; `closing` closes them. `now` in microseconds."""
    secrets = Secrets(folder.path / "secrets.sqlite", log)
    closing.callback(secrets.close)
    salts = Salts(secrets, now, _ttl(config))
    if not salts.saved:
        raise StartError(f"the keys of the day cannot be kept in {folder.path}; is the disk full?")
    geo = Geo(config.geoip_db or assets.COUNTRIES, folder.path)
    closing.callback(geo.close)
    limits = Limits(config.duckdb_memory_limit, config.duckdb_threads)
    database = Database(folder.path / "prisme.duckdb", limits, folder.path / "tmp", log)
    closing.callback(database.close)
    loader = Loader(database, CAPACITY)
    closing.callback(loader.close)
    return Rooms(salts, geo, database, loader)


def build_services(config: Config, rooms: Rooms, journal: Appender) -> Services:
    """All that the rules work with; no session is open yet."""
    random = Random(os.urandom(32))  # noqa: S311  # for ids: they are no secrets
    return Services(
        Identity(rooms.salts),
        Sessions(_ttl(config), config.sessionstorage_max_sessions_per_visitor),
        UserAgents(config.bot_filter, config.bot_allow),
        rooms.geo,
        journal,
        FreeSpace(config.data_dir, config.min_free_space),
        Lookups(),
        Concentration(),
        partial(random.getrandbits, 62),
    )


def build_sites(config: Config) -> Sites:
    """The sites that are counted, and how their URLs are read."""
    return Sites(
        Origins(config.origins),
        Rules(config.aliases, config.page_parameters, config.trailing_slash, config.ignored_referrers),
    )


def _ttl(config: Config) -> int:
    """Of a session without any event, in microseconds."""
    return int(config.sessionstorage_session_inactive_ttl * SECOND)


def _open_journal(folder: Folder, first: int, max_events: int) -> Appender:
    try:
        return Appender(folder.journal, first, max_events)
    except OSError as error:
        raise StartError(f"the journal {folder.journal} cannot be written: {error.strerror}") from error


def _scheme(config: Config) -> str:
    return "https" if config.tls_certificate else "http"


def _open_proxy(config: Config, log: logging.Logger) -> Proxy:
    header, id_header = config.proxy_header, config.proxy_request_id_header
    return Proxy(config.trust_proxy, header, config.proxy_hops, id_header, log.warning)


def _open_access_log(config: Config, clock: Clock) -> AccessLog | None:
    if config.access_log is None:
        return None
    try:
        return AccessLog(str(config.access_log), clock.wall)
    except OSError as error:
        raise StartError(f"access log {config.access_log} cannot be opened: {error.strerror}") from error


def _reopen_on_hangup(access_log: AccessLog, log: logging.Logger) -> None:
    def reopen() -> None:
        try:
            access_log.reopen()
        except OSError as error:
            log.error("the access log cannot be opened anew, the old file stays in use: %s", error)

    if threading.current_thread() is threading.main_thread():  # signals reach no other
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reopen)


def _build_apps(
    config: Config,
    services: Services,
    writer: Writer,
    failure: Callable[[], str | None],
    clock: Clock,
    proxy: Proxy,
    routes: dict[str, Methods],
    traffic: Traffic,
    log: logging.Logger,
) -> tuple[App, Batching, MetricsServer]:
    """The public server's routes, with those that are given, and the admin server's."""
    commit = services.journal.commit if config.eventstore_fsync == "always" else None
    limiter = RateLimiter(config.api_events_rate_limit)
    deps = EventDeps(limiter, build_sites(config), Recorder(services).record, proxy, clock, commit)
    routes_of_events: dict[str, Methods] = {
        **endpoints.routes(deps),
        **noscript.routes(deps),
        **healthcheck.routes(failure),
    }
    app = App(routes_of_events | routes, proxy, traffic, clock.steady, log)
    batching = Batching(app)
    return (
        app,
        batching,
        MetricsServer(gather(batching, traffic, writer, services, failure), failure, proxy, clock.steady),
    )


def _build_reading(
    config: Config,
    folder: Folder,
    rooms: Rooms,
    clock: Clock,
    intake: Callable[[], Intake],
    setup: Setup | None,
    log: logging.Logger,
    closing: contextlib.ExitStack,
) -> dict[str, Methods]:
    """The routes for those who read: the script, the figures, and who may see them."""
    control = Control(folder.path)
    authenticator = Authenticator(
        Accounts(control), Tokens(control), Shares(control), lambda: clock.wall() // 1_000_000_000
    )
    figures_pool = WorkerPool("figures", _READERS, _MOST_QUESTIONS, low_priority=True)
    access_pool = WorkerPool("access", 1, _MOST_QUESTIONS)
    closing.callback(figures_pool.close)
    closing.callback(access_pool.close)
    closing.callback(rooms.database.stop_reading)
    if setup is None:
        setup = Setup()
        if not authenticator.accounts.any():
            log.info("no account yet; make the first one at %s", setup.link(_scheme(config), config.host, config.port))
    source = StatsSource(rooms.database, Kept(rooms.database), clock, config.api_stats_timeout)
    recent = Recent(lambda: rooms.database.touched.done)
    attempts = Attempts()
    templates = Templates(static.script_url(DASHBOARD_JS))
    access_page = PageDeps(templates, access_pool)
    views, sites = Views(control), RecentSites()
    dashboard_deps = DashboardDeps(
        PageDeps(templates, figures_pool), source, sites, authenticator, views, config.origins, intake
    )
    stats_deps = StatsDeps(source, recent, authenticator, figures_pool, config.api_stats_allow_origins)
    return {
        **static.routes(),
        **dashboard.routes(dashboard_deps),
        **list_page.routes(dashboard_deps),
        **stats_api.routes(stats_deps),
        **admin.routes(AdminApiDeps(control, authenticator, access_pool)),
        **settings.routes(SettingsDeps(access_page, control, authenticator, attempts)),
        **login.routes(LoginDeps(access_page, authenticator, attempts)),
        **share.routes(ShareDeps(access_page, authenticator, attempts)),
        **setup_page.routes(SetupDeps(access_page, authenticator, setup, log)),
    }


async def _check_batching(batching: Batching, config: Config) -> None:
    try:
        await batching.check(config.host, config.port, tls=config.tls_certificate is not None)
    except BatchingError as error:
        raise StartError(str(error)) from error


async def _run(
    config: Config,
    app: App,
    batching: Batching,
    monitoring: MetricsServer,
    writer: Writer,
    tend: Coroutine[None, None, None],
    stop: asyncio.Event,
    log: logging.Logger,
) -> None:
    """Serve until `stop`, or until something that should never end has ended."""
    servers = [
        make_server(partial(answer_scope, app), config.host, config.port, config.tls_certificate, config.tls_key)
    ]
    serving = [servers[0].serve_batches(batching)]
    if config.admin_hostport:
        servers.append(make_server(partial(answer_scope, monitoring), *config.admin_hostport))
        serving.append(servers[1].serve())
    thresholds = gc.get_threshold()
    # All that was built so far lives until the end: no garbage collection need look at it again.
    gc.collect()
    gc.freeze()
    # Requests leave no cycles behind; looking for some 700 objects at a time took 8% of their time.
    gc.set_threshold(50_000, 20, 20)
    serving_tasks = [asyncio.create_task(one) for one in serving]
    log.info("prisme %s listens on %s://%s:%d", __version__, _scheme(config), config.host, config.port)
    if config.admin_hostport:
        log.info("metrics and health on http://%s:%d", *config.admin_hostport)
    await _check_batching(batching, config)
    writing = asyncio.create_task(writer.run())
    tending = asyncio.create_task(tend)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({*serving_tasks, stopped, tending, writing}, return_when=asyncio.FIRST_COMPLETED)
    for one in servers:
        one.stop()  # type: ignore[no-untyped-call]  # Granian has no types here
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            await asyncio.gather(*serving_tasks)  # Granian waits for all that is under way, however long it takes
            while batching.active:  # noqa: ASYNC110  # an event would cost every request something
                await asyncio.sleep(0.01)
    tending.cancel()
    writer.stop()
    await writing
    gc.set_threshold(*thresholds)
    gc.unfreeze()  # or DuckDB's modules would call themselves leaked


async def _tend(services: Services, salts: Salts, now: Callable[[], int], log: logging.Logger) -> None:
    """What time alone brings about: a new day's key, visits that are over, a disk with room again, new countries."""
    geo, look = services.geo, _watch(services, log)
    look()
    for tick in itertools.count(1):
        await asyncio.sleep(_TEND_SECONDS)
        services.identity.expire(now())
        if not salts.saved:
            salts.save()
        services.disk.look()
        look()
        services.sessions.sweep(now())
        if tick % _REFRESH_EVERY:
            continue
        if geo.refresh():
            log.info("the country database was replaced")
        elif geo.failure is not None:
            log.error("the country database stays the one before: %s", geo.failure)


def _watch(services: Services, log: logging.Logger) -> Callable[[], None]:
    """Tells when events begin to be refused, and when that is over; whether the journal works again, it tries out."""
    journal, disk = services.journal, services.disk
    failing, seen = False, 0

    def look() -> None:
        nonlocal failing, seen
        failure = journal.failure or disk.failure
        if failure is not None or journal.failures != seen:
            if not failing:
                failing = True
                log.error("events are refused, or wait in the journal: %s", failure or journal.last_failure)
            if journal.failure is not None:
                journal.probe()
        elif failing:
            failing = False
            log.info("events are accepted again")
        seen = journal.failures

    return look


def _claim(config: Config) -> None:
    wanted = [(config.host, config.port, "--host and --port")]
    if config.admin_hostport:
        wanted.append((*config.admin_hostport, "--admin-hostport"))
    for host, port, flags in wanted:
        try:
            claim(host, port)
        except OSError as error:
            raise StartError(f"cannot listen on {host}:{port}: {error.strerror}; choose others with {flags}") from error


async def _try_certificate(config: Config) -> None:
    certificate, key = config.tls_certificate, config.tls_key
    if not (certificate and key):
        return
    fault = await asyncio.to_thread(trial.find_fault, config.host, config.port, certificate, key)
    if fault:
        raise StartError(
            f"tls_certificate {certificate} and tls_key {key} cannot be used: {fault}; "
            "make them anew, of version 3, with a key of P-256, P-384, Ed25519 or RSA with 2048 or 4096 bits"
        )


def _restore(
    sessions: Sessions, loader: Loader, waiting: list[Segment], now: int, ttl: int, log: logging.Logger
) -> None:
    """Remember the visits that are open, as they are in the store, or later on in segments that wait to be loaded."""
    found = loader.open_sessions(now - ttl, now - LONGEST, CAPACITY, PAGES)
    visits = {session.uuid: (device, begin(session, earlier)) for device, session, earlier in found}
    for segment in waiting:
        for device, session in _visits_of(segment, log):
            _, before = visits.get(session.uuid, (device, None))
            if before is None:
                visits[session.uuid] = device, begin(session)
            elif before.session.pageviews + before.session.events < session.pageviews + session.events:
                visits[session.uuid] = device, before.go_on(session)
    for device, visit in sorted(visits.values(), key=lambda one: one[1].session.exit):
        if visit.session.exit > now - ttl and visit.session.entry > now - LONGEST:
            sessions.put(device, visit, now)


def _visits_of(segment: Segment, log: logging.Logger) -> list[tuple[int, Session]]:
    try:
        return list(read_visits(segment.path))
    except OSError as error:
        log.warning("visits of segment %d do not go on, it cannot be read: %s", segment.number, error.strerror)
        return []


async def _load_leftovers(
    loader: Loader, folder: Folder, clock: Callable[[], int], log: logging.Logger
) -> tuple[list[Segment], list[Segment], int]:
    """Load what an earlier process left. Gives its segments, those of them that wait, and the next free number.

    None is removed yet, which the writer does: where the start fails after all, the journal is untouched.
    """
    segments, foreign = leftovers(folder.journal)
    for path in foreign:
        log.warning("%s is no segment of the journal, it is left alone", path)
    waiting: list[Segment] = []
    highest = max([loader.last_segment(), *(segment.number for segment in segments)])
    for batch in loader.batches(segments):
        for segment, loaded in zip(batch, await asyncio.to_thread(loader.load_left, batch, clock()), strict=True):
            if isinstance(loaded, Exception):
                log.error("segment %d waits, will be loaded later: %s", segment.number, loaded)
                waiting.append(segment)
                continue
            log.info(
                "segment %d of an earlier run loaded",
                segment.number,
                extra={"events": loaded.events, "rejected": loaded.rejected},
            )
    return segments, waiting, highest + 1


def _microseconds(clock: Clock) -> Callable[[], int]:
    return lambda: clock.wall() // 1000
