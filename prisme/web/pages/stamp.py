"""The stamp of a page: a short text that changes when something was loaded that the page could show, or a bucket ended.

It is made without a query. Loads of sites that the viewer may not see change nothing, so that it tells nothing of them.
"""

import hashlib
import secrets
from typing import Any, Final

from prisme.base import timexpr
from prisme.base.domains import allows
from prisme.base.timexpr import Unit
from prisme.dashboard.live import LIVE, STAMP
from prisme.dashboard.url_state import UrlState
from prisme.stats.filters import domains_in_full
from prisme.stats.parameters import StatsQuery
from prisme.web.pages.viewer import DashboardDeps, Viewer

# A random key for each process: load numbers start again at 1, and viewers must not be able to read them.
_KEY: Final = secrets.token_bytes(16)
_BYTES: Final = 6


def make_stamp(deps: DashboardDeps, viewer: Viewer, query: StatsQuery, now: int, loads: int) -> str:
    """The stamp of a page about `query`, made at `now` (microseconds) of the first `loads` loads.

    Empty for a period that is over.
    """
    if query.span.end < now:
        return ""
    # A page of today is another one after midnight, also without visits.
    unit: Unit = "m" if query.interval == "minute" else "h" if query.interval == "hour" else "d"
    bucket = timexpr.floor(now, unit, query.zone)
    load = min(_find_load(deps, viewer, query), loads)
    return hashlib.blake2b(f"{load} {bucket}".encode(), key=_KEY, digest_size=_BYTES).hexdigest()


def live_values(
    deps: DashboardDeps, viewer: Viewer, state: UrlState, query: StatsQuery, now: int, loads: int
) -> dict[str, Any]:
    """What the template shows of the visitors now, and what the script needs to ask for them."""
    return {
        "live_link": state.link({}, LIVE),
        # The interval of all time depends on the oldest data, which the stamp does not look up.
        "stamp_url": state.link({"interval": query.interval}, STAMP),
        "stamp": make_stamp(deps, viewer, query, now, loads),
    }


def _find_load(deps: DashboardDeps, viewer: Viewer, query: StatsQuery) -> int:
    """The number of the latest load of a site that the page may show."""
    log, granted = deps.source.load_log, viewer.grant.domains
    chosen = domains_in_full(query.filters)
    if granted is None and chosen is None:
        return log.done
    return log.latest(
        lambda domain: (chosen is None or domain in chosen) and (granted is None or allows(granted, domain))
    )
