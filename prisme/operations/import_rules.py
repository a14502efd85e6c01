"""The rules by which a command reads the files of other programs: those by which events are read."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from prisme.access.sites import SiteList
from prisme.operations.context import Context
from prisme.operations.job import Job
from prisme.visit.geo_file import list_paths


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


class ImportRules(msgspec.Struct):
    """Options and the sites, as hosts or wildcards; `aliases` has the host of the site by another of its hosts.

    `countries` are the paths of country files, of which the first that exists counts; `inactive_ttl` is in
    microseconds, and so is `now`; `retention_days` is 0 where everything is kept.
    """

    sites: list[str]
    aliases: dict[str, str]
    page_parameters: Sequence[str]
    trailing_slash: Literal["keep", "drop"]
    ignored_referrers: Sequence[str]
    bot_filter: Literal["off", "basic", "strict"]
    bot_allow: Sequence[str]
    countries: list[str]
    geoip_precision: Literal["country", "region", "city"]
    inactive_ttl: int
    most_visits: int
    retention_days: int
    now: int


def run(context: Context, _: Arguments, job: Job) -> ImportRules:
    """The rules of now."""
    config = context.config
    sites = SiteList(context.control, config.origins, config.aliases)
    job.check()
    return ImportRules(
        [site.name for site in sites.list()],
        dict(sites.read().aliases),
        list(config.page_parameters),
        config.trailing_slash,
        list(config.ignored_referrers),
        config.bot_filter,
        list(config.bot_allow),
        [str(path) for path in list_paths(config.geoip_db, context.folder)],
        config.geoip_precision,
        int(config.sessionstorage_session_inactive_ttl * 1_000_000),
        config.sessionstorage_max_sessions_per_visitor,
        config.retention_days or 0,
        context.clock(),
    )
