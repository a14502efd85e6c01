"""Builds all that records events: the stores of a data folder, the services that the rules use, and the sites."""

import contextlib
import logging
import os
from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from prisme.access.learned_sites import LearnedSites
from prisme.ingest.availability import Availability
from prisme.ingest.services import Lookups, Services
from prisme.journal.appender import Appender
from prisme.operations.daily import Daily
from prisme.runtime.clock import Clock
from prisme.runtime.config import Config
from prisme.runtime.folder import Folder
from prisme.runtime.freespace import FreeSpace
from prisme.runtime.housekeeping import Housekeeping, Task
from prisme.store.control import Control
from prisme.store.errors import StoreError
from prisme.store.secrets import Secrets
from prisme.visit.bots import Bots
from prisme.visit.concentration import Concentration
from prisme.visit.geo import Geo
from prisme.visit.geo_file import GeoSource, list_paths
from prisme.visit.geo_reload import GeoReload
from prisme.visit.identity import Identity
from prisme.visit.origins import Origins
from prisme.visit.salts import Salts
from prisme.visit.sessions import Sessions
from prisme.visit.sites import Rules, Sites
from prisme.visit.useragent import UserAgents
from prisme.web.site_learner import SiteLearner, Source
from prisme.web.site_registry import SiteRegistry
from prisme.wiring.events import Events, open_events

_SECOND = 1_000_000  # microseconds
# Between two looks at the file of the country database, and between two messages that it cannot be used.
_LOOK_TICKS, _REPORT_TICKS = 10, 60


class Stores(NamedTuple):
    """The open files of a data folder."""

    salts: Salts
    countries: GeoSource
    geo: Geo
    events: Events


def open_stores(
    config: Config,
    folder: Folder,
    now: int,
    log: logging.Logger,
    closing: contextlib.ExitStack | contextlib.AsyncExitStack,
) -> Stores:
    """Open the files of a data folder; `closing` closes them. `now` in microseconds. Raises StoreError and GeoError."""
    secrets = Secrets(folder.path / "secrets.sqlite", log, folder.disk)
    closing.callback(secrets.close)
    salts = Salts(secrets, now, inactive_ttl(config))
    if not salts.saved:
        raise StoreError(f"the salts cannot be stored in {folder.path}; is the disk full?")
    countries = GeoSource(list_paths(config.geoip_db, folder.path), folder.path)
    geo = Geo(countries.open(), config.geoip_precision)
    closing.callback(geo.close)
    if len(columns := geo.stored) > 1:
        log.info(
            "visits are stored with their %s, as %s has them; the option geoip_precision can limit that",
            " and ".join(columns[1:]),
            geo.file.path,
        )
    return Stores(salts, countries, geo, open_events(config, folder, log, closing))


def build_services(config: Config, stores: Stores, journal: Appender) -> Services:
    """The services that the rules use; no session is open yet."""
    random = Random(os.urandom(32))  # noqa: S311  # for ids, which are not secret
    return Services(
        Identity(stores.salts),
        Sessions(inactive_ttl(config), config.sessionstorage_max_sessions_per_visitor),
        UserAgents(Bots(config.bot_filter, config.bot_allow).refuse),
        stores.geo,
        journal,
        FreeSpace(config.data_dir, config.min_free_space),
        Lookups(),
        Concentration(),
        partial(random.getrandbits, 62),
    )


def build_housekeeping(
    services: Services,
    stores: Stores,
    registry: SiteRegistry,
    daily: Daily,
    now: Callable[[], int],
    log: logging.Logger,
) -> Housekeeping:
    """What has to be done every second while events are recorded; `now` gives microseconds."""

    salts = stores.salts

    def save_salts() -> None:
        salts.prepare(now())
        if not salts.saved:
            salts.on_change(False)

    countries = GeoReload(services.geo, stores.countries, log)
    availability = Availability(services.journal, services.disk, log)
    availability.check()
    return Housekeeping(
        Task(lambda: services.identity.expire(now())),
        Task(save_salts),
        Task(services.disk.refresh),
        Task(availability.check),
        Task(registry.refresh),
        Task(lambda: services.sessions.sweep(now())),
        Task(countries.look, every=_LOOK_TICKS),
        Task(countries.report, every=_REPORT_TICKS),
        Task(daily.look),
    )


def build_learner(config: Config, control: Control, clock: Clock, log: logging.Logger) -> SiteLearner:
    """What an ingestion node learns sites with; in the other mode, it only forgets what it may have learned as one."""
    source = Source(config.sites_url, config.sites_token_file)
    vary = Random(os.urandom(32)).uniform  # noqa: S311  # of intervals, which are not secret
    return SiteLearner(LearnedSites(control), source, lambda: clock.wall() // 1_000_000_000, clock.steady, vary, log)


def build_sites(config: Config) -> Sites:
    """The sites whose pages are counted, and how their URLs are read. Raises OriginError."""
    return Sites(Origins(config.origins), read_rules(config))


def read_rules(config: Config) -> Rules:
    """How URLs are read."""
    return Rules(config.aliases, config.page_parameters, config.trailing_slash, config.ignored_referrers)


def inactive_ttl(config: Config) -> int:
    """How long a session stays open without an event, in microseconds."""
    return int(config.sessionstorage_session_inactive_ttl * _SECOND)
