"""Stores sample traffic in a data folder in the same way as real events: through the rules, journal and loader."""

import asyncio
import contextlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from prisme.base.refusal import BOT, Refusal
from prisme.demo.traffic import BOTS, Sent
from prisme.ingest.batch import Event, Outcome, Recorder
from prisme.ingest.custom import custom_event
from prisme.ingest.hit import Hit
from prisme.ingest.links import make_outbound_link_reader, read_file_download
from prisme.ingest.pageview import DEFAULT_STATUS, Pageview
from prisme.ingest.services import Services
from prisme.journal.appender import Appender
from prisme.runtime.config import Config
from prisme.runtime.folder import Folder
from prisme.store.loader import Loader
from prisme.visit import address
from prisme.visit.sessions import SHARDS
from prisme.visit.sites import Sites
from prisme.wiring.recording import build_services, build_sites, open_stores

# Segments are no larger than those of the real server, so that memory does not grow with the traffic.
_SEGMENT_EVENTS = 8_000
Progress = Callable[[int, int], None]


class DemoError(Exception):
    """The rules rejected a valid event or accepted a bot."""


class Filled(msgspec.Struct):
    """Counts: events stored, by type; bot events rejected; events sent in total."""

    stored: Counter[str]
    bots: int = 0
    sent: int = 0


def fill(config: Config, traffic: Iterable[Sent], start: int, progress: Progress) -> Filled:
    """Store all traffic in the data folder of `config`; `start` is before the first event, in microseconds.

    `progress` is called from time to time with the number of accepted events and the time of the last one.
    """
    filled, latest, log = Filled(Counter()), start, logging.getLogger("prisme")
    with Folder(config.data_dir) as folder, contextlib.ExitStack() as closing:
        stores = open_stores(config, folder, start, log, closing)
        journal = Appender(folder.journal, stores.events.loader.last_segment() + 1, config.eventstore_max_batch_size)
        closing.callback(lambda: asyncio.run(journal.close()))
        services = build_services(config, stores, journal)
        record = _recorder(services, build_sites(config))
        for sent in traffic:
            latest = sent.at
            _check(sent, record(sent), filled)
            if filled.sent % _SEGMENT_EVENTS == 0:
                _load(services, stores.events.loader, latest, filled)
                progress(filled.sent - filled.bots, latest)
        _load(services, stores.events.loader, latest, filled)
        progress(filled.sent - filled.bots, latest)
    return filled


def _check(sent: Sent, outcome: Outcome, filled: Filled) -> None:
    filled.sent += 1
    if outcome is None and sent.agent not in BOTS:
        return
    if isinstance(outcome, Exception):
        raise outcome
    if outcome is not BOT or sent.agent not in BOTS:
        why = outcome.reason if outcome is not None else "the event of a bot was accepted"
        raise DemoError(f"{sent.kind} of {sent.site}{sent.path}: {why}")
    filled.bots += 1


def _recorder(services: Services, sites: Sites) -> Callable[[Sent], Outcome]:
    record, outbound = Recorder(services).record, make_outbound_link_reader(sites)

    def read(sent: Sent) -> Event | Refusal:
        hit = _read(sent, sites)
        if isinstance(hit, Refusal):
            return hit
        match sent.kind:
            case "pageview":
                referrer = sites.referrers[sent.referrer.encode()]
                if isinstance(referrer, Refusal):
                    return referrer
                return Pageview(hit, referrer, int(sent.status or DEFAULT_STATUS), sent.visitor)
            case "download":
                return read_file_download(hit, sent.link.encode())
            case "outbound":
                return outbound(hit, sent.link.encode())
        return custom_event(hit, sent.name, sent.properties)

    def record_one(sent: Sent) -> Outcome:
        event = read(sent)
        return event if isinstance(event, Refusal) else record([event], sent.at)[0]

    return record_one


def _read(sent: Sent, sites: Sites) -> Hit | Refusal:
    page = sites.pages[f"https://{sent.site}{sent.path}".encode()]
    if isinstance(page, Refusal):
        return page
    agent = sent.agent
    user_agent, platform, model = (text.encode() for text in (agent.user_agent, agent.platform, agent.model))
    return Hit(address.parse(sent.address), page, user_agent, (platform, model, b""))


def _load(services: Services, loader: Loader, now: int, filled: Filled) -> None:
    services.journal.seal()
    for sealed in services.journal.take():
        filled.stored.update(loader.load(sealed.segment, now).kinds)
        if sealed.file is not None:
            os.close(sealed.file)
    for _ in range(SHARDS):
        services.sessions.sweep(now)
