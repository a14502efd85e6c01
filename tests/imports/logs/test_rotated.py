"""A month of rotated logs, as a server leaves them, read at once."""

import bz2
import gzip
import json
import os
from pathlib import Path
from typing import Final

from zstandard import ZstdCompressor

from prisme.imports.items import Request
from prisme.imports.logs.access_log import FORMAT
from prisme.imports.logs.rotation import TWICE
from tests.imports.logs.reading import make_reading
from tests.imports.logs.test_json import AT, CADDY

SECOND: Final = 1_000_000
EACH: Final = 2000


def make_lines(start: int) -> bytes:
    """Pageviews of Caddy, one a second, from so many seconds on."""
    times = (AT // SECOND + second for second in range(start, start + EACH))
    return b"".join(json.dumps({**CADDY, "ts": float(at)}).encode() + b"\n" for at in times)


def test_rotated(tmp_path: Path) -> None:
    """Compressed in each way, joined, with a hole, one given twice, and one that is cut."""
    parts = [make_lines(number * EACH) for number in range(5)]
    log = tmp_path / "access.log"
    with log.open("wb") as file:
        file.seek(1 << 40)
        file.write(parts[4])
    (tmp_path / "access.log.1").write_bytes(parts[3])
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(parts[3][:5000]))
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(parts[2][:5000]) + gzip.compress(parts[2][5000:]))
    (tmp_path / "access.log.3.bz2").write_bytes(bz2.compress(parts[1]))
    cut = tmp_path / "access.log.4.zst"
    cut.write_bytes(ZstdCompressor(level=1).compress(parts[0]))
    os.truncate(cut, cut.stat().st_size - 10)

    reading = make_reading()
    items = list(FORMAT.read(sorted(tmp_path.iterdir(), reverse=True), reading))
    seconds = [(item.at - AT) // SECOND for item in items if isinstance(item, Request)]
    whole = range(EACH, 5 * EACH)
    first = [second for second in seconds if second < EACH]
    assert seconds == [*first, *whole]
    assert first == list(range(len(first)))
    assert 0 < len(first) < EACH
    tally = reading.tally
    assert (tally.bad, tally.bad_lines[0].file, tally.skipped[TWICE]) == (1, "access.log.4.zst", 1)
    assert tally.bad_lines[0].number == len(first) + 1
