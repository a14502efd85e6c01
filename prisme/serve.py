"""The wiring: builds every part of a server in order, and stops the parts in reverse order. No rule lives here."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import uvloop

from prisme.access.accounts import Accounts
from prisme.access.setup import Setup
from prisme.access.sites import SiteList
from prisme.ingest.batch import Recorder
from prisme.journal.appender import Appender
from prisme.operations.background import Background
from prisme.operations.daily import Daily
from prisme.operations.registry import Operations
from prisme.runtime.clock import Clock
from prisme.runtime.config import Config
from prisme.runtime.folder import Folder, FolderError
from prisme.runtime.garbage_collection import no_collections, rare_collections
from prisme.runtime.local_socket import LocalServer
from prisme.runtime.log import open_log
from prisme.runtime.metrics import Metrics
from prisme.runtime.signals import call_on_hangup, stop_on_signal
from prisme.stats.rollups.background import BackgroundBuilder
from prisme.stats.rollups.builder import RollupBuilder
from prisme.store import recovery
from prisme.store.control import Control
from prisme.store.errors import StoreError
from prisme.store.recovery import Leftovers
from prisme.store.writer import Pace, Writer
from prisme.visit.geo_file import GeoError
from prisme.visit.origins import OriginError
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.refused_hosts import RefusedHosts
from prisme.visit.restore_sessions import restore
from prisme.visit.salt_saving import SaltSaving
from prisme.visit.sessions import CAPACITY, LONGEST, PAGES
from prisme.web import lifecycle
from prisme.web.api import healthcheck
from prisme.web.app import App
from prisme.web.events import endpoints, noscript
from prisme.web.events.endpoints import EventDeps
from prisme.web.lifecycle import ServeError
from prisme.web.metrics_server import MetricsServer
from prisme.web.pages import missing
from prisme.web.pages.health import Intake
from prisme.web.request import Proxy
from prisme.web.routing import Methods
from prisme.web.server import Batching, Server, answer_scope, make_server
from prisme.web.site_registry import SiteRegistry
from prisme.web.stats_source import ReadingOptions
from prisme.wiring.access_log import LoggedTraffic
from prisme.wiring.banner import announce_end, announce_start, browser_url
from prisme.wiring.events import build_cache
from prisme.wiring.operating import online_context
from prisme.wiring.reading import ReadingDeps, make_templates, reading_routes
from prisme.wiring.recording import (
    build_housekeeping,
    build_learner,
    build_services,
    build_sites,
    inactive_ttl,
    open_stores,
)
from prisme.wiring.reloading import Parts, Reloading, Reread


class StartError(Exception):
    """The server cannot start; the message says why and what to do."""


def run(config: Config, notices: list[str], setup: Setup | None = None, reread: Reread | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Gives the exit code: 0 after a clean stop, 1 if the start failed.

    `setup` has the key of the link to create the first account, `notices` are logged once the server listens, `reread`
    gives the configuration that is written on SIGHUP.
    """
    os.umask(0o077)  # the files of DuckDB and SQLite are for the owner only too
    log = open_log(config.debug, config.log_format)
    try:
        with Folder(config.data_dir) as folder:
            uvloop.run(serve(config, folder, log, setup=setup, notices=notices, reread=reread))
    except (StartError, ServeError, FolderError, StoreError, GeoError, OriginError) as error:
        log.critical("cannot start: %s", error)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def serve(
    config: Config,
    folder: Folder,
    log: logging.Logger,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
    setup: Setup | None = None,
    notices: Sequence[str] = (),
    reread: Reread | None = None,
) -> None:
    """Serve until `stop` is set (by default, until a signal); then answer requests under way, load and checkpoint."""
    stop = stop or stop_on_signal(log)
    async with contextlib.AsyncExitStack() as closing:
        prisme = Prisme(config, folder, log, clock or Clock(), closing)
        call_on_hangup(prisme.hang_up)  # from here on, SIGHUP ends nothing
        await prisme.start(setup or Setup())
        prisme.follow_hangups(reread, notices)
        await prisme.serve(stop, notices)
    announce_end(config, prisme.writer.stored.total(), log)


