"""Sources and channels in SQL: named once, also when loads bring new ones, and for no more than there is room for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from prisme.base.events import NO_UTM, Session, Utm
from prisme.journal.record import PageviewLine
from prisme.stats.filters import read
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Span
from prisme.store import arrivals
from prisme.store.arrivals import LONGEST, Arrivals
from prisme.store.reader import Reader
from tests.store.segments import NOW, Store, session

SPAN = Span(0, NOW * 2, [0, NOW * 2])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def visit(number: int, referrer: str, utm: Utm = NO_UTM, click_id: str = "", visitor: str = "v") -> PageviewLine:
    one: Session = replace(session(number), referrer=referrer, utm=utm, click_id=click_id, visitor=visitor)
    return PageviewLine(number, one)


def count(store: Store, name: str, **filters: str) -> dict[object, int | float]:
    with Reader(store.database, 60) as reader:
        frame = Stats(reader, None).tops([name], read(filters), SPAN, Page(100))[name]
    return dict(zip(frame.keys, frame.values, strict=True))


def test_new_ones_are_named_after_each_load(store: Store) -> None:
    assert count(store, "top-sources") == {}
    store.load(1, visit(1, "www.google.de"))
    assert count(store, "top-sources") == {"Google": 1}
    store.load(2, visit(2, "www.google.fr"), visit(3, "direct", Utm("chatgpt.com")), visit(4, "x.example"))
    assert count(store, "top-sources") == {"Google": 2, "ChatGPT": 1, "x.example": 1}
    assert count(store, "top-channels", source="google") == {"Organic search": 2}
    # An event began it; its first pageview says how it came.
    begun = replace(visit(9, "direct").session, pageviews=0, events=1)
    store.load(3, PageviewLine(9, begun))
    assert count(store, "top-sources", source="Direct") == {"Direct": 1}
    store.load(4, PageviewLine(9, replace(begun, pageviews=1, referrer="t.co", click_id="twclid")))
    assert count(store, "top-channels", source="X") == {"Paid social": 1}


def test_a_reader_names_what_it_sees(store: Store) -> None:
    store.load(1, visit(1, "www.bing.com"))
    with Reader(store.database, 60) as reader:
        store.load(2, visit(2, "www.google.de"))
        assert count(store, "top-sources") == {"Bing": 1, "Google": 1}
        frame = Stats(reader, None).tops(["top-sources"], {}, SPAN, Page())["top-sources"]
    assert (frame.keys, frame.values) == (["Bing"], [1])


def test_the_site_itself_is_internal(store: Store) -> None:
    store.load(1, visit(1, "a.example"), visit(2, "a.example", Utm("Letter", "email")), visit(3, "b.example"))
    assert count(store, "top-sources") == {"Internal": 1, "letter": 1, "b.example": 1}
    assert count(store, "top-channels") == {"Internal": 1, "Email": 1, "Referral": 1}


def test_names_of_the_file_of_before_are_read_at_the_start(store: Store, tmp_path: Path) -> None:
    store.load(1, visit(1, "l.facebook.com"))
    store.close()
    again = Store(tmp_path)
    try:
        assert count(again, "top-channels") == {"Social": 1}
    finally:
        again.close()


def test_names_are_there_again_once_the_file_was_reopened(store: Store) -> None:
    store.load(1, visit(1, "www.google.de"))
    assert count(store, "top-sources") == {"Google": 1}
    store.database.reopen()
    assert count(store, "top-sources", channel="Organic search") == {"Google": 1}


def test_only_so_many_arrivals_are_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have the name that is stored; those with the most visits come first."""
    monkeypatch.setattr(store.database, "arrivals", Arrivals(store.database.load_log, 2))
    monkeypatch.setattr(arrivals, "_MOST_READ", 50)
    unknown = [visit(number, f"{number}.example") for number in range(20)]
    some = [visit(30 + number, "t.co") for number in range(3)] + [visit(40 + number, "fb.me") for number in range(2)]
    store.load(1, *unknown, *some, visit(50, "www.google.de"))
    store.load(2, visit(51, "www.bing.com"))
    found = count(store, "top-sources", source="!*.example")
    assert found == {"X": 3, "Facebook": 2, "www.google.de": 1, "www.bing.com": 1}
    assert count(store, "top-channels")["Referral"] == 22
    assert len(store.database.arrivals._described) == 2


def test_long_texts_are_not_remembered(store: Store) -> None:
    long = "X" * LONGEST
    store.load(1, visit(1, "direct", Utm(long)), visit(2, "direct", Utm(long[:-6])))
    assert count(store, "top-sources") == {long: 1, long[:-6].lower(): 1}
