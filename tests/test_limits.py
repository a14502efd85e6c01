"""docs/limits.md is true: its values are the code's, its statuses and reasons are refusals, its options exist."""

import re
from typing import Final

import pytest

from prisme.access import (
    accounts,
    annotations,
    audit,
    goals,
    grants,
    keys,
    login_attempts,
    shares,
    sharing,
    site_listing,
    sites,
    tokens,
    views,
)
from prisme.base import refusal, uri
from prisme.base.refusal import Refusal
from prisme.dashboard import filter_values, whole_list
from prisme.ingest import pageview
from prisme.runtime.options import OPTIONS
from prisme.stats import filters, parameters, queries
from prisme.store import arrivals, sql_guard
from prisme.visit import ratelimit, refused_hosts, sessions
from prisme.web import body, parsed_request, request, request_limit, routing, site_learner, unread
from prisme.web.api import query
from prisme.web.pages import filters as filter_page
from prisme.web.uploads import form, receiving, upload
from prisme.wiring import reading
from tests.checkout import ROOT

PAGE: Final = (ROOT / "docs" / "limits.md").read_text()
# What, limit, beyond it; of most also the option.
ROWS: Final = [
    [cell.strip() for cell in line.split("|")]
    for line in re.findall(r"^\| (.*) \|$", PAGE, re.MULTILINE)
    if not line.startswith("what ")
]
LIMITS: Final = {what: limit for what, limit, *_ in ROWS}
DEFAULTS: Final = {option.name: option.default for option in OPTIONS}
MINUTE: Final = 60_000_000  # microseconds


def shares_of(whole: int) -> str:
    """How a quota is divided: an account's half, a token's quarter, a share link's eighth."""
    return f"of an account {whole // 2}, of a token {whole // 4}, of a share link {whole // 8}"


