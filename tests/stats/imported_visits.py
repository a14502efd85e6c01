"""Chunks of imported visits, as `Importer` reads them: of visitors who come back, though their ids look generated."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prisme.base.timexpr import SECOND
from prisme.store.importing import Begun, Importer
from prisme.visit.sessions import new_id
from tests.stats.lines import DAY, DOMAINS, FIRST, HOUR, LAST, PATHS, make_visitor
from tests.stats.test_incremental import Instance

Visit = dict[str, Any]
# On any day and site.
RECURRING = [f"prisme_{number:016X}" for number in range(5)]


def make_visits(noise: random.Random, count: int) -> list[Visit]:
    """Visits with their rows."""
    return [_make_visit(noise, noise.choice(DOMAINS), noise.randrange(FIRST, LAST)) for _ in range(count)]


def _make_visit(noise: random.Random, domain: str, start: int) -> Visit:
    own = make_visitor(noise, start, domain)
    visitor, other = noise.choice([own, *RECURRING]), noise.choice([own, RECURRING[0]])
    rows, now = [], start
    for _ in range(noise.randrange(1, 4)):
        kind = noise.choice(["pageview", "pageview", "custom"])
        row = {"kind": kind, "at": now, "path": noise.choice(PATHS), "status": 200, "name": "click", "properties": "{}"}
        rows.append(row | ({"visitor": other} if noise.random() < 0.2 else {}))
        now += noise.randrange(1, HOUR)
    return {"uuid": new_id(start, noise.getrandbits(62)), "domain": domain, "visitor": visitor, "rows": rows}


def grow(noise: random.Random, visit: Visit) -> Visit:
    """The visit with one more pageview, up to a day later."""
    last = visit["rows"][-1]
    row = {"kind": "pageview", "at": last["at"] + noise.randrange(SECOND, DAY), "path": "/late", "status": 200}
    return visit | {"rows": [*visit["rows"], row]}


def write_chunk(path: Path, visits: list[Visit]) -> Path:
    """Write the file that `Importer.merge_visits` reads."""
    path.write_text("".join(line for number, visit in enumerate(visits) for line in _write(number, visit)))
    return path


def _write(number: int, visit: Visit) -> Iterator[str]:
    rows = visit["rows"]
    views = [row for row in rows if row["kind"] == "pageview"]
    session = {
        "uuid": visit["uuid"],
        "domain": visit["domain"],
        "entry": rows[0]["at"],
        "entry_path": rows[0]["path"],
        "exit": rows[-1]["at"],
        "exit_path": rows[-1]["path"],
        "status": 200,
        "visitor": visit["visitor"],
        "client": {"os": "Windows", "browser": "Firefox", "device": "Other", "type": "desktop"},
        "country": "FR",
        "referrer": "direct",
        "utm": {},
        "pageviews": len(views),
        "events": len(rows) - len(views),
    }
    yield json.dumps({"of": number, "session": session}) + "\n"
    for row in rows:
        yield json.dumps({"of": number, "row": row}) + "\n"


def merge(instance: Instance, folder: Path, visits: list[Visit], source: str) -> str:
    """Import visits in two chunks; gives the name of the import. `folder` is that of the instance."""
    importer = Importer(instance.database, instance.loader, Begun("prisme", source, ("a",)), LAST + 10 * DAY)
    half = len(visits) // 2
    for chunk in (visits[:half], visits[half:]):
        importer.merge_visits(write_chunk(folder / "tmp" / "chunk.ndjson", chunk))
    if importer.name:
        importer.end(b"{}", LAST + 10 * DAY)
    return importer.name
