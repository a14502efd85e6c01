"""Builds all that shows figures: the routes of the scripts, the dashboard and the statistics API, and of log-in."""

import contextlib
import logging
from collections.abc import Callable
from typing import NamedTuple

from prisme.access.accounts import Accounts
from prisme.access.login_attempts import AttemptLimiter
from prisme.access.setup import Setup
from prisme.access.shares import Shares
from prisme.access.tokens import Tokens
from prisme.access.views import Views
from prisme.runtime.clock import Clock
from prisme.runtime.config import Config
from prisme.runtime.folder import Folder
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.cache.responses import ResponseCache
from prisme.stats.cache.sites import SiteCache
from prisme.store.control import Control
from prisme.store.database import Database
from prisme.web.api.admin import Offices, manage
from prisme.web.api.stats import STATS, Figures, stats
from prisme.web.authentication import Guard
from prisme.web.pages.dashboard import dashboard
from prisme.web.pages.forms import Place
from prisme.web.pages.health import Intake
from prisme.web.pages.login import People, people
from prisme.web.pages.settings import Office, settings
from prisme.web.pages.templates import Pages
from prisme.web.pages.viewer import Board
from prisme.web.routing import NAME, Methods
from prisme.web.static import DASHBOARD_JS, DASHBOARD_SCRIPT, SCRIPT, TRACKING_JS, script, version
from prisme.web.worker_pool import Desk

# A query uses all of DuckDB's threads: two at a time are no faster, and delay events twice as long.
_READERS = 1
_MAX_QUEUED = 64


class ReadingDeps(NamedTuple):
    """What the figures and pages need of the server. `intake` says how events come in."""

    config: Config
    folder: Folder
    database: Database
    intake: Callable[[], Intake]
    clock: Clock
    log: logging.Logger


def reading_routes(deps: ReadingDeps, setup: Setup | None, closing: contextlib.AsyncExitStack) -> dict[str, Methods]:
    """All routes that show something, and those of the accounts of who may see it. `closing` ends their threads.

    Without a `setup`, the link to create the first account is logged, if there is no account yet.
    """
    config, _, database, intake, clock, log = deps
    control = Control(deps.folder.path)
    guard = Guard(Accounts(control), Tokens(control), Shares(control), lambda: clock.wall() // 1_000_000_000)
    readers = Desk("figures", _READERS, _MAX_QUEUED, behind=True)
    doorman = Desk("access", 1, _MAX_QUEUED)
    for close in (readers.close, doorman.close, database.stop_reading):
        closing.callback(close)
    kept = IncrementalCache(database)
    recent = ResponseCache(lambda: database.load_log.done)
    deadline, origins = config.api_stats_timeout, config.api_stats_allow_origins
    figures = Figures(database, kept, recent, guard, readers, clock, deadline, origins)
    attempts = AttemptLimiter()
    pages = Pages(version(DASHBOARD_JS))
    views = Views(control)
    behind, before = Place(pages, readers), Place(pages, doorman)
    board = Board(behind, database, kept, SiteCache(), guard, views, clock, deadline, config.origins, intake)
    return {
        SCRIPT: script(TRACKING_JS),
        DASHBOARD_SCRIPT: script(DASHBOARD_JS),
        **dashboard(board),
        STATS + NAME: stats(figures),
        **manage(Offices(control, guard, doorman)),
        **settings(Office(before, control, guard, attempts)),
        **people(People(before, guard, setup or _make_setup(deps, guard), attempts, log)),
    }


def _make_setup(deps: ReadingDeps, guard: Guard) -> Setup:
    setup, config = Setup(), deps.config
    if not guard.accounts.has_any():
        link = setup.link(config.scheme, config.host, config.port)
        deps.log.info("no account yet; create the first one at %s", link)
    return setup
