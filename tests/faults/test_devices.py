"""What ties a device to a session, for how long, and who could find it."""

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

from prisme.store.secrets import Secrets
from prisme.visit.identity import Identity
from prisme.visit.salts import Salts
from tests.faults.leak_search import A_DAY, PAGE, VIEWS, Needles, move_to_noon, read_folder, read_tables, search
from tests.server import CHROME, LiveServer, browser, open_tables, wait_until
from tests.visit.test_identity import device_of

AN_HOUR = 3600


def ties_of(server: LiveServer) -> Needles:
    """Devices as the tables and the journal write them, of all sessions that are open."""
    server.settle()
    with open_tables(server.config) as tables:
        devices = [device for (device,) in tables.execute("SELECT device FROM state.open_sessions").fetchall()]
    as_text = {f"{device}, text": str(device).encode() for device in devices}
    return as_text | {f"{device}, binary": device.to_bytes(8, "little") for device in devices}


def look_in(server: LiveServer, numbers: range) -> None:
    """Visitors, one for each number."""
    for number in numbers:
        headers = browser(f"{PAGE}{number}", X_Forwarded_For=f"198.51.100.{number}")
        assert server.http.post(VIEWS, headers=headers).status_code == 200


def places_of(folder: Path, ties: Needles) -> set[str]:
    return {place for _, place in search(read_folder(folder), ties)}


def test_a_device_has_a_session_only_while_it_is_open(tmp_path: Path) -> None:
    """Neither the tables nor the write-ahead log say more; what DuckDB freed in the file, docs/privacy.md tells of."""
    server = LiveServer(tmp_path, trust_proxy="true")
    move_to_noon(server)
    with server:
        look_in(server, range(50))
        ties = ties_of(server)
        assert len(ties) == 2 * 50
        assert places_of(tmp_path, ties) == {"prisme.duckdb.wal"}
        server.time.move(AN_HOUR / 2 + 60)
        wait_until(lambda: ties_of(server) == {}, "the sessions to end")
        assert places_of(tmp_path, ties) == {"prisme.duckdb.wal"}
        server.time.move(AN_HOUR)
        wait_until(lambda: not places_of(tmp_path, ties), "a checkpoint")
        assert server.rows("SELECT count(*) FROM sessions") == [(50,)]
        look_in(server, range(10))
        assert len(ties_of(server)) == 2 * 10
        assert places_of(tmp_path, ties) == {"prisme.duckdb.wal"}  # the ten came back, and are the same devices
    assert places_of(tmp_path, ties) == {"prisme.duckdb"}
    after = LiveServer(tmp_path, trust_proxy="true")
    after.time.move(server.time.offset + A_DAY)
    with after:
        look_in(after, range(50))
        assert len(ties_of(after)) == 2 * 50
        assert places_of(tmp_path, ties) <= {"prisme.duckdb"}  # the day after, nobody is the same device


def test_who_has_the_keys_finds_the_visits_of_their_days(tmp_path: Path) -> None:
    """And no others: with the folder, and an address and a User-Agent to try."""
    server = LiveServer(tmp_path / "data", trust_proxy="true")
    move_to_noon(server)
    server.time.move(-A_DAY / 2 - 300)
    found = []
    with server:
        for day, minutes in enumerate((0, 10, 60)):
            server.time.move(60 * minutes)
            headers = browser(f"{PAGE}day{day}", X_Forwarded_For=f"198.51.100.{day}")
            assert server.http.post(VIEWS, headers=headers).status_code == 200
            ids = dict(server.rows("SELECT path, visitor_id FROM pageviews"))
            with contextlib.closing(Secrets(tmp_path / "data" / "secrets.sqlite", logging.getLogger())) as secrets:
                keys = [bytes(key) for _, key in secrets.read().values()]
            tried = {path: compute_ids(keys, f"198.51.100.{path[-1]}") for path in ids}
            found.append(sorted(path for path, visitor in ids.items() if visitor in tried[path]))
    assert found == [["/day0"], ["/day0", "/day1"], ["/day1", "/day2"]]


def compute_ids(keys: Iterable[bytes], address: str) -> set[str]:
    """The ids of a client, as whoever has the keys computes them."""
    ids = set()
    for key in keys:
        identity = Identity(FixedKey(key))
        client = (CHROME.encode(), address, "example.com")
        ids.add(identity.visitor(client, device_of(identity, client)))
    return ids


class FixedKey(Salts):
    """One key, and none before."""

    def __init__(self, key: bytes) -> None:
        self.today, self.previous, self._day, self._ttl = bytearray(key), None, 0, 0


def test_a_visitor_is_another_one_on_another_site(live: LiveServer) -> None:
    """With all else the same."""
    for site in ("https://one.two-sites.example.com/", "https://two.two-sites.example.com/"):
        assert live.http.post(VIEWS, headers=browser(site)).status_code == 200
    query = "SELECT visitor_id FROM pageviews WHERE domain LIKE '%.two-sites.example.com'"
    assert len(set(live.rows(query))) == 2


def test_a_device_is_in_the_journal_until_it_is_loaded(tmp_path: Path) -> None:
    """And in no row of an event or a visit."""
    with LiveServer(tmp_path, trust_proxy="true", eventstore_max_batch_timeout="1s") as server:
        look_in(server, range(10))
        (segment,) = (one for one in (tmp_path / "journal").iterdir() if one.stat().st_size)
        ties = ties_of(server)
        assert len(ties) == 2 * 10
        assert not segment.exists()
        assert places_of(tmp_path, ties) == {"prisme.duckdb.wal"}
    tables = read_tables(tmp_path)
    assert {place for _, place in search(tables, ties)} == {"state.open_sessions"}
