"""Visits that go on while a server stops and starts again."""

from typing import Any

import duckdb
import pytest

from prisme.store.loader import Loader
from tests.e2e.scenarios import FIREFOX, GOOGLE, Visitor, assert_whole, one, visits
from tests.server import LiveServer


@pytest.mark.parametrize("way", ["script", "noscript"])
def test_visits_go_on_after_a_restart(tmp_path: Any, site: str, way: str) -> None:
    """Also by a page that was left before it."""
    with LiveServer(tmp_path / "data", trust_proxy="true") as server:
        Visitor(server, site, way).run("PV / R=google; PV /a R=/; PV /b R=bing; EV begun /c")
        Visitor(server, site, way, agent=FIREFOX).run("EV early /p")
        moved = server.time.offset
    with LiveServer(tmp_path / "data", trust_proxy="true") as server:
        server.time.move(moved)
        Visitor(server, site, way).run("PV /d R=/; EV late /a")
        Visitor(server, site, way, agent=FIREFOX).run("PV /p?ref=news R=bing")
        assert visits(server, site) == [
            one("/", "/d", GOOGLE, 3, 1),
            one("/b", "/b", "www.bing.com", 1, 1),
            one("/p", "/p", "www.bing.com", 1, 1, "news"),
        ]
        assert_whole(server)


def test_visits_of_one_device_stay_together_after_a_restart_at_midnight(tmp_path: Any, site: str) -> None:
    """One has gone on by the new day's hash, the other not yet."""
    with LiveServer(tmp_path / "data", trust_proxy="true") as server:
        server.time.move(86_400 - server.now() % 86_400 - 600)
        Visitor(server, site, "script").run("PV /a R=google; PV /b R=bing; NAP 15m; PV /b2 R=/b")
        server.settle()
        moved = server.time.offset
    again = LiveServer(tmp_path / "data", trust_proxy="true")
    again.time.move(moved + 300)
    with again as server:
        Visitor(server, site, "script").run("PV /a2 R=/a")
        assert visits(server, site) == [one("/a", "/a2", GOOGLE, 2), one("/b", "/b2", "www.bing.com", 2)]


def test_visits_go_on_while_their_segments_wait(tmp_path: Any, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the start could not load is counted once it can be, as if it had been there before."""
    fails = False

    def insert(loader: Loader, *given: Any) -> Any:
        if fails:
            raise duckdb.OutOfMemoryException("no memory for a moment")
        return real(loader, *given)

    real = Loader._insert
    monkeypatch.setattr(Loader, "_insert", insert)
    quick = {"trust_proxy": "true", "eventstore_max_batch_timeout": "20ms"}
    with LiveServer(tmp_path / "data", **quick) as server:
        Visitor(server, site, "script").run("PV /1 R=google")
        server.settle()
        fails = True
        Visitor(server, site, "script").run("PV /2 R=/1; PV /3 R=/2")
        Visitor(server, site, "script", agent=FIREFOX).run("PV /a R=bing; EV x /a")
    with LiveServer(tmp_path / "data", **quick) as server:
        Visitor(server, site, "script").run("PV /4 R=/2")
        Visitor(server, site, "script", agent=FIREFOX).run("PV /b R=/a")
        fails = False
        assert visits(server, site) == [one("/1", "/4", GOOGLE, 4), one("/a", "/b", "www.bing.com", 2, 1)]
        assert_whole(server)