VALUES: Final = {
    "events of an address per minute": f"{DEFAULTS['api_events_rate_limit']}",
    "bytes of an address per minute": f"{ratelimit.BUDGET >> 10} KiB: URLs, stored headers and bodies",
    "body of an event": f"{body.MAX_BODY:,} bytes",
    "time for a body to arrive": f"{body.BODY_SECONDS:.0f} seconds",
    "query string": f"{request.MAX_QUERY:,} bytes",
    "URL of a page, link or file, and referrer": f"{uri.MAX_BYTES:,} bytes",
    "name of a custom event": f"{routing.MAX_NAME} bytes",
    "visitor id of your own": f"{pageview._VISITOR_BYTES} bytes",
    "free disk space": f"{str(DEFAULTS['min_free_space']).replace('MB', ' MB')} must be left",
    "pause within a visit": f"{str(DEFAULTS['sessionstorage_session_inactive_ttl']).replace('m', ' minutes')}",
    "length of a visit": f"{sessions.LONGEST // (60 * MINUTE)} hours",
    "open visits of a device": f"{DEFAULTS['sessionstorage_max_sessions_per_visitor']}",
    "pages of a visit that links from other tabs can refer to": f"{sessions.PAGES}, the latest",
    "open visits of all devices": f"{sessions.CAPACITY:,}, fewer if their texts are long",
    "requests of an address per minute, for the APIs, the dashboard and log-ins": (
        f"{DEFAULTS['api_stats_rate_limit']}; one with wrong credentials counts as {request_limit.UNAUTHENTICATED_COST}"
    ),
    "time for a query": f"{str(DEFAULTS['api_stats_timeout']).replace('s', ' seconds')}",
    "span": f"{parameters.MOST_YEARS} years, between 1970 and 9998",
    "values of a series": f"{parameters.MOST_BUCKETS:,}",
    "rows of a list": (
        f"{parameters.MOST_ROWS:,} in a response, 10 by default; {whole_list.ROWS} on a page of the dashboard"
    ),
    "how visits came: hosts, `utm_source`, `utm_medium` and click id together, which have a [source and channel]"
    "(dashboard.md#sources-and-channels)": (
        f"{arrivals.MOST:,}, of {arrivals.LONGEST} bytes each; unknown hosts need none"
    ),
    "a filter": (f"{filters.LONGEST:,} characters, {filters._MOST_TERMS} terms, {filters._MOST_STARS} stars in a term"),
    "filters on properties of events": (
        f"{filters.MOST_PROPERTIES} in a request, each with a name of {filters.LONGEST:,} characters"
    ),
    "values that the filter form looks through": (
        f"the {filter_values.MOST_VALUES:,} most frequent of the period; {filter_page._MOST_SUGGESTED} are suggested"
    ),
    "parameters of a request": f"{parsed_request._MAX_FIELDS}",
    "a response": f"{unread.MAX_BYTES >> 20} MiB",
    "queries that wait or run": f"{reading._MAX_QUEUED}: {shares_of(reading._MAX_QUEUED)}",
    "queries in [SQL](query.md) that wait or run": (
        f"{reading._MAX_SQL}: of an account {reading._MAX_SQL // 2}, of a token {reading._MAX_SQL // 4}"
    ),
    "rows of a query in SQL": (
        f"{query.MOST_ROWS:,} over HTTP, {query.USUAL_ROWS:,} if not set; "
        f"{query.MOST_BYTES >> 20} MiB as JSON and CSV, {query.MOST_PARQUET_BYTES >> 20} MiB as Parquet"
    ),
    "a query in SQL": f"{sql_guard.MOST_CHARACTERS:,} characters",
    "large responses that are not read yet": f"{unread._ALL_BYTES >> 20} MiB: {shares_of(unread._ALL_BYTES >> 20)}",
    "password": f"{keys.MIN_PASSWORD} to {keys.MAX_PASSWORD} characters",
    f"wrong passwords within {login_attempts.WINDOW // 60} minutes, of an address": f"{login_attempts.PER_ADDRESS}",
    "the same, for an account or share link": f"{login_attempts.PER_ACCOUNT}",
    "the same, of a browser that has logged in before": f"{login_attempts.PER_BROWSER}",
    "log-in": f"{accounts.LOGIN_SECONDS // 86_400} days",
    "log-ins of an account at the same time": f"{accounts._MAX_LOGINS}",
    "sites that are added, without those of `origins`": f"{sites._MAX_SITES:,}, and {sites._MAX_ALIASES:,} aliases",
    "sites that an [ingestion node](sites.md#on-ingestion-nodes) learns of": (
        f"{site_listing.MOST:,}, and {site_listing.MOST:,} aliases, in {site_learner.MOST_BYTES >> 20} MiB"
    ),
    "sites with visits that the menu, the page of sites and the stats API know": (
        f"the {queries.MOST_DOMAINS:,} with the most visits"
    ),
    "hosts whose events were refused, listed on the page of sites": f"{refused_hosts._MOST}",
    "entries such as `*.example.com` of an account or token": str(grants._MAX_WILDCARDS),
    "API tokens": f"{tokens._MAX_TOKENS:,}",
    "share links": f"{shares._MAX_SHARES:,}",
    "saved views of an account, and of a site": (
        f"{views._MAX_VIEWS}, of {views._MAX_QUERY:,} characters each; {views._MAX_SITE_VIEWS:,} of all sites"
    ),
    "annotations of a site": (
        f"{annotations.MAX_OF_SITE:,}, of {annotations.MAX_TEXT} characters each; "
        f"{annotations._MAX_OF_ALL:,} of all sites"
    ),
    "goals of a site": f"{goals.MOST_GOALS}, and {goals.MOST_GOALS_OF_ALL} of all sites",
    "funnels of a site": (
        f"{goals.MOST_FUNNELS} of 2 to {goals.MOST_STEPS} steps, and {goals.MOST_FUNNELS_OF_ALL} of all sites"
    ),
    "aliases of a site whose pages may embed its dashboard": f"{sharing.MOST_ALIASES}, the first",
    "files of an upload to be imported": f"{form.MOST_FILES:,}, together half of the free space above `min_free_space`",
    "silence within an upload": f"{receiving._SILENT_SECONDS:.0f} seconds",
    "time to look at an upload before it is imported": f"{upload.KEPT_SECONDS / 60:.0f} minutes",
    "audit log": (
        f"{audit._MAX_ENTRIES['change']:,} changes, {audit._MAX_ENTRIES['login']:,} log-ins and log-outs, "
        f"{audit._MAX_ENTRIES['attempt']:,} entries of attempts"
    ),
}


@pytest.mark.parametrize("what", VALUES)
def test_limits_are_those_of_the_code(what: str) -> None:
    assert LIMITS[what] == VALUES[what]


def test_networks_share_a_limit() -> None:
    assert f"may send {ratelimit.WIDE} times as much" in " ".join(PAGE.split())


def test_refusals_exist() -> None:
    known = {(str(one.status), one.reason) for one in vars(refusal).values() if isinstance(one, Refusal)}
    told = re.findall(r"(\d{3}) `([^`]+)`", " ".join(row[2] for row in ROWS))
    assert len(told) > 15
    assert [
        (status, reason)
        for status, reason in told
        if not any(status == of and text.startswith(reason) for of, text in known)
    ] == []


@pytest.mark.parametrize("page", ["limits", "moving"])
def test_options_exist(page: str) -> None:
    options = re.findall(r"\[`(\w+)`\]\(configuration\.md", (ROOT / "docs" / f"{page}.md").read_text())
    assert options
    assert set(options) <= set(DEFAULTS)