class Prisme:
    """One server. `start` builds its parts, `serve` runs them, `closing` closes each one, even if others fail."""

    def __init__(
        self, config: Config, folder: Folder, log: logging.Logger, clock: Clock, closing: contextlib.AsyncExitStack
    ) -> None:
        self._config = config
        self._folder = folder
        self._log = log
        self._clock = clock
        self._closing = closing
        self._on_hangup: Callable[[], object] = lambda: None

    async def start(self, setup: Setup) -> None:
        """Build all parts, each from the ones before. Raises one of the errors that `run` reports."""
        config, folder, log = self._config, self._folder, self._log
        self._setup = setup
        if folder.is_open:
            log.warning("others may write to the data directory: chmod 700 %s", folder.path)
        lifecycle.check_addresses(config)
        await lifecycle.check_certificate(config)
        self._stores = open_stores(config, folder, self._now(), log, self._closing)
        leftovers = await recovery.load_leftovers(self._stores.events.loader, folder.journal, self._now, log)
        with _explaining(f"the journal {folder.journal} cannot be written"):
            self._journal = Appender(
                folder.journal,
                leftovers.next_number,
                config.eventstore_max_batch_size,
                withdraws=config.eventstore_fsync == "always",
                disk=folder.disk,
            )
        self._closing.push_async_callback(self._journal.close)
        self.writer = self._make_writer(leftovers)
        self._services = build_services(config, self._stores, self._journal)
        self._restore_sessions(leftovers)
        with _explaining(f"access log {config.access_log} cannot be opened"):
            self._logged = LoggedTraffic(config, self._clock.wall)
        self._closing.callback(self._logged.close)
        self._traffic = self._logged.traffic
        self._proxy = Proxy(
            config.trust_proxy, config.proxy_header, config.proxy_hops, config.proxy_request_id_header, log.warning
        )
        self._refused, self._sites = RefusedHosts(), build_sites(config)
        self._control = Control(folder.path)
        self._learner = build_learner(config, self._control, self._clock, log)
        await asyncio.to_thread(self._learner.prepare)
        list_ = SiteList(self._control, config.origins, config.aliases)
        self._registry = SiteRegistry(list_, self._sites, self._refused)
        self._events = RateLimiter(config.api_events_rate_limit)
        self._requests = RateLimiter(config.api_stats_rate_limit)
        self._reading = ReadingOptions(config.api_stats_timeout, config.api_stats_allow_origins)
        events = self._stores.events
        self._operations = Operations(
            online_context(
                config,
                folder,
                events,
                self._control,
                self.writer,
                self._services.sessions,
                self._registry,
                self._now,
                log,
            )
        )
        self._background = Background(self._operations)
        self._rollups = BackgroundBuilder(RollupBuilder(events.database, events.loader, log), self._now, log)
        routes, not_found = self._event_routes(), None
        if config.mode == "default":
            templates = make_templates(config)
            deps = ReadingDeps(
                config,
                self._reading,
                self._requests,
                self._control,
                templates,
                events.store,
                build_cache(events),
                self._intake,
                self._sites,
                self._registry,
                self._background,
                self._services.disk,
                self._clock,
                log,
            )
            routes |= reading_routes(deps, setup, self._closing)
            not_found = missing.endpoint(templates)
        _check_base_path(config.base_path, routes)
        self._app = App(routes, self._proxy, self._traffic, self._clock.steady, log, config.base_path, not_found)
        self._batching = Batching(self._app)

    def hang_up(self) -> None:
        """What SIGHUP does: until `follow_hangups`, nothing."""
        self._on_hangup()

    def follow_hangups(self, reread: Reread | None, notices: Sequence[str]) -> None:
        """On SIGHUP, reopen the access log, and apply what `reread` gives, of which `notices` are known."""
        parts = Parts(
            self._log,
            self._logged,
            self._services,
            self._stores.countries,
            self._sites,
            self._registry,
            self._learner,
            self._proxy,
            self._events,
            self._requests,
            self._reading,
        )
        reloading = None if reread is None else Reloading(self._config, notices, reread, parts)

        def on_hangup() -> None:
            self._logged.reopen(self._log)
            self._learner.wake()
            if reloading is not None:
                reloading.start()

        self._on_hangup = on_hangup
        if reloading is not None:
            self._closing.push_async_callback(reloading.close)

    async def serve(self, stop: asyncio.Event, notices: Sequence[str]) -> None:
        """Serve until `stop` is set, or a part fails; failures are raised together once all parts have stopped."""
        config = self._config
        servers = self._make_servers()
        with rare_collections():  # all that was built so far lives until the end
            writing = asyncio.create_task(self.writer.run())  # first: it has to know of each segment that is full
            salt_saving = SaltSaving(self._stores.salts)
            daily = Daily(self._operations, self._clock.steady, self._log)
            tasks = build_housekeeping(self._services, self._stores, self._registry, daily, self._now, self._log)
            housekeeping = asyncio.create_task(tasks.run())
            serving = [asyncio.create_task(servers[0].serve_batches(self._batching))]
            serving += [asyncio.create_task(one.serve()) for one in servers[1:]]
            stopped = asyncio.create_task(stop.wait())
            operator = self._open_socket()
            if config.mode == "default":
                if self._stores.events.store.engine == "duckdb":
                    self._rollups.start()
            else:
                self._learner.start()
            try:
                await lifecycle.check_batching(config, self._batching)
                self._announce(notices)
                await asyncio.wait({*serving, writing, housekeeping, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._background.cancel()
                try:
                    await lifecycle.drain(servers, serving, self._batching, self._stores.events.store.stop_reading)
                finally:
                    if operator is not None:
                        await asyncio.to_thread(operator.close)
                    await asyncio.to_thread(daily.close)
                    await asyncio.to_thread(self._background.close)
                    await asyncio.to_thread(self._rollups.close)
                    await asyncio.to_thread(self._learner.close)
                    housekeeping.cancel()
                    self.writer.stop()
                    ended = await asyncio.gather(*serving, housekeeping, writing, return_exceptions=True)
                    await salt_saving.close()
        if errors := [error for error in ended if isinstance(error, Exception)]:
            raise ExceptionGroup("parts of the server have failed", errors)

    def _announce(self, notices: Sequence[str]) -> None:
        """Say where the server listens, and what the operator may not expect."""
        config, has_accounts = self._config, Accounts(self._control).has_any() or self._config.mode == "ingestion"
        link = "" if has_accounts else self._setup.link(browser_url(config))
        announce_start(
            config,
            [site.name for site in self._registry.list.list()],
            link,
            self._log,
            is_demo=bool(self._setup.account),
        )
        for notice in notices:
            self._log.warning(notice)

    def _make_writer(self, leftovers: Leftovers) -> Writer:
        config = self._config
        sync = config.eventstore_fsync != "never"
        pace = Pace(config.eventstore_max_batch_timeout, sync, inactive_ttl(config), LONGEST)
        writer = Writer(self._journal, self._stores.events.loader, pace, self._now, self._log)
        writer.queue(leftovers.segments)
        return writer

    def _restore_sessions(self, leftovers: Leftovers) -> None:
        ttl, now = inactive_ttl(self._config), self._now()
        stored = recovery.stored_sessions(self._stores.events.loader, now - ttl, now - LONGEST, CAPACITY, PAGES)
        later = recovery.unloaded_sessions(leftovers.unloaded, self._log)
        with no_collections():
            restore(self._services.sessions, stored, later, ttl, now)

    def _open_socket(self) -> LocalServer | None:
        """The socket of the operator's commands; None, with a warning, where the folder's file system has none."""
        try:
            return LocalServer(self._folder.path, self._operations.answer)
        except OSError as error:
            self._log.warning("commands such as `prisme query` cannot reach this server: %s", error)
            return None

    def _event_routes(self) -> dict[str, Methods]:
        """The routes that record events, and the health check."""
        config = self._config
        deps = EventDeps(
            self._events,
            self._sites,
            Recorder(self._services).record,
            self._proxy,
            self._clock,
            self._journal.commit if config.eventstore_fsync == "always" else None,
            self._refused,
        )
        return {**endpoints.routes(deps), **noscript.routes(deps), **healthcheck.routes(self._failure)}

    def _make_servers(self) -> list[Server]:
        """The public server, and the one for metrics, if it is wanted."""
        config = self._config
        app = partial(answer_scope, self._app)
        servers = [make_server(app, config.host, config.port, config.tls_certificate, config.tls_key)]
        if config.admin_hostport:
            monitoring = MetricsServer(self._metrics(), self._failure, self._proxy, self._clock.steady)
            servers.append(make_server(partial(answer_scope, monitoring), *config.admin_hostport))
        return servers

    def _metrics(self) -> Metrics:
        services = self._services
        parts = (
            self._batching.metrics(),
            self._traffic.metrics(),
            self.writer.metrics(),
            healthcheck.metrics(self._failure),
            services.sessions.counts.metrics(),
            services.lookups.metrics(),
            self._rollups.metrics(),
            self._learner.metrics(),
        )
        return Metrics(metric for metrics in parts for metric in metrics)

    def _failure(self) -> str | None:
        """Why events cannot be accepted or stored; None while all is well.

        What has events refused comes first: a balancer may go on sending to a server that only cannot store them yet.
        """
        return self._journal.failure or self._services.disk.failure or self.writer.failure

    def _intake(self) -> Intake:
        """How events come in, for the dashboard; its own copy, as pages are rendered in other threads."""
        writer, refused = self.writer, dict(self._traffic.refused_events)
        share, visits = self._services.concentration.share()
        return Intake(
            writer.pending_events, writer.stored_at, self._failure(), refused, self._proxy.unread, share, visits
        )

    def _now(self) -> int:
        """Microseconds since 1970."""
        return self._clock.wall() // 1000


def _check_base_path(base_path: str, routes: Mapping[str, Methods]) -> None:
    """Raise StartError for one that begins like Prisme's own paths: with and without it, they could be the same."""
    first = base_path[1:].partition("/")[0]
    if first and first in {pattern.split("/")[1] for pattern in routes}:
        raise StartError(f"base_path {base_path}: /{first} is a path of Prisme's own; choose another, such as /stats")


@contextlib.contextmanager
def _explaining(failure: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(f"{failure}: {error.strerror}") from error
