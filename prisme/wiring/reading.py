"""Builds all that shows figures: the routes of the scripts, the dashboard and the statistics API, and of log-in."""

import contextlib
import logging
import sys
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from prisme.access.accounts import Accounts
from prisme.access.annotations import Annotations
from prisme.access.browsers import Browsers
from prisme.access.goals import GoalList
from prisme.access.retention import Retention
from prisme.access.setup import Setup
from prisme.access.shares import Shares
from prisme.access.sharing import Sharing
from prisme.access.tokens import Tokens
from prisme.access.views import Views
from prisme.operations.background import Background
from prisme.runtime.clock import Clock
from prisme.runtime.config import Config
from prisme.runtime.freespace import FreeSpace
from prisme.stats.cache.figure_cache import FigureCache
from prisme.stats.cache.responses import ResponseCache
from prisme.stats.cache.sites import SiteCache
from prisme.store.control import Control
from prisme.store.event_store import EventStore
from prisme.visit.ratelimit import RateLimiter
from prisme.visit.sites import Sites
from prisme.web import badge, static
from prisme.web.api import admin, mcp
from prisme.web.api import query as query_api
from prisme.web.api import stats as stats_api
from prisme.web.api.admin import AdminApiDeps
from prisme.web.api.mcp_methods import McpDeps
from prisme.web.api.stats import StatsDeps
from prisme.web.authentication import Authenticator
from prisme.web.badge import BadgeDeps
from prisme.web.cors import allow_origin
from prisme.web.figure_answers import FigureDeps
from prisme.web.identification import Identifier
from prisme.web.pages import (
    dashboard,
    dashboard_forms,
    filters,
    imports,
    live,
    login,
    public,
    row,
    settings,
    share,
    site,
    site_data,
    site_goals,
    sites,
)
from prisme.web.pages import list as list_page
from prisme.web.pages import setup as setup_page
from prisme.web.pages import sql as sql_page
from prisme.web.pages.endpoints import PageDeps
from prisme.web.pages.health import Intake
from prisme.web.pages.import_list import ImportList
from prisme.web.pages.imports import ImportDeps
from prisme.web.pages.login import LoginDeps
from prisme.web.pages.settings_changes import SettingsDeps
from prisme.web.pages.setup import SetupDeps
from prisme.web.pages.share import ShareDeps
from prisme.web.pages.site_data import SiteDataDeps
from prisme.web.pages.sql import SqlDeps
from prisme.web.pages.templates import Templates
from prisme.web.pages.viewer import DashboardDeps
from prisme.web.password_check import PasswordChecker
from prisme.web.query_deps import QueryDeps
from prisme.web.request_limit import RequestLimit
from prisme.web.routing import Methods
from prisme.web.script_requests import ScriptRequests
from prisme.web.site_registry import SiteRegistry
from prisme.web.static import DASHBOARD_JS
from prisme.web.stats_source import ReadingOptions, ShortageLog, StatsSource
from prisme.web.uploads.upload import UploadDeps
from prisme.web.uploads.uploads import Uploads
from prisme.web.worker_pool import WorkerPool

# A query uses all of DuckDB's threads: two at a time are no faster, and delay events twice as long. But users who are
# logged in do not wait for a token's query, nor tokens for a share link's.
_READERS_PER_RANK = 1
_MAX_QUEUED = 64
# Each may take as long as all queries of a page together.
_MAX_SQL = 8
# To look credentials up takes some 0.3 ms.
_MAX_IDENTIFIED = 256
# What reads and imports uploaded files, in a process of its own.
IMPORT_COMMAND = (sys.executable, "-m", "prisme", "import")


class ReadingDeps(NamedTuple):
    """What the figures and pages need of the server. `intake` says how events come in.

    `options` and `limiter` follow the configuration; of `config`, only what needs a restart is read.
    """

    config: Config
    options: ReadingOptions
    limiter: RateLimiter
    control: Control
    templates: Templates
    store: EventStore
    cache: FigureCache
    intake: Callable[[], Intake]
    urls: Sites
    sites: SiteRegistry
    background: Background
    disk: FreeSpace
    clock: Clock
    log: logging.Logger


