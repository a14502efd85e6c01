"""Rows as imports leave them, written by themselves."""

import datetime
from collections.abc import Sequence
from typing import Any

from prisme.operations.context import Context

# Visits that began with an hour between them, each with two pageviews and one of each other event.
_SESSIONS = """
INSERT INTO sessions BY NAME
SELECT
    $domain AS domain, make_timestamp(began) AS entry_timestamp, '/in' AS entry_path,
    make_timestamp(began + 60_000_000) AS exit_timestamp, '/out' AS exit_path, 200 AS exit_status,
    'prisme_0123456789ABCDEF' AS visitor_id,
    CAST(format('{:08x}-{:04x}-7000-8000-{:012x}', ms >> 16, ms & 65535, hash($name, id) & 281_474_976_710_655) AS UUID)
        AS session_uuid,
    'Windows' AS operating_system, 'Firefox' AS browser_family, 'Other' AS device, 'desktop' AS device_type,
    'direct' AS referrer_domain, 'FR' AS country_code, '' AS region, '' AS city, '' AS utm_source, '' AS utm_medium,
    '' AS utm_campaign, '' AS utm_term, '' AS utm_content, '' AS click_id, 2 AS pageviews, 3 AS events,
    $name AS imported
FROM (SELECT id, $start + id * 3_600_000_000 AS began, began // 1000 AS ms FROM range($visits) AS made(id))
"""
_ROWS = {
    "pageviews": "unnest(['/in', '/out']) AS path, 200 AS status",
    "events_custom": "entry_path AS path, 'sign_up' AS name, '{}' AS properties",
    "file_downloads": "entry_path AS path, 'https://example.com/a' AS url",
    "outbound_link_clicks": "entry_path AS path, 'https://example.org/' AS link",
}
START = 1_700_000_000_000_000  # microseconds
Figure = tuple[str, str, str, str]


def add_import(
    context: Context,
    name: str,
    visits: int = 0,
    figures: Sequence[Figure] = (),
    domain: str = "example.com",
    start: int = START,
    ended: bool = True,
) -> None:
    """Store an import; each figure is a domain, a day, a dimension and a value."""
    began = datetime.datetime(2026, 11, 1, 12, 0)  # noqa: DTZ001  # as the table has it
    with context.loader.hold() as held:
        cursor = held.cursor
        cursor.begin()
        cursor.execute(_SESSIONS, {"name": name, "visits": visits, "start": start, "domain": domain})
        for table, columns in _ROWS.items():
            cursor.execute(
                f'INSERT INTO {table} BY NAME SELECT entry_timestamp AS "timestamp", domain, visitor_id, '
                f"session_uuid, {columns} FROM sessions WHERE imported = ?",
                [name],
            )
        for figure in figures:
            cursor.execute("INSERT INTO imported_figures VALUES (?, ?, ?, ?, ?, 3, 2, 1, NULL, 0, 60)", [name, *figure])
        row: list[Any] = [name, name.rpartition("-")[0], f"hash of {name}", '["a.csv","b.csv"]']
        row += [began, began if ended else None, visits, 2 * visits, 3 * visits, len(figures), began, began]
        cursor.execute(f"INSERT INTO state.imports VALUES ({'?, ' * 12} '{{\"rows\": 7}}')", row)
        held.commit()
