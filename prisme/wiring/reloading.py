"""Reads the configuration again on SIGHUP, and applies what changed to the running server: all of it, or nothing."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from prisme.ingest.services import Services
from prisme.runtime.config import Config, ConfigError
from prisme.runtime.log import set_level
from prisme.runtime.options import OPTIONS
from prisme.visit.bots import Bots
from prisme.visit.geo import GeoFile
from prisme.visit.geo_file import GeoError, GeoSource, list_paths
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.sites import Sites
from prisme.web.request import Proxy
from prisme.web.site_learner import SiteLearner, Source
from prisme.web.site_registry import SiteRegistry
from prisme.web.stats_source import ReadingOptions
from prisme.wiring.access_log import LoggedTraffic
from prisme.wiring.recording import read_rules

# The configuration as it is written now, and notices. Raises ConfigError.
Reread = Callable[[], tuple[Config, list[str]]]

_LONGEST: Final = 80
_BOTS: Final = ("bot_filter", "bot_allow")
_ACCESS_LOG: Final = ("access_log", "access_log_ip")


class Parts(NamedTuple):
    """The parts of a running server that follow options which reload."""

    log: logging.Logger
    logged: LoggedTraffic
    services: Services
    countries: GeoSource
    sites: Sites
    registry: SiteRegistry
    learner: SiteLearner
    proxy: Proxy
    events: RateLimiter
    requests: RateLimiter
    reading: ReadingOptions


class _Prepared(NamedTuple):
    """What takes a while to make, or may fail: None where nothing changes."""

    bots: Bots | None
    countries: tuple[GeoSource, GeoFile] | None


class Reloading:
    """Made in the event loop, for it. `config` is what is in force; `notices` are not logged again."""

    def __init__(self, config: Config, notices: Sequence[str], reread: Reread, parts: Parts) -> None:
        self.config = config
        self._notices = notices
        self._reread = reread
        self._parts = parts
        self._log = parts.log
        self._task: asyncio.Task[None] | None = None
        self._is_late = False

    def start(self) -> None:
        """Reload once, or once more after the reload that is under way."""
        if self._task is not None and not self._task.done():
            self._is_late = True
            return
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Wait for the reload that is under way."""
        if self._task is not None:
            self._is_late = False
            await self._task

    async def _run(self) -> None:
        while True:
            self._is_late = False
            try:
                await self._reload()
            except ConfigError as error:
                for message in error.messages:
                    self._log.error("the configuration is invalid, nothing of it was applied: %s", message)
            except Exception:
                self._log.exception("the configuration cannot be reloaded")
            if not self._is_late:
                return

    async def _reload(self) -> None:
        config, notices = await asyncio.to_thread(self._reread)
        for notice in notices:
            if notice not in self._notices:
                self._log.warning(notice)
        self._notices = notices
        changed = [name for name in Config.__struct_fields__ if getattr(config, name) != getattr(self.config, name)]
        fixed = [name for name in changed if name not in RELOADED]
        wanted = msgspec.structs.replace(config, **{name: getattr(self.config, name) for name in fixed})
        applied = [name for name in changed if name in RELOADED]
        self._apply(wanted, applied, await asyncio.to_thread(self._prepare, wanted, applied))
        for name in applied:
            self._log.info("%s changed from %s to %s", name, *self._show(name, config))
        for name in fixed:
            self._log.warning("%s needs a restart to change from %s to %s", name, *self._show(name, config))
        count = "1 option" if len(applied) == 1 else f"{len(applied)} options"
        self._log.info("the configuration was reloaded: %s changed", count)
        self.config = wanted

    def _show(self, name: str, config: Config) -> tuple[str, str]:
        return show(getattr(self.config, name)), show(getattr(config, name))

    def _prepare(self, config: Config, changed: Collection[str]) -> _Prepared:
        """In any thread. Raises ConfigError."""
        bots = Bots(config.bot_filter, config.bot_allow) if {*_BOTS} & {*changed} else None
        countries = None
        if "geoip_db" in changed:
            try:
                source = self._parts.countries.at(list_paths(config.geoip_db, config.data_dir))
                countries = source, source.open()
            except GeoError as error:
                raise ConfigError([f"geoip_db: {error}"], []) from error
        return _Prepared(bots, countries)

    def _apply(self, config: Config, changed: Collection[str], prepared: _Prepared) -> None:
        """Apply all that changed, in the event loop. Raises ConfigError before anything."""
        parts = self._parts
        if {*_ACCESS_LOG} & {*changed}:
            try:
                parts.logged.follow(config)
            except OSError as error:
                if prepared.countries is not None:
                    prepared.countries[1].reader.close()
                message = f"access_log: {config.access_log} cannot be opened: {error.strerror}"
                raise ConfigError([message], []) from error
        if prepared.bots is not None:
            parts.services.user_agents.set_refuse_bot(prepared.bots.refuse)
        if prepared.countries is not None:
            source, file = prepared.countries
            parts.countries.follow(source)
            parts.services.geo.use(file)
        for name in changed:
            if name in _STEPS:
                _STEPS[name](parts, config)


def show(value: Any) -> str:
    """The value of an option for the log: a long one is cut."""
    if value is None or value in ("", ()):
        return "empty"
    if isinstance(value, tuple):
        entries = ("=".join(one) if type(one) is tuple else str(one) for one in value)
        value = ",".join(entries)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _set_sites(parts: Parts, config: Config) -> None:
    parts.registry.set_options(config.origins, config.aliases)


def _learn_sites(parts: Parts, config: Config) -> None:
    if config.mode == "ingestion":  # the options are valid in the mode that is written, this is the one in force
        parts.learner.follow(Source(config.sites_url, config.sites_token_file))


def _set_rules(parts: Parts, config: Config) -> None:
    parts.sites.set_rules(read_rules(config))


def _set_deadline(parts: Parts, config: Config) -> None:
    parts.reading.deadline = config.api_stats_timeout


def _set_origins(parts: Parts, config: Config) -> None:
    parts.reading.origins = config.api_stats_allow_origins


def _trust(parts: Parts, config: Config) -> None:
    parts.proxy.trust(config.trust_proxy, config.proxy_hops)


# What to do for an option, besides what `_apply` does itself.
_STEPS: Final[dict[str, Callable[[Parts, Config], None]]] = {
    "origins": _set_sites,
    "aliases": _set_sites,
    "sites_url": _learn_sites,
    "sites_token_file": _learn_sites,
    "page_parameters": _set_rules,
    "trailing_slash": _set_rules,
    "ignored_referrers": _set_rules,
    "debug": lambda parts, config: set_level(parts.log, config.debug),
    "trust_proxy": _trust,
    "proxy_hops": _trust,
    "api_events_rate_limit": lambda parts, config: parts.events.set_limit(config.api_events_rate_limit),
    "api_stats_rate_limit": lambda parts, config: parts.requests.set_limit(config.api_stats_rate_limit),
    "api_stats_timeout": _set_deadline,
    "api_stats_allow_origins": _set_origins,
    "geoip_precision": lambda parts, config: parts.services.geo.limit(config.geoip_precision),
    "min_free_space": lambda parts, config: parts.services.disk.set_least(config.min_free_space),
}
APPLIED: Final = frozenset((*_STEPS, *_BOTS, *_ACCESS_LOG, "geoip_db"))
RELOADED: Final = frozenset(option.name for option in OPTIONS if option.reloads)
