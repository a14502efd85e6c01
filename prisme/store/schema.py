"""The migrations of both databases: `migrations/<database>/<number>_<name>.sql`, in the order of their names."""

import importlib.resources
from typing import Final

from prisme.store.errors import StoreError

# What users query: visits, and what happened in them.
EVENT_TABLES: Final = ("pageviews", "events_custom", "file_downloads", "outbound_link_clicks")
TABLES: Final = ("sessions", *EVENT_TABLES)
# What other programs counted, by day: no visit belongs to it.
FIGURES: Final = "imported_figures"
ALL_TABLES: Final = (*TABLES, FIGURES)


def read_steps(database: str) -> list[str]:
    """The SQL of all migrations of `events` or `control`, oldest first."""
    folder = importlib.resources.files("prisme.store") / "migrations" / database
    return [step.read_text() for step in sorted(folder.iterdir(), key=lambda step: step.name)]


def newest_version(database: str) -> int:
    """The schema version after all migrations."""
    return len(read_steps(database))


def pending_steps(database: str, name: str, version: int) -> list[str]:
    """The migrations that a file with this schema version has not had yet; `name` is for the error message.

    Raises StoreError for a file that a newer Prisme has written.
    """
    steps = read_steps(database)
    if version > len(steps):
        raise StoreError(
            f"{name} has schema version {version}, this Prisme knows {len(steps)}: start the newer Prisme again"
        )
    return steps[version:]
