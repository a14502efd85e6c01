"""Recording: what comes together is as if it came one by one, and nothing is remembered that was not written."""

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme import assets
from prisme.base import refusal
from prisme.base.events import NO_UTM, Session, Utm
from prisme.ingest.batch import Event, Record, Recorder
from prisme.ingest.custom import custom_event
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import Pageview
from prisme.ingest.services import Lookups, Services
from prisme.journal.appender import Appender
from prisme.runtime.disk import DISK
from prisme.runtime.freespace import FreeSpace
from prisme.visit.address import parse
from prisme.visit.bots import Bots
from prisme.visit.concentration import Concentration
from prisme.visit.geo import Geo
from prisme.visit.geo_file import open_file
from prisme.visit.identity import Identity
from prisme.visit.salts import DAY, Salts
from prisme.visit.sessions import Sessions, Visit
from prisme.visit.sites import Page, Referrer
from prisme.visit.useragent import UserAgents
from tests.faults.lying_disk import EIO, LyingDisk
from tests.visit.test_salts import MIDNIGHT, MINUTE, NOON, TTL, Drawer

SITE = "a.example"
UA = b"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
BOT = b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
SEARCH = Referrer("search.example", "/", False)


class Recording(NamedTuple):
    """A recorder, what it works with, and where its lines go."""

    record: Record
    services: Services
    folder: Path

    def lines(self) -> list[dict[str, Any]]:
        """The journal, in order."""
        text = b"".join(path.read_bytes() for path in sorted(self.folder.glob("*.ndjson")))
        return [json.loads(line) for line in text.splitlines() if line]

    def visits(self, event: Event, now: int) -> tuple[Visit, ...]:
        """The open visits of an event's device."""
        who, hit = self.services.identity, event.hit
        (device,) = who.device_hashes([(hit.user_agent, hit.address.text, SITE)])
        return self.services.sessions.find(device, now)


AGENTS = UserAgents(Bots("strict", ()).refuse)
COUNTRIES = Geo(open_file(assets.COUNTRIES, None))


@contextlib.contextmanager
def recording(
    folder: Path, per_device: int = 64, least: int = 0, drawer: Drawer | None = None, lying: LyingDisk | None = None
) -> Iterator[Recording]:
    """One that makes the same ids each time; on a disk that lies, what cannot be synced is withdrawn."""
    folder.mkdir()
    journal = Appender(folder, 1, 1 << 20, lying is not None, lying.disk if lying else DISK)
    numbers = itertools.count()
    services = Services(
        Identity(Salts(drawer or Drawer(), NOON, TTL)),
        Sessions(TTL, per_device),
        AGENTS,
        COUNTRIES,
        journal,
        FreeSpace(folder, least),
        Lookups(),
        Concentration(),
        lambda: next(numbers),
    )
    try:
        yield Recording(Recorder(services).record, services, folder)
    finally:
        with contextlib.suppress(OSError):  # where a test closed it
            asyncio.run(journal.close())


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Recording]:
    with recording(tmp_path / "journal") as made:
        yield made


def hit(path: str, address: str = "8.8.8.8", ua: bytes = UA, utm: Utm = NO_UTM) -> Hit:
    return Hit(parse(address), Page(SITE, SITE, path, utm), ua, (b"", b"", b""))


def view(path: str = "/", referrer: Referrer | None = None, visitor: str = "", **more: Any) -> Pageview:
    return Pageview(hit(path, **more), referrer, 200, visitor)


def act(path: str = "/", **more: Any) -> Event:
    return custom_event(hit(path, **more), "x", "{}")


