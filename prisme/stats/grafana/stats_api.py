"""The queries of a dashboard that reads the stats API, by the plugin `yesoreyeram-infinity-datasource`.

Series and lists are read as CSV, which has a row for each key: in JSON, keys and values are two lists.
"""

from collections.abc import Mapping
from typing import Final

from prisme.stats.grafana.panels import DURATION, RATE, ROWS, Json, Query, Series, Top

_PATH: Final = "/api/v1/stats/"
_SPAN: Final = {"from": "${__from:date:iso}", "to": "${__to:date:iso}", "tz": "${__timezone}"}
_SITE: Final = {"domain": "${site:csv}"}
_BOUNCES: Final = "Bounces"
_TIME: Final = "Time"


class StatsApi:
    """A `sources.Source`. The URL of Prisme, and its token, are those of the data source."""

    plugin = "yesoreyeram-infinity-datasource"
    name = "Infinity"
    version = "2.0.0"

    def totals(self) -> Query:
        """The object `totals` of the dashboard's figures, with the bounce rate in the place of bounces."""
        columns = [
            _column("visitors", "Visitors", "number"),
            _column("sessions", "Sessions", "number"),
            _column("pageviews", "Pageviews", "number"),
            _column("bounces", _BOUNCES, "number"),
            _column("sessions-duration", DURATION, "number"),
        ]
        order = ("Visitors", "Sessions", "Pageviews", RATE, DURATION)
        target = _target("A", "json", "dashboard", columns, "table", limit="1") | {"root_selector": "totals"}
        return Query([target], [_divide(), _organize({_BOUNCES: True}, order)])

    def series(self, series: Series) -> Query:
        """All buckets. The stats API has bounces and sessions, of which Grafana makes the rate."""
        if series.name == "bounce-rate":
            targets = [
                _series_target("A", "bounces", _BOUNCES),
                _series_target("B", "sessions", "Sessions"),
            ]
            join = {"id": "joinByField", "options": {"byField": _TIME, "mode": "outer"}}
            return Query(targets, [join, _divide(), _organize({_BOUNCES: True, "Sessions": True}, (_TIME, RATE))])
        return Query([_series_target("A", series.name, series.title)])

    def top(self, top: Top) -> Query:
        """Its first rows."""
        columns = [
            _column("key", top.key, "string"),
            _column("value", top.unit, "number"),
        ]
        return Query([_target("A", "csv", f"{top.name}.csv", columns, "table", limit=str(ROWS))])

    def sites(self) -> Json:
        """The sites that have figures and that the token may see; a star stands for all of them."""
        columns = [_column("domain", "", "string")]
        asked = _ask("variable", "json", "sites", columns, "table", {**_SPAN, "limit": "1000"}) | {
            "root_selector": "sites"
        }
        query = {"refId": "variable", "queryType": "infinity", "query": "", "infinityQuery": asked}
        return {"query": query, "allValue": "*"}


def _series_target(ref: str, name: str, title: str) -> Json:
    columns = [_column("key", _TIME, "timestamp_epoch_s"), _column("value", title, "number")]
    return _target(ref, "csv", f"{name}.csv", columns, "timeseries", interval="${interval}")


def _target(ref: str, kind: str, name: str, columns: list[Json], form: str, **more: str) -> Json:
    """A request for a figure of the sites that are chosen, with more parameters."""
    return _ask(ref, kind, name, columns, form, {**_SPAN, **_SITE, **more})


def _ask(ref: str, kind: str, name: str, columns: list[Json], form: str, parameters: Mapping[str, str]) -> Json:
    """A GET request for a figure. The parser in the backend is the one that alerts and shared dashboards have, too."""
    params = [{"key": key, "value": value} for key, value in parameters.items()]
    return {
        "refId": ref,
        "type": kind,
        "source": "url",
        "parser": "backend",
        "format": form,
        "url": f"{_PATH}{name}",
        "url_options": {"method": "GET", "data": "", "params": params},
        "root_selector": "",
        "columns": columns,
        "filters": [],
    }


def _column(selector: str, title: str, kind: str) -> Json:
    return {"selector": selector, "text": title, "type": kind}


def _divide() -> Json:
    """The transformation that makes the bounce rate."""
    options = {
        "mode": "binary",
        "alias": RATE,
        "binary": {"left": _BOUNCES, "operator": "/", "right": "Sessions"},
    }
    return {"id": "calculateField", "options": options}


def _organize(hidden: dict[str, bool], order: tuple[str, ...]) -> Json:
    """The transformation that leaves out fields, and puts the others in an order."""
    places = {title: place for place, title in enumerate(order)}
    return {"id": "organize", "options": {"excludeByName": hidden, "indexByName": places, "renameByName": {}}}
