"""The names of our tables in ClickHouse."""

from typing import NamedTuple


class Place(NamedTuple):
    """The database that has the tables, and the cluster of its hosts; empty for a single server.

    On a cluster, all configured hosts have to be replicas of one shard: each has all rows. Neither name needs quotes
    in SQL (`runtime/clickhouse_types.py`).
    """

    database: str = "prisme"
    cluster: str = ""

    def table(self, name: str) -> str:
        """The name of a table, for a statement."""
        return f"{self.database}.{name}"
