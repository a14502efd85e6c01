"""What a dashboard is compared with: DuckDB reading, once, each value that the dashboard is made of.

It is asked before the server starts, of the same file, with the same memory and threads.
"""

import time
from pathlib import Path
from statistics import median

import duckdb

from prisme.stats.selection import Span

MEMORY, THREADS = "512MB", 2
_RUNS = 5
_TIMES = {"sessions": "entry_timestamp"}
# Texts, and what is no text, of each table: what the span's own figures are made of, and what is compared.
_Columns = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
_SHOWN: _Columns = {
    "sessions": (
        (
            *("entry_path", "exit_path", "operating_system", "browser_family", "device", "device_type"),
            *(
                "referrer_domain",
                "country_code",
                "utm_source",
                "utm_medium",
                "utm_campaign",
                "utm_term",
                "utm_content",
                "domain",
            ),
        ),
        ("entry_timestamp", "exit_timestamp", "pageviews", "events"),
    ),
    "pageviews": (("domain", "path", "visitor_id"), ('"timestamp"', "status")),
    "events_custom": (("domain", "name", "properties"), ('"timestamp"',)),
    "file_downloads": (("domain", "url"), ('"timestamp"',)),
    "outbound_link_clicks": (("domain", "link"), ('"timestamp"',)),
}
_COMPARED: _Columns = {
    "sessions": (("domain",), ("entry_timestamp", "exit_timestamp", "pageviews", "events")),
    "pageviews": (("domain", "visitor_id"), ('"timestamp"',)),
    **dict.fromkeys(("events_custom", "file_downloads", "outbound_link_clicks"), (("domain",), ('"timestamp"',))),
}


def open_tables(path: Path) -> duckdb.DuckDBPyConnection:
    """The file, with what the server may use."""
    spill = str(path.with_name("tmp"))
    return duckdb.connect(
        str(path), read_only=True, config={"memory_limit": MEMORY, "threads": THREADS, "temp_directory": spill}
    )


def scan(tables: duckdb.DuckDBPyConnection, span: Span, compared: Span | None) -> float:
    """Seconds to read the columns of a span, and of what it is compared with: the median, after a warm-up."""
    parts = [_read(table, columns, span) for table, columns in _SHOWN.items()]
    if compared is not None:
        parts += [_read(table, columns, compared) for table, columns in _COMPARED.items()]
    query = "SELECT * FROM " + ", ".join(parts)
    seconds = []
    for _ in range(_RUNS + 1):
        began = time.perf_counter()
        tables.execute(query).fetchall()
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:])


def _read(table: str, columns: tuple[tuple[str, ...], tuple[str, ...]], span: Span) -> str:
    """A query of one row.

    `count` would read nothing (no column has NULLs), `last` one value of a vector, and `max` of a text compares each:
    the sum of the lengths is the cheapest that needs every value.
    """
    texts, others = columns
    values = ", ".join([*(f"sum(strlen({text}))" for text in texts), *(f"max({other})" for other in others)])
    when = _TIMES.get(table, '"timestamp"')
    return (
        f"(SELECT {values} FROM {table} "
        f"WHERE {when} >= make_timestamp({span.start}) AND {when} < make_timestamp({span.end}))"
    )