def reading_routes(deps: ReadingDeps, setup: Setup, closing: contextlib.AsyncExitStack) -> dict[str, Methods]:
    """All routes that show something, and those of the accounts of who may see it. `closing` ends their threads."""
    config, store, clock = deps.config, deps.store, deps.clock
    control, templates = deps.control, deps.templates
    sharing, annotations = Sharing(control, deps.sites.list), Annotations(control, deps.sites.list)
    authenticator = Authenticator(
        Accounts(control), Tokens(control), Shares(control), sharing, lambda: clock.wall() // 1_000_000_000
    )
    figures_pool = WorkerPool("figures", _READERS_PER_RANK, _MAX_QUEUED, low_priority=True, per_rank=True)
    sql_pool = WorkerPool("sql", 1, _MAX_SQL, low_priority=True)
    access_pool = WorkerPool("access", 1, _MAX_QUEUED)
    waiting_pool = WorkerPool("waiting", 2, _MAX_QUEUED)
    identify_pool = WorkerPool("identify", 1, _MAX_IDENTIFIED)
    passwords = PasswordChecker(authenticator.accounts, authenticator.clock, clock.steady)
    pools = (figures_pool, sql_pool, access_pool, waiting_pool, identify_pool, passwords)
    for close in (*(pool.close for pool in pools), store.stop_reading):
        closing.callback(close)
    identifier = Identifier(authenticator, identify_pool)
    source = StatsSource(store.open_reader, store.load_log, deps.cache, clock, deps.options, ShortageLog(deps.log))
    responses = ResponseCache(lambda: store.load_log.done)
    figures_page = PageDeps(templates, figures_pool, identifier)
    access_page = PageDeps(templates, access_pool, identifier)
    scripts, goals = ScriptRequests(deps.urls), GoalList(control)
    dashboard_deps = DashboardDeps(
        figures_page,
        source,
        SiteCache(),
        authenticator,
        Views(control),
        annotations,
        sharing,
        deps.sites,
        scripts,
        deps.intake,
        goals,
    )
    admin_deps = AdminApiDeps(
        control, authenticator, identifier, access_pool, passwords, deps.sites, annotations, config.base_path
    )
    browsers = Browsers(control)
    uploads = _make_uploads(deps, closing)
    waiting_page = PageDeps(templates, waiting_pool, identifier)
    limit = RequestLimit(deps.limiter, clock.steady, identifier)
    figure_deps = FigureDeps(source, goals, responses)
    queries = QueryDeps(store.queries, source, identifier, sql_pool)
    figures = {
        **stats_api.routes(StatsDeps(figure_deps, identifier, figures_pool)),
        **mcp.routes(McpDeps(figure_deps, identifier, figures_pool, queries)),
    }
    others = limit.guard(
        {
            **dashboard.routes(dashboard_deps),
            **dashboard_forms.routes(dashboard_deps),
            **list_page.routes(dashboard_deps),
            **filters.routes(dashboard_deps),
            **live.routes(dashboard_deps),
            **row.routes(dashboard_deps),
            **sites.routes(dashboard_deps),
            **site.routes(dashboard_deps),
            **site_goals.routes(dashboard_deps),
            **site_data.routes(
                SiteDataDeps(
                    msgspec.structs.replace(dashboard_deps, page=waiting_page),
                    Retention(control, deps.sites.list),
                    deps.background,
                    config.retention_days,
                )
            ),
            **admin.routes(admin_deps),
            **query_api.routes(queries),
            **sql_page.routes(SqlDeps(PageDeps(templates, sql_pool, identifier), store.queries, source)),
            **settings.routes(SettingsDeps(access_page, control, authenticator, passwords)),
            **imports.routes(
                ImportDeps(waiting_page, uploads, ImportList(deps.background), deps.sites.list, config.retention_days)
            ),
            **login.routes(LoginDeps(access_page, authenticator, passwords, browsers)),
            **public.routes(access_page),
            **badge.routes(
                BadgeDeps(source, sharing, lambda: (sharing.changes, deps.sites.revision), identify_pool, figures_pool)
            ),
            **share.routes(ShareDeps(access_page, authenticator, passwords)),
            **setup_page.routes(SetupDeps(access_page, authenticator, setup, browsers, deps.log)),
        }
    )
    limited_figures = limit.guard(figures, lambda request: allow_origin(request, deps.options.origins))
    notes = static.routes(lambda referer: scripts.note(referer, clock.wall() / 1e9))
    return {**notes, **others, **limited_figures}


def _make_uploads(deps: ReadingDeps, closing: contextlib.AsyncExitStack) -> Uploads:
    uploads = Uploads(
        UploadDeps(
            deps.config.data_dir,
            IMPORT_COMMAND,
            deps.control,
            deps.disk,
            lambda: deps.clock.wall() // 1_000_000_000,
            deps.log,
        )
    )
    deps.background.cancellation.attach(uploads.stop)
    closing.callback(uploads.close)
    return uploads


def make_templates(config: Config) -> Templates:
    """The templates of all pages."""
    return Templates(static.script_url(DASHBOARD_JS), config.base_path)
