"""The names of our tables in ClickHouse."""

import re
from typing import NamedTuple

from prisme.store.errors import StoreError

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CLUSTER = re.compile(r"[A-Za-z0-9_.-]+")


class Place(NamedTuple):
    """The database that has the tables, and the cluster of its hosts; empty for a single server.

    On a cluster, all configured hosts have to be replicas of one shard: each has all rows.
    """

    database: str = "prisme"
    cluster: str = ""

    def table(self, name: str) -> str:
        """The name of a table, for a statement."""
        return f"{self.database}.{name}"


def read_place(database: str, cluster: str) -> Place:
    """The place with these names. Raises StoreError for names that SQL would need quotes for."""
    if not _DATABASE.fullmatch(database):
        raise StoreError(f"{database!r} is no name for clickhouse_database: letters, digits and _, no digit first")
    if cluster and not _CLUSTER.fullmatch(cluster):
        raise StoreError(f"{cluster!r} is no name for clickhouse_cluster: letters, digits, _, . and -")
    return Place(database, cluster)
