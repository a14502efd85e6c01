"""Which visit a pageview or an event belongs to, what it makes of it, and what the journal gets."""

import msgspec
import pytest

from prisme.base.events import NO_UTM, Client, Location, Place, Session, Utm
from prisme.ingest.custom import custom_event
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import Pageview
from prisme.journal.record import CustomLine, PageviewLine
from prisme.visit.address import parse
from prisme.visit.sessions import Visit, begin
from prisme.visit.sites import Page, Referrer

SITE = "a.example"
CLIENT = Client("Linux", "Firefox", "Other", "desktop")
PLACE = Place("Bavaria", "Munich")
SEARCH, OWN = Referrer("search.example", "/q", False), Referrer(SITE, "/a", False)
PAYMENT = Referrer("pay.example", "/", True)
NEWS, ADS = Utm("news"), Utm("ads")


def hit(path: str = "/p", utm: Utm = NO_UTM, known: bool = True) -> Hit:
    return Hit(parse("203.0.113.7"), Page(SITE, SITE, path, utm), b"", (b"", b"", b""), known)


def view(path: str = "/p", referrer: Referrer | None = None, utm: Utm = NO_UTM, visitor: str = "") -> Pageview:
    return Pageview(hit(path, utm), referrer, 404, visitor)


def visit(uuid: str, *paths: str, referrer: str = "direct", utm: Utm = NO_UTM, pageviews: int = 1) -> Visit:
    """An open visit that was on these pages, the last one now."""
    first, *others = paths or ("/",)
    start = Session(uuid, SITE, 1, first, 1, first, 200, "me", CLIENT, "DE", referrer, utm, pageviews, 1 - pageviews)
    one = begin(start)
    for path in others:
        one = one.go_on(one.session.view(path, 1, 200, "me"))
    return one


def own(path: str) -> Referrer:
    return Referrer(SITE, path, False)


# The open visits of a device, the latest one last; and the one that a pageview belongs to, None for a new one.
VIEWS = [
    pytest.param(view(), "a", ["a"], id="no referrer"),
    pytest.param(view(), "b", ["a", "b"], id="no referrer, the latest"),
    pytest.param(view(referrer=PAYMENT), "b", ["a", "b"], id="ignored referrer"),
    pytest.param(view(referrer=SEARCH), None, ["a", "b"], id="foreign referrer"),
    pytest.param(view(referrer=SEARCH), "s", ["s", "b"], id="foreign referrer that one came from"),
    pytest.param(view(referrer=SEARCH), "t", ["s", "t", "b"], id="the latest that came from there"),
    pytest.param(view(referrer=own("/a")), "a", ["a", "b"], id="from a page that one is on"),
    pytest.param(view(referrer=own("/b")), "b", ["a", "b"], id="from a page that the other is on"),
    pytest.param(view(referrer=own("/old")), "o", ["o", "a", "b"], id="from a page that one was on"),
    pytest.param(view(referrer=own("/now")), "n", ["n", "o", "b"], id="being there counts more than having been"),
    pytest.param(view(referrer=own("/nowhere")), "b", ["a", "b"], id="from a page that none was on"),
    pytest.param(view(referrer=own("/nowhere")), "a", ["a"], id="from another page of the only one"),
    pytest.param(view(referrer=own("/nowhere"), utm=NEWS), "b", ["a", "b"], id="a campaign within the site"),
    pytest.param(view(utm=NEWS), None, ["a", "b"], id="campaign"),
    pytest.param(view(referrer=SEARCH, utm=NEWS), None, ["s", "b"], id="campaign and foreign referrer"),
    pytest.param(view(referrer=PAYMENT, utm=NEWS), None, ["a", "b"], id="campaign and ignored referrer"),
    pytest.param(view(utm=NEWS), "m", ["m", "b"], id="campaign that brought one"),
    pytest.param(view(referrer=SEARCH, utm=NEWS), "m", ["m", "s"], id="campaign before a foreign referrer"),
    pytest.param(view(utm=ADS), None, ["m", "b"], id="another campaign"),
    pytest.param(view(utm=Utm("news", "mail")), None, ["m", "b"], id="a part of the campaign is another"),
    pytest.param(view(referrer=SEARCH), "e", ["e", "s", "b"], id="one that an event began goes first"),
    pytest.param(view(utm=NEWS), "e", ["e", "m"], id="one that an event began, and a campaign"),
    pytest.param(view(referrer=own("/a")), "e", ["e", "a"], id="one that an event began, and an own referrer"),
]
OPEN = {
    "a": visit("a", "/a"),
    "b": visit("b", "/b"),
    "o": visit("o", "/now", "/old", "/"),
    "n": visit("n", "/now"),
    "s": visit("s", "/s", referrer="search.example"),
    "t": visit("t", "/t", referrer="search.example"),
    "m": visit("m", "/m", utm=NEWS),
    "e": visit("e", "/e", pageviews=0),
}