events = st.builds(
    lambda kind, path, address, referrer, campaign, ua: (
        act(path, address=address, ua=ua)
        if kind == "act"
        else view(path, referrer, address=address, ua=ua, utm=Utm("news") if campaign else NO_UTM)
    ),
    st.sampled_from(["view", "act"]),
    st.sampled_from(["/", "/a", "/b"]),
    st.sampled_from(["8.8.8.8", "8.8.4.4", "2001:db8::1"]),
    st.sampled_from([None, SEARCH, Referrer(SITE, "/a", False), Referrer("pay.example", "/", True)]),
    st.sampled_from([False, False, True]),
    st.sampled_from([UA, UA, UA, BOT]),
)


def shape(lines: list[dict[str, Any]]) -> list[str]:
    """What is in the journal of each visit, whatever its ids are, and whoever was written first."""
    by_visit: dict[tuple[int, str], list[Any]] = {}
    for line in lines:
        session = {name: text for name, text in line["session"].items() if name not in ("uuid", "visitor")}
        by_visit.setdefault((line["device"] or 0, line["session"]["uuid"]), []).append(
            (line["kind"], line.get("path"), sorted(session.items(), key=str))
        )
    found: dict[int, list[Any]] = {}
    for (device, _), steps in by_visit.items():
        found.setdefault(device, []).append(steps)
    return sorted(map(str, found.values()))


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=24), st.data())
def test_events_of_one_moment_are_as_if_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, sent: list[Event], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("record")
    with recording(folder / "alone") as alone, recording(folder / "together") as together:
        outcomes = [alone.record([event], NOON)[0] for event in sent]
        found = []
        rest = sent
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            found += together.record(rest[:size], NOON)
            rest = rest[size:]
        assert found == outcomes
        assert shape(together.lines()) == shape(alone.lines())
        assert len(together.lines()) == outcomes.count(None)
        assert together.services.lookups.bots == alone.services.lookups.bots
        assert together.services.lookups.countries == alone.services.lookups.countries
        assert len(together.services.sessions) == len(alone.services.sessions)


def test_a_visit_is_in_the_journal_as_it_is_in_memory(one: Recording) -> None:
    sent = [view("/a", SEARCH), view("/b", Referrer(SITE, "/a", False)), act("/a"), view("/c"), act("/never")]
    for number, event in enumerate(sent):
        assert one.record([event], NOON + number) == [None]
        (visit,) = one.visits(event, NOON + number)
        line = one.lines()[-1]
        assert msgspec.convert(line["session"], Session) == visit.session
        assert line["session"]["pageviews"] + line["session"]["events"] == number + 1
    paths = [line.get("path", line["session"]["exit_path"]) for line in one.lines()]
    assert paths == ["/a", "/b", "/a", "/c", "/never"]
    assert {line["device"] for line in one.lines()} == {one.lines()[0]["device"]}


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    with recording(tmp_path / "journal", least=1 << 60) as full:
        assert full.record([view(), act(), view(ua=BOT)], NOON) == [refusal.NO_ROOM] * 3
        assert (full.lines(), len(full.services.sessions), full.services.lookups.bots) == ([], 0, {})


def test_what_cannot_be_written_is_not_remembered(one: Recording) -> None:
    assert one.record([view("/a")], NOON) == [None]
    before, lines = one.visits(view(), NOON), one.lines()
    asyncio.run(one.services.journal.close())  # from here on, as if the disk refused it
    outcomes = one.record([view("/b"), act(), view(address="8.8.4.4"), view(ua=BOT, address="8.8.4.4")], NOON + 1)
    assert outcomes == [refusal.JOURNAL_UNAVAILABLE] * 3 + [refusal.BOT]
    assert one.visits(view(), NOON + 1) == before
    assert (one.visits(view(address="8.8.4.4"), NOON + 1), one.lines()) == ((), lines)


