"""An import of figures changes what is cached of its days, which begin and end at other times in other zones."""

import datetime
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from prisme.store.importing import Begun, Importer
from tests.stats.imported_figures import at_midnight
from tests.stats.lines import DAY, DOMAINS, FIRST, LINES
from tests.stats.test_incremental import Instance, select, when
from tests.stats.test_row_cache import ask, count

TODAY = datetime.date(2026, 10, 6)


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "America/New_York", "UTC", "Pacific/Kiritimati"])
def test_figures_are_there_at_once_in_any_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    instance, here = Instance(tmp_path, monkeypatch), ZoneInfo(zone)
    start = at_midnight(TODAY, here)
    instance.load([line for line in LINES if when(line) < start + 2 * DAY])
    instance._time += 1000
    chunk = tmp_path / "journal" / "chunk.ndjson"  # where DuckDB may read
    spans = [select(at, start + 2 * DAY, "day", None, here) for at in (start - 3 * DAY, start)]
    importer = Importer(instance.database, instance.loader, Begun("ga4", "hash", ("a.csv",)), FIRST)
    lists = [one for one in ask("pageviews") if one.name == "top-pages"]
    # First new ones, then other ones in their place.
    for pageviews in (0, 9, 11):
        figure = {"domain": DOMAINS[0], "day": str(TODAY), "dimension": "path", "value": "/old", "pageviews": pageviews}
        if pageviews:
            chunk.write_text(json.dumps(figure) + "\n")
            importer.merge_figures(chunk)
        for selection in spans:
            found, _ = count(instance, lists, selection)  # which compares with what is counted anew
            rows = {row.key: row.actions for row in found["top-pages"]}
            assert rows.get("/old", 0) == pageviews
    instance.close()
