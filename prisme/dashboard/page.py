"""The dashboard: reads the stats once, and builds every value that the template shows."""

from collections.abc import Sequence
from typing import Any

from prisme.dashboard import changes, metrics
from prisme.dashboard.changes import build_changes
from prisme.dashboard.chart_data import build_chart, compute_values
from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.filter_menu import build_filter_form
from prisme.dashboard.goals import build_goal_values
from prisme.dashboard.heatmap import build_heatmap
from prisme.dashboard.imported import build_imported_note
from prisme.dashboard.intervals import name_interval
from prisme.dashboard.list_query import COUNTRIES, Source, read_lists
from prisme.dashboard.list_types import PANEL_TYPES
from prisme.dashboard.lists import ListData, build_list
from prisme.dashboard.metrics import METRICS
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.panels import build_panel, choose_list
from prisme.dashboard.peak import explain_peak
from prisme.dashboard.period_menu import build_period_values
from prisme.dashboard.sites import build_site_menu, choose_domains, describe_sites
from prisme.dashboard.tiles import build_tiles
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import translate
from prisme.dashboard.world_map import build_areas, build_legend, load_world
from prisme.stats.cache.figure_cache import FigureCache
from prisme.stats.columns import HOURS
from prisme.stats.dashboard import Dashboard, build_dashboard
from prisme.stats.list_metrics import LIST_METRICS
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.zones import list_zones

# The rows to read of each list that is compared: what changed may be far down.
ROWS = changes.ROWS


def build_page(
    stats: Stats, state: UrlState, query: StatsQuery, domains: Sequence[str], now: int, cache: FigureCache
) -> dict[str, Any]:
    """All values of the template `dashboard.html`.

    `query` has a limit of `ROWS`; `domains` are the sites that the viewer may see; `now` is in microseconds.
    """
    names = tuple(changes.COMPARED_LISTS)
    dashboard = build_dashboard(stats, query, now, cache, names, (*names, HOURS))
    stats.reader.check()  # the chart may have thousands of points
    data = _read_lists(Source(stats, cache.rows, query, now), state, dashboard)
    lists = {name: build_list(state, name, one) for name, one in data.items()}
    rare = stats.find_rare(query.filters, query.span)
    return {
        "state": state,
        "tz": query.zone.key,
        "zones": sorted(list_zones()),
        "interval": name_interval(query.interval),
        "live": format_exact(dashboard.live_visitors),
        "chips": build_chips(state),
        "form": build_filter_form(state, domains, dashboard.custom_properties.keys, rare),
        "imported": build_imported_note(stats, state, query, dashboard),
        "heatmap": build_heatmap(dashboard.weekday_hours),
        "property": state.get("property"),
        "all_properties_link": state.link({"property": None}),
        "is_empty": not any(dashboard.totals[name] for name in ("pageviews", "sessions", "events")),
        **build_period_values(state, query, now),
        **_build_site_values(state, domains),
        **_build_metric_values(stats, state, query, dashboard, now, cache),
        "countries": lists[COUNTRIES],
        **_build_country_values(state, data[COUNTRIES]),
        "panels": {panel: build_panel(state, panel, lists[choose_list(state, panel)], rare) for panel in PANEL_TYPES},
        **build_goal_values(stats, state, query, dashboard, cache.spans),
    }


def _build_site_values(state: UrlState, domains: Sequence[str]) -> dict[str, Any]:
    return {
        "sites": build_site_menu(state, domains),
        "site": describe_sites(state, domains),
        "chosen_domains": choose_domains(state, domains),
    }


def _build_metric_values(
    stats: Stats, state: UrlState, query: StatsQuery, dashboard: Dashboard, now: int, cache: FigureCache
) -> dict[str, Any]:
    name = metrics.choose_tile(state)
    tiles = build_tiles(state, name, dashboard)
    notes = explain_peak(stats, name, query, compute_values(METRICS[name], dashboard.series), cache.spans)
    return {
        "tiles": [tile for key, tile in tiles.items() if key != metrics.EVENTS],
        "events": tiles[metrics.EVENTS],
        "metric": translate(METRICS[name].title),
        "chart": build_chart(state, METRICS[name], dashboard, query, now, notes),
        "changes": build_changes(state, name, dashboard),
    }


def _read_lists(source: Source, state: UrlState, dashboard: Dashboard) -> dict[str, ListData]:
    """The figures of the page's lists by their names: those of the countries and of all panels."""
    names = {COUNTRIES, *(choose_list(state, panel) for panel in PANEL_TYPES)}
    return read_lists(source, state, sorted(names), dashboard)


def _build_country_values(state: UrlState, data: ListData) -> dict[str, Any]:
    """The map, in the metric of the list of countries."""
    metric, compute = METRICS[data.metric], LIST_METRICS[data.metric].compute
    counts = [(row.key, compute(row) or 0) for row in data.rows]
    return {
        "areas": build_areas(state, counts, metric.format_exact),
        "legend": build_legend(counts, metric.format_exact, is_whole=metric.is_whole),
        "world": load_world(),
    }
