"""The comments on tables and columns, kept in the DuckDB file for whoever looks at it."""

import importlib.resources
import tomllib
from typing import Final

import duckdb

# By table; its own comment stands under `table`.
COMMENTS: Final[dict[str, dict[str, str]]] = tomllib.loads(
    (importlib.resources.files("prisme.store") / "comments.toml").read_text()
)
_FOUND = """
SELECT table_name, 'table', comment FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = 'main'
UNION ALL
SELECT table_name, column_name, comment FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'main'
"""


def write_comments(connection: duckdb.DuckDBPyConnection) -> None:
    """Write those that the file does not have. For a file that is a copy, or new, and is checkpointed then."""
    for table, name, comment in connection.execute(_FOUND).fetchall():
        wanted = COMMENTS.get(table, {}).get(name)
        if wanted is not None and wanted != comment:
            what = f'TABLE "{table}"' if name == "table" else f'COLUMN "{table}"."{name}"'
            text = wanted.replace("'", "''")
            connection.execute(f"COMMENT ON {what} IS '{text}'")
