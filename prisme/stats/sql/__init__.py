"""The queries of the statistics: one file each, named after what it returns.

A text in braces, such as `{rows}`, stands for SQL that Python composes; values are bound as `$name` parameters.
"""

import importlib.resources


def load_sql(name: str) -> str:
    """Return the text of the file `<name>.sql`."""
    return (importlib.resources.files(__name__) / f"{name}.sql").read_text()
