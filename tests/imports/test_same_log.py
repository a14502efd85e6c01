"""The same lines are the same visits, however they are spread over files, and each line is one row."""

import calendar
import gzip
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from prisme.imports.items import Visit
from prisme.imports.logs.access_log import read
from prisme.imports.pipeline import Pipeline
from prisme.imports.reading import Reading
from prisme.imports.rule_of_visits import RuleOfVisits
from prisme.imports.tally import Tally
from prisme.operations.import_data import VISITS
from prisme.store.importing import Merged
from prisme.visit.origins import Hosts
from prisme.visit.sites import Rules, Sites
from tests.imports.log_lines import START
from tests.ingest.test_record import AGENTS, COUNTRIES
from tests.operations.conftest import open_folder
from tests.operations.test_import_data import DONE, ask, read_all, run
from tests.server import CHROME
from tests.visit.test_salts import TTL

SITE = "example.com"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"  # noqa: E501
LINES = 600
# A line is late by less than what the reader waits for.
LATE = 100  # seconds

Lines = list[str]
# Of a log: the files that have its lines, by name.
SPREADS: dict[str, Callable[[Lines], dict[str, Lines]]] = {
    "renamed": lambda lines: {"other": lines},
    "rotated": lambda lines: {
        "access.log": after(lines, 400),
        "access.log.1": after(before(lines, 400), 200),
        "access.log.2.gz": before(before(lines, 400), 200),
    },
    "copied": lambda lines: {"access.log": lines, "access.log.gz": lines, "old": lines[:300]},
    "without the newest": lambda lines: {"access.log.1": before(lines, 350)},
    "with empty ones": lambda lines: {"access.log": [], "access.log.1": lines},
}


def before(lines: Lines, number: int) -> Lines:
    """Some so many lines, up to a moment in which nothing happened: a line that is late may begin a visit."""
    times = [row_of(line)[0] for line in lines]
    while number < len(lines) and max(times[:number]) >= min(times[number:]):
        number += 1
    return lines[:number]


def after(lines: Lines, number: int) -> Lines:
    """The lines that `before` leaves."""
    return lines[len(before(lines, number)) :]


def make_lines(dice: random.Random, late: int) -> Lines:
    """Of eight visitors, about as many minutes as lines."""
    lines, now = [], START
    for number in range(LINES):
        now += dice.choice([0, 0, 1, 5, 60, 400])
        at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now - dice.choice([0, 0, dice.randint(0, late)])))
        path = dice.choice(["/", "/a", "/b", "/b?utm_source=n"])
        referrer = dice.choice(["-", "-", "https://search.example/", f"https://{SITE}/a"])
        # The number tells lines apart, and is no part of what is counted.
        lines.append(
            f'203.0.113.{dice.randint(1, 4)} - - [{at}] "GET {path}#{number} HTTP/1.1" 200 {number} '
            f'"{referrer}" "{dice.choice([CHROME, SAFARI])}"\n'
        )
    return lines


def write(folder: Path, files: dict[str, Lines]) -> list[Path]:
    folder.mkdir()
    for name, lines in files.items():
        text = "".join(lines).encode()
        (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return [folder / name for name in files]


@pytest.mark.parametrize("late", [0, LATE])
def test_lines_in_other_files_add_nothing(late: int, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    lines = make_lines(dice, late)
    with open_folder(tmp_path / "data") as context:

        def store(files: list[Path]) -> Merged:
            dice.shuffle(files)
            tally = Tally()
            sites = Sites(Hosts([SITE]), Rules())
            rule = RuleOfVisits("access-log", sites, AGENTS, COUNTRIES, tally, TTL, 64)
            pipeline = Pipeline(rule, sites, tally, (START + 10**7) * 1_000_000, is_own=False)
            chunks = pipeline.run(read(files, Reading(tally, tmp_path, SITE)))
            return run(context, *((VISITS, chunk) for kind, chunk in chunks if kind is Visit), DONE).merged

        # First a part, as of a log that grows.
        store(write(tmp_path / "begun", {"access.log": before(lines, LINES // 3)}))
        store(write(tmp_path / "whole", {"access.log": lines}))
        stored = read_all(context)
        rows = ask(context, "SELECT CAST(epoch(timestamp) AS INTEGER), path FROM pageviews")
        assert Counter(rows) == Counter(map(row_of, lines))
        assert ask(context, "SELECT count(*) FROM pageviews ANTI JOIN sessions USING (session_uuid)") == [(0,)]
        assert (
            ask(
                context,
                "SELECT count(*) FROM sessions JOIN pageviews USING (session_uuid) GROUP BY session_uuid "
                "HAVING count(*) <> any_value(pageviews) OR min(timestamp) <> any_value(entry_timestamp) "
                "OR max(timestamp) <> any_value(exit_timestamp)",
            )
            == []
        )
        for name, spread in SPREADS.items():
            merged = store(write(tmp_path / name, spread(lines)))
            assert (merged.visits, merged.grown, merged.pageviews) == (0, 0, 0), name
            assert read_all(context) == stored, name


def row_of(line: str) -> tuple[int, str]:
    """The time and the path of the pageview of a line."""
    moment = line[line.index("[") + 1 : line.index(" +")]
    return calendar.timegm(time.strptime(moment, "%d/%b/%Y:%H:%M:%S")), line.split()[6].partition("#")[0].partition(
        "?"
    )[0]
