"""Journal segments of the load's mixture, by the journal's own encoder: for what wrk would take too long to send."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from random import Random

from prisme.base.events import DIRECT, NO_UTM, Client, Session, Utm
from prisme.journal.record import PageviewLine, encode
from prisme.journal.segment import Segment, segment_path
from prisme.visit.sessions import new_id

# As in load/load.lua: visits of three pages on average, a third of all lines begins a session.
LENGTHS = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 7, 8, 10)
PAGES = 4000
STEP = 7
# Visits under way at a time with wrk. A session's lines are so many apart: few segments lie between.
AT_ONCE = 1024
# People take their time: most pages are in another segment than the page before.
UNHURRIED = 50_000
_RATE = 15_000  # lines a second, by their times

_NOUNS = ("garden", "harbour", "kernel", "lantern", "meadow", "notebook", "orchard", "pepper", "quarry", "river")
_VERBS = ("build", "choose", "clean", "draw", "find", "grow", "keep", "measure", "repair", "write")
_REFERRERS = (
    "www.google.com", "www.google.de", "www.google.co.uk", "www.bing.com", "duckduckgo.com", "search.yahoo.com",
    "www.ecosia.org", "search.brave.com", "www.reddit.com", "old.reddit.com", "news.ycombinator.com", "lobste.rs",
    "t.co", "www.linkedin.com", "www.facebook.com", "l.instagram.com", "www.youtube.com", "github.com",
    "mastodon.social", "medium.com", "en.wikipedia.org", "stackoverflow.com", "blog.example.org", "mail.example.net",
    "chatgpt.com", "www.perplexity.ai",
)  # fmt: skip
_CAMPAIGNS = [
    Utm(source, "link", campaign)
    for source in ("newsletter", "google", "bing", "mastodon", "partner")
    for campaign in ("spring", "launch", "autumn_sale", "webinar")
]
_MODELS = (
    "SM-A515F", "SM-A536B", "SM-G991B", "SM-S911B", "Pixel 6", "Pixel 8 Pro", "Redmi Note 9S", "M2101K6G",
    "moto g(30)", "CPH2211", "V2031", "RMX3085", "Other", "Other", "Other", "Other",
)  # fmt: skip
_CLIENTS = [
    *(Client(os, browser, "Mac" if os == "macOS" else "Other", "desktop")
      for os in ("Windows", "macOS", "Linux", "Chrome OS") for browser in ("Chrome", "Edge", "Opera", "Firefox")),
    *(Client("Android", browser, model, "mobile")
      for model in _MODELS for browser in ("Chrome Mobile", "Samsung Internet")),
    *(Client("iOS", browser, device, "tablet" if device == "iPad" else "mobile")
      for device in ("iPhone", "iPad") for browser in ("Mobile Safari", "Chrome Mobile iOS", "Firefox iOS")),
    Client("macOS", "Safari", "Mac", "desktop"),
]  # fmt: skip
# Of random addresses, a third is in one country, and the rest in all others.
_COUNTRIES = (
    "US", "CN", "JP", "DE", "GB", "KR", "BR", "FR", "CA", "IT", "AU", "NL", "RU", "IN", "TW", "ES", "SE", "MX", "ZA",
    "PL", "CH", "EG", "AR", "NO", "DK", "FI", "BE", "TR", "ID", "XX", "AT", "UA", "VN", "CO", "CL", "PT", "CZ", "HK",
)  # fmt: skip


class Traffic:
    """Visits without end: the same for the same `seed`. The first line is of the time `start`, in microseconds."""

    def __init__(self, seed: int, under_way: int, start: int) -> None:
        self._random = Random(seed)
        self._now = start
        self._lines = self._make(under_way)
        self._next_segment = 1
        self.visits = 0

    def write(self, folder: Path, count: int, events: int) -> list[Segment]:
        """The next `count` segments of so many lines each, as files in `folder`; numbers go on from call to call."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = []
        for _ in range(count):
            segment = Segment(self._next_segment, segment_path(folder, self._next_segment))
            with segment.path.open("xb") as file:
                file.writelines(itertools.islice(self._lines, events))
            self._next_segment += 1
            written.append(segment)
        return written

    def _make(self, under_way: int) -> Iterator[bytes]:
        random, pages = self._random, make_pages()
        slots: list[tuple[int, int, int, Session] | None] = [None] * under_way
        step = 1_000_000 / _RATE
        first = self._now
        for number in itertools.count():
            now = first + int(number * step)
            slot = number % under_way
            found = slots[slot]
            if found is None:
                page = int(len(pages) * random.random() * random.random())
                device, left, session = random.getrandbits(64), random.choice(LENGTHS), self._begin(pages[page], now)
            else:
                device, left, page, session = found
                page = (page + STEP) % len(pages)
                session = session.view(pages[page], now, 200, session.visitor)
            slots[slot] = (device, left - 1, page, session) if left > 1 else None
            yield encode([PageviewLine(device, session)])

    def _begin(self, path: str, now: int) -> Session:
        random = self._random
        self.visits += 1
        return Session(
            new_id(now, random.getrandbits(62)),
            "example.com",
            now,
            path,
            now,
            path,
            200,
            f"prisme_{random.getrandbits(64):016X}",
            random.choice(_CLIENTS),
            _COUNTRIES[int(len(_COUNTRIES) * random.random() ** 3)],
            random.choice(_REFERRERS) if random.random() < 0.5 else DIRECT,
            random.choice(_CAMPAIGNS) if random.random() < 0.1 else NO_UTM,
            1,
            0,
        )


def make_pages() -> list[str]:
    """The load's 4,000 paths; one in fifty is percent-encoded."""
    pages = ["/", "/about", "/pricing", "/contact", "/blog/", "/docs/"]
    for i in range(len(pages) + 1, PAGES + 1):
        noun, verb = _NOUNS[i % 10], _VERBS[i // 10 % 10]
        if i % 50 == 0:
            pages.append(f"/wiki/%D0%A1%D1%82%D1%80%D0%B0%D0%BD%D0%B8%D1%86%D0%B0_{i}")
        elif i % 3 == 0:
            pages.append(f"/docs/{noun}/how-to-{verb}-{i}")
        elif i % 3 == 1:
            pages.append(f"/blog/2026/how-to-{verb}-a-{noun}-{i}/")
        else:
            pages.append(f"/products/{noun}-{i}")
    return pages
