"""A data folder with many rows, as a server left it."""

import contextlib
import logging
from pathlib import Path

import pytest

from prisme.operations.context import Context
from prisme.wiring.operating import offline_context
from tests.server import config_for

# Of 20 sites, 15 are old.
_SESSIONS = """
INSERT INTO sessions BY NAME
SELECT
    printf(CASE WHEN id % 20 < 15 THEN 'site%d.old.example' ELSE 'site%d.example.com' END, id % 20) AS domain,
    make_timestamp(began) AS entry_timestamp,
    '/' AS entry_path, make_timestamp(began + 2) AS exit_timestamp, '/2' AS exit_path,
    200 AS exit_status, printf('prisme_%016X', hash(id)) AS visitor_id,
    CAST(
        format('{:08x}-{:04x}-7000-8000-{:012x}', ms >> 16, ms & 65535, hash(began) & 281_474_976_710_655) AS UUID
    ) AS session_uuid,
    'Windows' AS operating_system, 'Firefox' AS browser_family, 'Other' AS device, 'desktop' AS device_type,
    'direct' AS referrer_domain, 'FR' AS country_code, '' AS region, '' AS city,
    '' AS utm_source, '' AS utm_medium, '' AS utm_campaign,
    '' AS utm_term, '' AS utm_content, '' AS click_id, 3 AS pageviews, 0 AS events
FROM (
    SELECT id, $start + id * 1_000_000 + CAST(hash(id) % 1_000_000 AS BIGINT) AS began, began // 1000 AS ms
    FROM range($count) AS made(id)
)
"""
_PAGEVIEWS = """
INSERT INTO pageviews BY NAME
SELECT
    entry_timestamp + to_microseconds(number) AS "timestamp", domain, concat('/', nullif(number, 0)) AS path,
    visitor_id, session_uuid, 200 AS status
FROM sessions, range(3) AS made(number)
"""
START = 1_790_000_000_000_000


def open_folder(folder: Path) -> contextlib.AbstractContextManager[Context]:
    """The context of a command without a server."""
    return offline_context(config_for(folder, 1, min_free_space="0"), logging.getLogger("prisme"))


def fill(context: Context, visits: int) -> None:
    """Store so many visits, one a second, with three pageviews each."""
    with context.loader.hold() as held:
        held.cursor.begin()
        held.cursor.execute(_SESSIONS, {"start": START, "count": visits})
        held.cursor.execute(_PAGEVIEWS)
        held.commit()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with 60,000 visits, to be copied."""
    folder = tmp_path_factory.mktemp("filled")
    with open_folder(folder) as context:
        fill(context, 60_000)
    return folder
