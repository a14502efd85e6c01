"""The queries of the statistics: one file each, named after what it returns.

A text in braces, such as `{rows}`, stands for SQL that Python composes; values are bound as `$name` parameters. Where
the engines need different texts, these stand side by side, as `NAME.duckdb.sql` and `NAME.clickhouse.sql`.
"""

import functools
import importlib.resources


@functools.cache
def load_sql(name: str, engine: str = "") -> str:
    """Return the text of the file `<name>.<engine>.sql`, or of `<name>.sql` if there is none."""
    folder = importlib.resources.files(__name__)
    own = folder / f"{name}.{engine}.sql"
    return (own if engine and own.is_file() else folder / f"{name}.sql").read_text()
