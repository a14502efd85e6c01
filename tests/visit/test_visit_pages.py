"""What a visit becomes with each pageview and event, and which pages it remembers."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from prisme.base.events import NO_UTM, Utm
from prisme.visit.sessions import PAGES
from tests.visit.visits import session, visit

# ----- what a session becomes


def test_a_pageview_moves_the_exit() -> None:
    before = session(path="/a", now=5, events=2)
    after = before.view("/b", 9, 404, "w")
    assert after == msgspec.structs.replace(before, exit=9, exit_path="/b", status=404, visitor="w", pageviews=2)


def test_an_event_moves_the_exits_time_alone() -> None:
    before = session(path="/a", now=5, status=404)
    assert before.act(9) == msgspec.structs.replace(before, exit=9, events=1)


def test_the_first_pageview_of_a_visit_says_how_it_began() -> None:
    begun = session(path="/a", now=5, pageviews=0, events=2)
    utm = Utm("s", "m")
    arrived = begun.arrive("/b", 9, 404, "w", "search.example", utm, "gclid")
    assert arrived == msgspec.structs.replace(
        begun,
        entry_path="/b",
        exit=9,
        exit_path="/b",
        status=404,
        visitor="w",
        referrer="search.example",
        utm=utm,
        pageviews=1,
        click_id="gclid",
    )
    assert arrived.entry == 5


@given(st.lists(st.sampled_from(["view", "act"]), max_size=20))
def test_each_state_has_a_number_of_its_own(steps: list[str]) -> None:
    one = session()
    for number, step in enumerate(steps, 1):
        one = one.view("/x", number, 200, "v") if step == "view" else one.act(number)
        assert one.pageviews + one.events == 1 + number


# ----- which pages a visit was on


def test_pages_are_remembered_newest_first() -> None:
    one = visit(path="/a")
    for path, earlier in (
        ("/b", ("/a",)),
        ("/b", ("/a",)),  # a reload
        ("/c", ("/b", "/a")),
        ("/a", ("/c", "/b")),  # each once
        ("/d", ("/a", "/c", "/b")),
        ("/d", ("/a", "/c", "/b")),
    ):
        one = one.go_on(one.session.view(path, 1, 200, "v"))
        assert (one.session.exit_path, one.earlier) == (path, earlier)


def test_eight_pages_are_remembered() -> None:
    one = visit(path="/0")
    for number in range(1, 12):
        one = one.go_on(one.session.view(f"/{number}", number, 200, "v"))
    pages = (one.session.exit_path, *one.earlier)
    assert pages == tuple(f"/{number}" for number in range(11, 3, -1))
    assert len(pages) == PAGES == 8


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_pages_are_the_latest_distinct_ones(visited: list[int]) -> None:
    one = visit(path=f"/{visited[0]}")
    for number in visited[1:]:
        one = one.go_on(one.session.view(f"/{number}", 1, 200, "v"))
    latest = list(dict.fromkeys(reversed(visited)))[:PAGES]
    assert (one.session.exit_path, *one.earlier) == tuple(f"/{number}" for number in latest)


def test_an_events_page_was_not_visited() -> None:
    """A visit that an event began comes to its first page with the pageview."""
    begun = visit(path="/a", pageviews=0, events=1)
    arrived = begun.go_on(begun.session.arrive("/b", 1, 200, "v", "direct", NO_UTM))
    assert (arrived.session.exit_path, arrived.earlier) == ("/b", ())


def test_events_change_no_page() -> None:
    one = visit(path="/a")
    one = one.go_on(one.session.view("/b", 1, 200, "v"))
    acted = one.go_on(one.session.act(2))
    assert (acted.session.exit_path, acted.earlier, acted.session.exit) == ("/b", ("/a",), 2)
