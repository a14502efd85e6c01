"""Visits of requests are those that the server would have recorded, and the same on every reading."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from msgspec.structs import replace

from prisme.base.events import Client
from prisme.imports import rule_of_visits
from prisme.imports.items import CUSTOM, DOWNLOAD, OUTBOUND, Request, Visit
from prisme.imports.rule_of_visits import RuleOfVisits
from prisme.imports.tally import NOT_REGISTERED, Tally
from prisme.ingest.custom import custom_event
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import Pageview
from prisme.visit.address import parse
from prisme.visit.origins import Hosts
from prisme.visit.sites import Page, Rules, Sites
from tests.ingest.test_record import AGENTS, BOT, COUNTRIES, UA, recording
from tests.visit.test_salts import MINUTE, NOON, TTL

SITE = "a.example"
SITES = Sites(Hosts([SITE]), Rules(aliases=[("www.a.example", SITE)], ignored_referrers=["pay.example"]))
DAY = 24 * 60 * MINUTE


def read(requests: Iterable[Request], tally: Tally | None = None, most_visits: int = 64) -> list[Visit]:
    """The visits of requests, in the order of their entry."""
    rule = RuleOfVisits("test", SITES, AGENTS, COUNTRIES, tally or Tally(), TTL, most_visits)
    visits = [visit for request in requests for visit in rule.take(request)]
    return sorted([*visits, *rule.flush()], key=lambda visit: visit.session.uuid)


def view(minutes: float, path: str = "/", **more: Any) -> Request:
    more = {"address": "8.8.8.8", "user_agent": UA.decode(), **more}
    return Request(NOON + int(minutes * MINUTE), f"https://{SITE}{path}", **more)


requests = st.lists(
    st.tuples(
        st.integers(0, 45).map(lambda minutes: minutes * MINUTE),
        st.builds(
            lambda kind, path, address, referrer, campaign, ua: Request(
                0,
                f"https://{SITE}{path}{campaign}",
                referrer,
                address,
                ua.decode(),
                kind=kind,
                name="x" if kind == CUSTOM else "",
            ),
            st.sampled_from(["pageview", "pageview", CUSTOM]),
            st.sampled_from(["/", "/a", "/b"]),
            st.sampled_from(["8.8.8.8", "8.8.4.4", "2001:db8::1"]),
            st.sampled_from(["", "https://search.example/", f"https://{SITE}/a", "https://pay.example/"]),
            st.sampled_from(["", "", "?utm_source=news"]),
            st.sampled_from([UA, UA, UA, BOT]),
        ),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(steps=requests)
def test_visits_are_those_of_the_server(steps: list[tuple[int, Request]], tmp_path_factory: Any) -> None:
    at, sent = NOON, []
    with recording(tmp_path_factory.mktemp("rule") / "journal") as live:
        for gap, request in steps:
            at = min(at + gap, NOON + DAY // 2 - MINUTE)  # one key of the day: midnight has a test of its own
            one = _move(request, at)
            sent.append(one)
            page = SITES.pages[one.url.encode()]
            assert isinstance(page, Page)
            hit = Hit(parse(one.address), page, one.user_agent.encode(), (b"", b"", b""))
            referrer: Any = SITES.referrers[one.referrer.encode()]
            event = custom_event(hit, "x", "{}") if one.kind == CUSTOM else Pageview(hit, referrer, 200, "")
            live.record([event], at)
        newest: dict[str, Any] = {}
        for line in live.lines():
            newest[line["session"]["uuid"]] = line["session"]
    expected = sorted(_shape(session) for session in newest.values())
    visits = read(sent)
    assert sorted(_shape(_builtins(visit)) for visit in visits) == expected
    for visit in visits:
        assert len(visit.rows) == visit.session.pageviews + visit.session.events
        assert [row.at for row in visit.rows] == sorted(row.at for row in visit.rows)
    # The visitors are told apart in the same way.
    assert len({visit.session.visitor for visit in visits}) == len({one["visitor"] for one in newest.values()})


def _move(request: Request, at: int) -> Request:
    return replace(request, at=at)


def _builtins(visit: Visit) -> dict[str, Any]:
    found: dict[str, Any] = to_builtins(visit.session)
    return found


def _shape(session: dict[str, Any]) -> str:
    return repr(sorted((name, value) for name, value in session.items() if name not in ("uuid", "visitor")))


@settings(deadline=None)
@given(steps=requests)
def test_the_same_requests_are_the_same_visits(steps: list[tuple[int, Request]]) -> None:
    at, sent = NOON, []
    for gap, request in steps:
        at += gap
        sent.append(_move(request, at))
    assert read(sent) == read(sent)
    # What comes later changes no visit that is over, and lengthens those that are not.
    longer = {visit.session.uuid: visit for visit in read([*sent, *(_move(one, at + MINUTE) for one in sent[:3])])}
    for visit in read(sent):
        assert longer[visit.session.uuid].rows[: len(visit.rows)] == visit.rows
        assert longer[visit.session.uuid].session.visitor == visit.session.visitor


def test_ids_have_the_time_and_no_address() -> None:
    (visit,) = read([view(0)])
    (other,) = read([view(0, address="9.9.9.9")])
    assert visit.session.uuid == other.session.uuid
    assert int(visit.session.uuid.replace("-", "")[:12], 16) == NOON // 1000
    assert visit.session.visitor.startswith("prisme_")
    assert len(visit.session.visitor) == len("prisme_") + 16
    # At one moment, two are two.
    assert len({visit.session.uuid for visit in read([view(0), view(0, address="9.9.9.9")])}) == 2


def test_who_comes_daily_is_never_the_same_twice() -> None:
    days = [view(minutes) for day in range(10) for minutes in (day * 1440, day * 1440 + 90)]
    visits = read(days)
    assert len(visits) == 20
    by_day: dict[int, set[str]] = {}
    for visit in visits:
        by_day.setdefault(visit.session.entry // DAY, set()).add(visit.session.visitor)
    assert all(len(ids) == 1 for ids in by_day.values())
    assert len(set.union(*by_day.values())) == 10


def test_a_visit_goes_on_over_midnight_with_its_id() -> None:
    (visit,) = read([view(12 * 60 - 5), view(12 * 60 + 5)])
    assert visit.session.pageviews == 2


def test_what_is_skipped_is_counted() -> None:
    tally = Tally()
    other = Request(NOON, "https://other.example/", address="8.8.8.8", user_agent=UA.decode())
    broken = Request(NOON, "https://", address="8.8.8.8", user_agent=UA.decode())
    inside = view(1, kind=OUTBOUND, name=f"https://www.{SITE}/x")
    assert read([other, broken, view(0, user_agent=BOT.decode()), view(0, user_agent=""), inside], tally) == []
    assert tally.skipped == {
        NOT_REGISTERED: 1,
        "the URL is not valid": 1,
        "a bot, by its User-Agent": 2,
        "the link is not valid, or within the site": 1,
    }


def test_links_and_downloads_are_rows_without_secrets() -> None:
    (visit,) = read(
        [
            view(0),
            view(1, kind=DOWNLOAD, name="https://files.example/a.zip?X-Amz-Signature=1"),
            view(2, kind=OUTBOUND, name="https://other.example/?q=1"),
            view(3, kind=CUSTOM, name="buy", properties='{"n":1}'),
        ]
    )
    assert [(row.kind, row.url or row.name) for row in visit.rows] == [
        ("pageview", ""),
        ("download", "https://files.example/a.zip"),
        ("outbound", "https://other.example/?q=1"),
        ("custom", "buy"),
    ]
    assert (visit.session.pageviews, visit.session.events) == (1, 3)


def test_an_event_whose_page_is_not_known_is_of_the_latest_page() -> None:
    event = Request(
        NOON + MINUTE, f"https://{SITE}", address="8.8.8.8", user_agent=UA.decode(), kind=CUSTOM, name="buy"
    )
    (visit,) = read([view(0, "/a"), event])
    assert [(row.kind, row.path) for row in visit.rows] == [("pageview", "/a"), ("custom", "/a")]


def test_names_of_the_source_are_kept() -> None:
    client = Client("macOS", "Safari", "Mac", "desktop")
    (visit,) = read(
        [view(0, user_agent="", address="", visitor="v1", client=client, country="FR", region="Bretagne", city="Brest")]
    )
    session = visit.session
    assert (session.client, session.country) == (client, "FR")
    assert session.place is not None
    assert (session.place.region, session.place.city) == ("Bretagne", "Brest")


def test_a_line_that_comes_late_does_not_set_a_visit_back() -> None:
    (visit,) = read([view(0), view(5, "/b"), view(4, "/a")])
    assert visit.session.exit == NOON + 5 * MINUTE
    assert [row.path for row in visit.rows] == ["/", "/b", "/a"]


@pytest.mark.parametrize("limit", ["_MOST_ROWS", "CAPACITY"])
def test_memory_is_bounded(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_of_visits, limit, 10)
    rule = RuleOfVisits("test", SITES, AGENTS, COUNTRIES, Tally(), TTL, 64)
    found: list[Visit] = []
    for number in range(100):
        address = "8.8.8.8" if limit == "_MOST_ROWS" else f"8.8.8.{number}"
        found += rule.take(view(number / 100, address=address))
    assert sum(len(visit.rows) for visit in found) >= 89
    assert sum(len(visit.rows) for visit in [*found, *rule.flush()]) == 100


def test_visits_of_one_client_at_once_are_bounded() -> None:
    campaigns = [view(number / 100, f"/?utm_source=s{number}") for number in range(6)]
    assert len(read(campaigns, most_visits=3)) == 6


def test_lines_of_other_moments_in_between_make_no_two_visits_alike() -> None:
    late = [view(1), view(0, "/late", address="9.9.9.8"), view(1, address="9.9.9.9")]
    assert len({visit.session.uuid for visit in read(late)}) == 3


def test_a_line_that_comes_hours_late_is_another_visit() -> None:
    first, second = read([view(300), view(0, "/early"), view(10, "/early2"), view(301, "/b")])
    assert [row.path for row in first.rows] == ["/early", "/early2"]
    assert (first.session.entry, first.session.exit) == (NOON, NOON + 10 * MINUTE)
    assert [row.path for row in second.rows] == ["/", "/b"]


def test_days_in_the_wrong_order_have_as_many_visitors() -> None:
    days = [[view(day * 1440 + hour * 60) for hour in range(0, 8, 2)] for day in range(4)]
    visits = read([one for day in reversed(days) for one in day])
    assert len({visit.session.visitor for visit in visits}) == 4


def test_no_row_is_before_its_visit() -> None:
    (visit,) = read([view(10), view(8, "/late")])
    assert [row.at for row in visit.rows] == [visit.session.entry] * 2
    assert visit.session.exit == visit.session.entry


@pytest.mark.parametrize("limit", ["_MOST_WEIGHT", "_MOST_BYTES"])
def test_memory_is_bounded_by_what_texts_take(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_of_visits, limit, 100_000)
    rule = RuleOfVisits("test", SITES, AGENTS, COUNTRIES, Tally(), TTL, 64)
    found: list[Visit] = []
    for number in range(100):
        path = f"/{'x' * 5000}{number}"
        found += rule.take(view(number / 100, path, address=f"8.8.8.{number % (5 if limit == '_MOST_BYTES' else 1)}"))
    assert sum(len(visit.rows) for visit in found) >= 75
    assert sum(len(visit.rows) for visit in [*found, *rule.flush()]) == 100


def test_how_many_visits_began_alike_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_of_visits, "_MOST_ALIKE", 3)
    assert (
        len({visit.session.uuid for visit in read([view(n, f"/{n % 4}", address=f"9.9.9.{n}") for n in range(9)])}) == 9
    )


def test_logs_of_two_servers_are_told_apart_by_their_clients() -> None:
    """They are imported one after the other, and so nothing else tells these visits apart."""
    agents = [UA.decode(), UA.decode() + " "]
    first, second = (read([view(0, user_agent=agent)])[0].session for agent in agents)
    assert first.uuid != second.uuid
    assert first.client == second.client
