"""The queries of a dashboard that reads the tables in ClickHouse, by the plugin `grafana-clickhouse-datasource`."""
# Only names of columns and tables are composed.

import importlib.resources
from typing import Final

from prisme.stats.columns import TOPS, time_column
from prisme.stats.dialect import CLICKHOUSE
from prisme.stats.grafana.panels import ROWS, Json, Query, Series, Top

_SQL: Final = importlib.resources.files("prisme.stats.grafana.sql")
_TIME_SERIES, _TABLE = (0, "timeseries"), (1, "table")
# Grafana writes `utc` for what ClickHouse knows as UTC, and the names of all other zones as they are.
_ZONE: Final = "replaceOne('${__timezone}', 'utc', 'UTC')"
# The file of each series, without `series_`, and the expression that counts it.
_SERIES: Final = {
    "visitors": ("pageviews", "count(DISTINCT visitor_id)"),
    "sessions": ("sessions", "count()"),
    "pageviews": ("pageviews", "count()"),
    "bounce-rate": ("sessions", "countIf(is_bounce) / count()"),
    "sessions-duration": ("sessions", f"avg({CLICKHOUSE.duration}) / 1e6"),
    "events": ("events", "count()"),
}


class ClickHouse:
    """A `sources.Source`. The tables are those of the data source's default database."""

    plugin = "grafana-clickhouse-datasource"
    name = "ClickHouse"
    version = "4.0.0"

    def totals(self) -> Query:
        """One row."""
        text = _read("totals").format(within=_within("pageviews"), within_entry=_within("sessions"))
        return Query([self._target(text, _TABLE)])

    def series(self, series: Series) -> Query:
        """The buckets that have rows."""
        rows, value = _SERIES[series.name]
        time = time_column(rows)
        bucket = f"toDateTime(dateTrunc('${{interval}}', {time}, {_ZONE}), {_ZONE})"
        text = _read(f"series_{rows}").format(bucket=bucket, value=value, title=series.title, within=_within(rows))
        return Query([self._target(text, _TIME_SERIES)])

    def top(self, top: Top) -> Query:
        """Its first rows."""
        column, table = TOPS[top.name]
        text = _read("top").format(
            column=column,
            table=f"{table} FINAL" if table == "sessions" else table,
            title=top.key,
            unit=top.unit,
            within=_within(table),
            limit=ROWS,
        )
        return Query([self._target(text, _TABLE)])

    def sites(self) -> Json:
        """The domains that have sessions."""
        return {"query": _read("sites").strip()}

    def _target(self, text: str, kind: tuple[int, str]) -> Json:
        number, name = kind
        return {"refId": "A", "editorType": "sql", "format": number, "queryType": name, "rawSql": text.strip()}


def _within(table: str) -> str:
    """The condition on the rows of a table, of all sites or of those that are chosen."""
    time = time_column(table)
    return (
        f"$__conditionalAll(domain IN (${{site:sqlstring}}), $site) "
        f"AND {time} >= $__fromTime_ms AND {time} < $__toTime_ms"
    )


def _read(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()
