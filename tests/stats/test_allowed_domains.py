"""Figures of a grant with wildcards against plain Python: never a row of another site."""

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prisme.access.grants import Grant
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.columns import SERIES
from prisme.stats.dashboard import build_dashboard
from prisme.stats.parameters import read_query
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Span
from prisme.store import load_log
from prisme.store.database import Database
from prisme.store.reader import Reader
from tests.base.test_domains import is_allowed
from tests.faults.load import LONG
from tests.stats.conftest import fill_database
from tests.stats.lines import DAY, FIRST, LAST, UTC, make_lines
from tests.stats.oracle import Journal, Oracle
from tests.stats.strategies import many, span_of

HOSTS = [
    "example.com",
    "example.com:8080",
    "shop.example.com",
    "shop.example.com:8080",
    "a.shop.example.com",
    "b.a.shop.example.com:81",
    "notexample.com",
    "example.com.evil.net",
    "example-com",
    "com",
    "[::1]",
    "[::1]:8080",
    "127.0.0.1:8080",
]
PARENTS = ["example.com", "shop.example.com", "a.shop.example.com", "evil.net", "le.com", "xn--e1afmkfd.com", "_.%.com"]
WIDE = [*(f"*.{parent}" for parent in PARENTS), "example.com:*", "[::1]:*", "shop.example.com:*"]
ENTRIES = st.lists(st.sampled_from([*HOSTS, *WIDE]), max_size=5, unique=True).map(tuple)
SPAN = Span(FIRST, LAST + DAY, [FIRST, LAST + DAY])


def rename(line: bytes) -> bytes:
    """The same line, of one of `HOSTS`."""
    read = json.loads(line)
    session = read["session"]
    session["domain"] = HOSTS[int(session["uuid"].replace("-", ""), 16) % len(HOSTS)]
    return json.dumps(read).encode() + b"\n"


LINES = [rename(line) for line in make_lines(11, 150)]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = fill_database(tmp_path_factory.mktemp("hosts"), LINES)
    yield database
    database.close()


@pytest.fixture(scope="module")
def reader(hosts: Database) -> Iterator[Reader]:
    with Reader(hosts, 3600.0) as reader:
        yield reader


def count_by_hand(entries: tuple[str, ...]) -> Oracle:
    return Oracle(Journal([line for line in LINES if is_allowed(entries, json.loads(line)["session"]["domain"])]), {})


@given(ENTRIES)
@example(())
@example(("*.example.com",))
@example(("*.evil.net", "[::1]"))
@example(("[::1]:*", "example.com:*"))
@many
def test_figures_of_wildcards(reader: Reader, entries: tuple[str, ...]) -> None:
    stats, oracle = Stats(reader, entries), count_by_hand(entries)
    for name, series in stats.series(SERIES, {}, span_of(FIRST, LAST + DAY, "day", UTC)).items():
        assert series.total == pytest.approx(oracle.total(name, SPAN))
    pages = stats.tops(["top-pages"], {}, SPAN, Page(100))["top-pages"]
    assert dict(zip(pages.keys, pages.values, strict=True)) == oracle.top("top-pages", FIRST, LAST + DAY)
    assert {domain for domain, _ in stats.domains()} == {
        state["domain"] for state in oracle.sessions(FIRST, LAST + DAY)
    }


@given(ENTRIES, ENTRIES)
@settings(many, max_examples=20 if LONG else 8)
def test_a_narrowed_grant_sees_what_both_see(reader: Reader, one: tuple[str, ...], other: tuple[str, ...]) -> None:
    narrowed = Grant("user:vic", "vic", frozenset(("stats",)), one).narrow(("stats",), other).domains
    assert narrowed is not None
    seen = {domain for domain, _ in Stats(reader, narrowed).domains()}
    assert seen == {host for host in HOSTS if is_allowed(one, host) and is_allowed(other, host)}


def test_cached_figures_are_of_one_grant(hosts: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.monotonic() + 1000  # no load is recent
    monkeypatch.setattr(load_log, "monotonic", lambda: later)
    cache, now = IncrementalCache(hosts), LAST + DAY
    query = read_query({"from": str(FIRST // 10**6), "to": str(now // 10**6), "domain": "*example.com*"}, now)
    lists = [("*.example.com",), ("*.shop.example.com",), ("shop.example.com",), ("*.evil.net",), ("*.example.com",)]
    for entries in lists:
        with Reader(hosts, 60.0) as reader:
            totals = build_dashboard(Stats(reader, entries), query, now, cache).totals
        assert totals["pageviews"] == count_by_hand(entries).total("pageviews", SPAN)
    assert cache.hits
