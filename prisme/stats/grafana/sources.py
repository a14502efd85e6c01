"""What a dashboard needs of the plugin that reads its figures."""

from typing import Final, Protocol

from prisme.stats.grafana.panels import Json, Query, Series, Top

# What stands for the data source until the dashboard is imported.
INPUT: Final = "DS_PRISME"


class Source(Protocol):
    """A data source: the id, the name and the oldest version of its plugin, and the queries of panels."""

    plugin: str
    name: str
    version: str

    def totals(self) -> Query:
        """The figures of the whole span, by the titles in `panels.TOTALS`."""

    def series(self, series: Series) -> Query:
        """A figure over time."""

    def top(self, top: Top) -> Query:
        """A list, with two columns: its `key`, and its unit."""

    def sites(self) -> Json:
        """What is special about the variable with the sites: its query, and what stands for all of them."""


def datasource(source: Source) -> Json:
    """The data source of a panel, a target or a variable."""
    return {"type": source.plugin, "uid": f"${{{INPUT}}}"}
