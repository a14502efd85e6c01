"""What an open session takes in memory. `python -m bench.endurance.sessions COUNT` measures it in this process.

Sessions come the way of real ones: by the rules for pageviews, with the real journal.
"""

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import msgspec

from bench.endurance import child
from bench.endurance.result import Figure, Outcome
from bench.endurance.traffic import AT_ONCE, LENGTHS, STEP, make_pages
from prisme.base.refusal import Refusal
from prisme.cli.serve import configure
from prisme.ingest.batch import Record, Recorder
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import Pageview
from prisme.journal.appender import Appender
from prisme.runtime.folder import Folder
from prisme.runtime.log import open_log
from prisme.visit import address
from prisme.visit.sessions import CAPACITY, LONGEST, Sessions
from prisme.visit.sites import Sites
from prisme.wiring.recording import build_services, build_sites, open_stores

BYTES = 600.0
# Before it counts: caches are full then, and what Python has freed is taken again.
_WARM = 20_000
# As under load.
_TOGETHER = 32
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Plan(msgspec.Struct, frozen=True):
    """So many sessions."""

    sessions: int = 1_000_000


QUICK = Plan(20_000)


class Held(msgspec.Struct, frozen=True):
    """Sessions opened, those that are remembered, pageviews that they had; bytes in memory before and after."""

    opened: int
    remembered: int
    pageviews: int
    before: int
    after: int


def run(plan: Plan, _: Callable[[str], None]) -> Outcome:
    """Measure in a process of its own. Raises ServerError where that fails."""
    return conclude(msgspec.json.decode(child.run("bench.endurance.sessions", str(plan.sessions)), type=Held))


def conclude(held: Held) -> Outcome:
    """The figures; that a session is not remembered is a failure."""
    size = held.after - held.before
    failures = [] if held.remembered == held.opened else [f"{held.remembered} of {held.opened} sessions are remembered"]
    figures = [
        Figure("an open session", "bytes", size / held.opened, most=BYTES),
        Figure("all of them", "MB", size / 1e6),
        Figure(f"as many as a server remembers ({CAPACITY:,})", "MB", CAPACITY * size / held.opened / 1e6),
    ]
    notes = [
        f"{held.opened:,} sessions of as many devices, with {held.pageviews / held.opened:.2f} pageviews each; what "
        f"the process has in memory (RSS) more than after the first {_WARM:,} others. The server's bound of "
        f"{CAPACITY:,} was lifted."
    ]
    return Outcome(("-", "Prisme"), figures, notes, failures)


def _hold(count: int, folder: Path) -> Held:
    config, _ = configure([f"--data-dir={folder}", "--origins=example.com"], {}, folder)
    now = time.time_ns() // 1000
    with ExitStack() as closing:
        data = closing.enter_context(Folder(config.data_dir))
        stores = open_stores(config, data, now, open_log(debug=False), closing)
        services, sites = build_services(config, stores, Appender(data.journal, 1, sys.maxsize)), build_sites(config)
        # A shard has its share, and chance is not even.
        sessions = Sessions(LONGEST, 64, capacity=4 * (count + _WARM))
        record = Recorder(msgspec.structs.replace(services, sessions=sessions)).record
        _record_all(record, _views(sites, 0, _WARM), now)
        before, known = _memory(), len(sessions)
        seen = _record_all(record, _views(sites, _WARM, count), now)
        return Held(count, len(sessions) - known, seen, before, _memory())


def _record_all(record: Record, views: Iterator[Pageview], now: int) -> int:
    """How many there were; ValueError where one was refused."""
    seen = 0
    while some := list(itertools.islice(views, _TOGETHER)):
        now += 70 * len(some)
        refused = [outcome for outcome in record(some, now) if outcome is not None]
        if refused:
            raise ValueError(f"a pageview was refused: {refused[0]}")
        seen += len(some)
    return seen


def _views(sites: Sites, first: int, count: int) -> Iterator[Pageview]:
    """The pageviews of so many visits, as many at a time as wrk has; of each, a client address of its own."""
    random, pages = Random(first), [page.encode() for page in make_pages()]
    agents = make_agents()
    for start in range(first, first + count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, first + count))
        visits = [(n, random.choice(LENGTHS), int(len(pages) * random.random() * random.random())) for n in numbers]
        for turn in range(max(LENGTHS)):
            for number, length, page in visits:
                if turn < length:
                    yield _view(sites, number, pages, (page + turn * STEP) % len(pages), turn, agents, random)


def _view(
    sites: Sites, number: int, pages: list[bytes], page: int, turn: int, agents: list[bytes], random: Random
) -> Pageview:
    if turn:
        came_from = b"https://example.com" + pages[page - STEP]
    else:
        came_from = b"https://www.google.com/" if random.random() < 0.5 else b""
    url, referrer = sites.pages[b"https://example.com" + pages[page]], sites.referrers[came_from]
    assert not isinstance(url, Refusal)
    assert not isinstance(referrer, Refusal)
    client = address.parse(f"{1 + (number >> 24)}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    return Pageview(Hit(client, url, agents[number % len(agents)], (b"", b"", b"")), referrer, 200, "")


def make_agents() -> list[bytes]:
    """Some hundreds of browsers' User-Agents."""
    systems = ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
    phones = ("SM-A515F", "SM-A536B", "SM-G991B", "Pixel 6", "Pixel 8 Pro", "Redmi Note 9S", "CPH2211", "RMX3085")
    places = [(system, "") for system in systems] + [(f"Linux; Android 13; {phone}", " Mobile") for phone in phones]
    return [
        f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0{mobile} Safari/537.36"
        f"{f' Edg/{version}.0.0.0' if edge else ''}".encode()
        for version in range(118, 148)
        for system, mobile in places
        for edge in (False, True)
    ]


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        print(msgspec.json.encode(_hold(int(sys.argv[1]), Path(name))).decode())