def test_what_is_withdrawn_is_not_remembered(tmp_path: Path) -> None:
    lying, other = LyingDisk(), view(address="8.8.4.4")
    with recording(tmp_path / "journal", lying=lying) as one:

        async def scene() -> None:
            assert one.record([view("/a")], NOON) == [None]
            assert await one.services.journal.commit()
            before, lines = one.visits(view(), NOON), one.lines()
            lying.failing["fsync"] = EIO
            for path in ("/b", "/c"):
                assert one.record([view(path), other], NOON + 1) == [None, None]
            assert not await one.services.journal.commit()
            assert one.visits(view(), NOON + 1) == before
            assert (one.visits(other, NOON + 1), one.lines()) == ((), lines)

        asyncio.run(scene())


def test_an_event_that_raises_fails_alone(one: Recording) -> None:
    class DefectError(Exception):
        pass

    class Bad(Pageview, frozen=True):
        def begin(self, *_: Any) -> Session:
            raise DefectError

    bad = Bad(hit("/bad", address="8.8.4.4"), None, 200, "")
    first, second, third = one.record([view("/a"), bad, view("/b")], NOON)
    assert (first, third) == (None, None)
    assert isinstance(second, DefectError)
    assert [line["session"]["exit_path"] for line in one.lines()] == ["/a", "/b"]


def test_more_visits_than_a_device_may_have_are_stored_but_not_remembered(tmp_path: Path) -> None:
    with recording(tmp_path / "journal", per_device=2) as few:
        for name in "abc":
            assert few.record([view(f"/{name}", Referrer(f"{name}.example", "/", False))], NOON) == [None]
        assert [line["device"] is None for line in few.lines()] == [False, False, True]
        assert [visit.session.entry_path for visit in few.visits(view(), NOON)] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("pause", "goes_on"),
    [
        pytest.param(TTL - 1, True, id="open"),
        pytest.param(TTL, False, id="over"),
    ],
)
@pytest.mark.parametrize("given", ["", "me"], ids=["generated id", "given id"])
def test_over_midnight(one: Recording, pause: int, goes_on: bool, given: str) -> None:
    late = MIDNIGHT + DAY - MINUTE
    assert one.record([view("/a", visitor=given), view("/a", address="8.8.4.4")], late) == [None, None]
    assert one.record([view("/b", visitor=given)], late + pause) == [None]
    first, other, second = one.lines()
    assert first["device"] != second["device"]
    assert (first["session"]["uuid"] == second["session"]["uuid"]) is goes_on
    assert (first["session"]["visitor"] == second["session"]["visitor"]) is (goes_on or bool(given))
    assert len({first["session"]["visitor"], other["session"]["visitor"]}) == 2
    # The hash of yesterday finds nothing any more.
    assert not one.services.sessions.find(first["device"], late + pause)


def test_events_go_on_over_midnight(one: Recording) -> None:
    late = MIDNIGHT + DAY - MINUTE
    assert one.record([act("/a")], late) == [None]
    assert one.record([act("/a"), view("/a", SEARCH), act("/b")], late + 2 * MINUTE) == [None] * 3
    assert len({(line["session"]["uuid"], line["session"]["visitor"]) for line in one.lines()}) == 1
    (visit,) = one.visits(view(), late + 2 * MINUTE)
    assert (visit.session.pageviews, visit.session.events, visit.session.referrer) == (1, 3, "search.example")


def test_bots_are_asked_for_new_visits_alone(one: Recording, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert one.record([view(), act(), view("/a")], NOON) == [None] * 3
    assert one.record([view(ua=BOT), act(ua=BOT)], NOON) == [refusal.BOT] * 2
    assert one.services.lookups.bots == {False: 1, True: 2}
    assert one.services.lookups.countries == {("US", 4): 1}
    assert len(one.lines()) == 3
    assert caplog.text == ""


def test_a_given_visitor_id_is_the_visits_from_then_on(one: Recording) -> None:
    assert one.record([view("/a"), view("/b", visitor="me"), act("/b"), view("/c")], NOON) == [None] * 4
    first, *others = [line["session"]["visitor"] for line in one.lines()]
    assert first.startswith("prisme_")
    assert others == ["me"] * 3