@pytest.mark.parametrize(("event", "chosen", "visits"), VIEWS)
def test_visit_of_a_pageview(event: Pageview, chosen: str | None, visits: list[str]) -> None:
    found = event.choose(tuple(OPEN[name] for name in visits))
    assert (found and found.session.uuid) == chosen


@pytest.mark.parametrize(
    ("path", "chosen", "visits"),
    [
        pytest.param("/a", "a", ["a", "b"], id="one is on its page"),
        pytest.param("/old", "o", ["o", "a", "b"], id="one was on its page"),
        pytest.param("/now", "n", ["n", "o", "b"], id="being there counts more than having been"),
        pytest.param("/nowhere", "b", ["a", "b"], id="the latest"),
        pytest.param("/nowhere", "e", ["a", "e"], id="the latest, which an event began"),
        pytest.param("/a", "a", ["a", "e"], id="one that an event began is as any other"),
    ],
)
def test_visit_of_an_event(path: str, chosen: str, visits: list[str]) -> None:
    found = custom_event(hit(path, utm=NEWS), "x", "{}").choose(tuple(OPEN[name] for name in visits))
    assert found is OPEN[chosen]


@pytest.mark.parametrize(
    ("referrer", "source"),
    [
        pytest.param(None, "direct", id="none"),
        pytest.param(SEARCH, "search.example", id="foreign"),
        pytest.param(PAYMENT, "direct", id="ignored"),
        pytest.param(OWN, "direct", id="own: a site is never its own source"),
    ],
)
def test_a_pageview_begins_a_visit(referrer: Referrer | None, source: str) -> None:
    began = view(referrer=referrer, utm=NEWS).begin("u", 7, "me", CLIENT, Location("DE", PLACE))
    assert began == Session("u", SITE, 7, "/p", 7, "/p", 404, "me", CLIENT, "DE", source, NEWS, 1, 0, "", PLACE)
    # So says the first pageview of a visit that an event began.
    arrived = view(referrer=referrer, utm=NEWS, visitor="you").continue_(visit("e", "/e", pageviews=0).session, 9)
    assert (arrived.entry, arrived.entry_path, arrived.exit, arrived.exit_path) == (1, "/p", 9, "/p")
    assert (arrived.referrer, arrived.utm, arrived.visitor, arrived.status) == (source, NEWS, "you", 404)
    assert (arrived.pageviews, arrived.events) == (1, 1)


@pytest.mark.parametrize(("given", "then"), [("", "me"), ("you", "you")])
def test_a_pageview_continues_a_visit(given: str, then: str) -> None:
    """A later source or campaign changes nothing."""
    before = visit("s", "/s", referrer="search.example", utm=ADS).session
    after = view(referrer=OWN, utm=NEWS, visitor=given).continue_(before, 9)
    assert after == msgspec.structs.replace(before, exit=9, exit_path="/p", status=404, visitor=then, pageviews=2)


def test_an_event_begins_a_visit() -> None:
    event = custom_event(hit(utm=NEWS), "x", "{}")
    began = event.begin("u", 7, "me", CLIENT, Location("DE", PLACE))
    assert began == Session("u", SITE, 7, "/p", 7, "/p", 200, "me", CLIENT, "DE", "direct", NEWS, 0, 1, "", PLACE)
    assert event.visitor == ""


def test_an_event_continues_a_visit() -> None:
    before = visit("s", "/s").session
    assert custom_event(hit(), "x", "{}").continue_(before, 9) == msgspec.structs.replace(before, exit=9, events=1)


@pytest.mark.parametrize(("known", "path"), [(True, "/p"), (False, "/s")], ids=["its own page's", "the visit's latest"])
def test_path_of_an_event(known: bool, path: str) -> None:
    after = visit("s", "/s").session.act(9)
    line = custom_event(hit(known=known), "x", '{"a":1}').line(3, after)
    assert line == CustomLine(3, after, path, "x", '{"a":1}')


@pytest.mark.parametrize("device", [None, 3])
def test_line_of_a_pageview(device: int | None) -> None:
    after = visit("s", "/s").session
    assert view().line(device, after) == PageviewLine(device, after)
