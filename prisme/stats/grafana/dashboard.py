"""The dashboard as JSON: panels, variables and what Grafana asks for when it is imported."""

from typing import Final

from prisme.base.timexpr import INTERVALS
from prisme.stats.grafana.clickhouse import ClickHouse
from prisme.stats.grafana.panels import SERIES, TOPS, Json, places, series_panel, top_panel, totals_panel
from prisme.stats.grafana.sources import INPUT, Source, datasource
from prisme.stats.grafana.stats_api import StatsApi

SOURCES: Final[dict[str, Source]] = {"stats-api": StatsApi(), "clickhouse": ClickHouse()}
_GRAFANA: Final = "10.0.0"
_SCHEMA: Final = 38  # of Grafana 10.0
_TOTALS_SIZE, _SERIES_SIZE, _TOP_SIZE = (24, 4), (8, 7), (8, 10)
_DAY: Final = "day"


def build_dashboard_model(name: str) -> Json:
    """The dashboard for one of `SOURCES`."""
    source = SOURCES[name]
    return {
        "__inputs": [
            {
                "name": INPUT,
                "label": source.name,
                "description": "The data source with the figures of Prisme",
                "type": "datasource",
                "pluginId": source.plugin,
                "pluginName": source.name,
            }
        ],
        "__requires": _requires(source),
        "uid": f"prisme-{name}",
        "title": "Prisme",
        "description": "Visitors, pages and sources of the sites that Prisme counts",
        "tags": ["prisme"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "timezone": "browser",
        "time": {"from": "now-29d/d", "to": "now"},
        "refresh": "",
        "graphTooltip": 1,
        "templating": {"list": [_sites(source), _interval()]},
        "annotations": {"list": []},
        "panels": _panels(source),
    }


def _panels(source: Source) -> list[Json]:
    asked = datasource(source)
    made = [
        (_TOTALS_SIZE, totals_panel(asked, source.totals())),
        *((_SERIES_SIZE, series_panel(one, asked, source.series(one))) for one in SERIES),
        *((_TOP_SIZE, top_panel(one, asked, source.top(one))) for one in TOPS),
    ]
    panels = []
    for number, (place, (_, panel)) in enumerate(zip(places([size for size, _ in made]), made, strict=True), 1):
        targets = [{"datasource": asked, **target} for target in panel["targets"]]
        panels.append({"id": number, "gridPos": place, **panel, "targets": targets})
    return panels


def _requires(source: Source) -> list[Json]:
    panels = {"stat": "Stat", "table": "Table", "timeseries": "Time series"}
    return [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": _GRAFANA},
        {"type": "datasource", "id": source.plugin, "name": source.name, "version": source.version},
        *({"type": "panel", "id": kind, "name": title, "version": ""} for kind, title in panels.items()),
    ]


def _sites(source: Source) -> Json:
    """The variable with the sites; it is read again when the span changes."""
    return {
        "name": "site",
        "label": "Site",
        "type": "query",
        "datasource": datasource(source),
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
        **source.sites(),
    }


def _interval() -> Json:
    """The variable with the length of a bucket."""
    return {
        "name": "interval",
        "label": "Interval",
        "type": "custom",
        "query": ",".join(INTERVALS),
        "current": {"text": _DAY, "value": _DAY},
        "options": [{"text": one, "value": one, "selected": one == _DAY} for one in INTERVALS],
    }
