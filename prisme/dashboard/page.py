"""The dashboard: reads the stats once, and builds every value that the template shows."""

from collections.abc import Sequence
from typing import Any, Final

from prisme.dashboard import changes, metrics
from prisme.dashboard.changes import build_changes
from prisme.dashboard.chart_data import build_chart, compute_values
from prisme.dashboard.filter_chips import build_chips, list_filters
from prisme.dashboard.heatmap import build_heatmap
from prisme.dashboard.list_query import Source, read_lists
from prisme.dashboard.list_types import PANEL_TYPES
from prisme.dashboard.lists import List
from prisme.dashboard.metrics import METRICS
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.panels import build_panel, choose_list
from prisme.dashboard.peak import explain_peak
from prisme.dashboard.period_menu import build_period_values
from prisme.dashboard.sites import build_site_menu, choose_domains, describe_sites
from prisme.dashboard.tiles import build_tiles
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.world_map import build_areas, load_world
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.columns import HOURS
from prisme.stats.dashboard import Dashboard, build_dashboard
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.zones import list_zones

# The rows to read of each list that is compared: what changed may be far down.
ROWS = changes.ROWS
_COUNTRIES: Final = "top-countries"


def build_page(
    stats: Stats, state: UrlState, query: StatsQuery, domains: Sequence[str], now: int, cache: IncrementalCache
) -> dict[str, Any]:
    """All values of the template `dashboard.html`.

    `query` has a limit of `ROWS`; `domains` are the sites that the viewer may see; `now` is in microseconds.
    """
    names = tuple(changes.COMPARED_LISTS)
    dashboard = build_dashboard(stats, query, now, cache, names, (*names, HOURS))
    stats.reader.check()  # the chart may have thousands of points
    lists = _read_lists(Source(stats, cache.rows, query, now), state, dashboard, frozenset(domains))
    return {
        "state": state,
        "tz": query.zone.key,
        "zones": sorted(list_zones()),
        "interval": query.interval,
        "live": format_exact(dashboard.live_visitors),
        "chips": build_chips(state),
        "filters": list_filters(),
        "heatmap": build_heatmap(dashboard.weekday_hours),
        "property": state.get("property"),
        "all_properties_link": state.link({"property": None}),
        "is_empty": not any(dashboard.totals[name] for name in ("pageviews", "sessions", "events")),
        **build_period_values(state, query, now),
        **_build_site_values(state, domains),
        **_build_metric_values(stats, state, query, dashboard, frozenset(domains), now),
        **_build_country_values(dashboard, lists),
        "panels": {panel: build_panel(state, panel, lists[choose_list(state, panel)]) for panel in PANEL_TYPES},
    }


def _build_site_values(state: UrlState, domains: Sequence[str]) -> dict[str, Any]:
    return {
        "sites": build_site_menu(state, domains),
        "site": describe_sites(state, domains),
        "chosen_domains": choose_domains(state, domains),
    }


def _build_metric_values(
    stats: Stats, state: UrlState, query: StatsQuery, dashboard: Dashboard, own_domains: frozenset[str], now: int
) -> dict[str, Any]:
    name = metrics.choose_tile(state)
    tiles = build_tiles(state, name, dashboard)
    notes = explain_peak(stats, name, query, compute_values(METRICS[name], dashboard.series), own_domains)
    return {
        "tiles": [tile for key, tile in tiles.items() if key != metrics.EVENTS],
        "events": tiles[metrics.EVENTS],
        "metric": METRICS[name].title,
        "chart": build_chart(state, METRICS[name], dashboard, query, now, notes),
        "changes": build_changes(state, name, dashboard, own_domains),
    }


def _read_lists(source: Source, state: UrlState, dashboard: Dashboard, own_domains: frozenset[str]) -> dict[str, List]:
    """The lists of the page by their names: those of the countries and of all panels."""
    names = {_COUNTRIES, *(choose_list(state, panel) for panel in PANEL_TYPES)}
    return read_lists(source, state, sorted(names), dashboard, own_domains)


def _build_country_values(dashboard: Dashboard, lists: dict[str, List]) -> dict[str, Any]:
    return {
        "countries": lists[_COUNTRIES],
        "areas": build_areas(dashboard.tops[_COUNTRIES]),
        "world": load_world(),
    }
