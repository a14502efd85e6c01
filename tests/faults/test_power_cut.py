"""The power fails: what each policy of `eventstore_fsync` promises is stored exactly once. And fsync fails."""

import shutil
import threading
from pathlib import Path

import pytest

from tests.faults.disk import device, mounted
from tests.faults.load import HOME, PAGEVIEWS, STORED, Load, check_visits, flow
from tests.faults.lying_disk import EIO, LyingDisk
from tests.process import Process
from tests.server import PATIENCE, LiveServer, browser, wait_until

NOSCRIPT = "/api/v1/noscript/events/pageviews"


@pytest.mark.parametrize("policy", ["always", "interval", "never"])
def test_a_power_cut_costs_what_the_policy_says(tmp_path: Path, policy: str) -> None:
    """On a real file system: what was not synced is in the kernel's memory only, and not in the image."""
    with mounted(tmp_path / "memory", "256m") as memory:
        image, cut, data = (memory.folder / name for name in ("image", "cut", "disk"))
        with Process(
            data / "data",
            trust_proxy="true",
            eventstore_fsync=policy,
            eventstore_max_batch_timeout="300ms",
            min_free_space="0",
        ) as server:
            with device(image, data):
                server.start()
                loads = [Load(server.port, f"cut-{number}", 0.01) for number in range(2)]
                flow(loads)
                safe = [path for load in loads for path in tuple(load.answered)]
                journal = data / "data" / "journal"
                pending = set(journal.iterdir())
                wait_until(lambda: pending.isdisjoint(journal.iterdir()), "a flush")
                server.kill()
                shutil.copyfile(image, cut)
                for load in loads:
                    load.join()
            with device(cut, data):
                server.start()
                assert server.stop() == 0
                stored = dict(server.rows(f"SELECT path, count(*) FROM ({STORED}) GROUP BY path"))
                check_visits(server)
    answered = [path for load in loads for path in load.answered]
    lost = {path for path in answered if path not in stored}
    assert [path for path, times in stored.items() if times > 1] == []
    if policy == "always":
        assert lost == set()
    elif policy == "interval":
        assert lost.isdisjoint(safe)


def on(lying: LyingDisk, folder: Path, interval: str = "50ms") -> LiveServer:
    """A server that answers an event when this disk has it."""
    server = LiveServer(folder, eventstore_fsync="always", eventstore_max_batch_timeout=interval)
    server.disk = lying.disk
    return server


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_event_is_answered_when_the_disk_has_it(tmp_path: Path, method: str) -> None:
    lying = LyingDisk()
    with on(lying, tmp_path / "data", interval="1m") as server:  # no sync is that of a flush
        answered: list[int] = []

        def send() -> None:
            path = PAGEVIEWS if method == "POST" else NOSCRIPT
            answer = server.http.request(method, path, headers=browser(f"{HOME}/a", Referer=f"{HOME}/a"))
            answered.append(answer.status_code)

        with lying.stall():
            sending = threading.Thread(target=send)
            sending.start()
            wait_until(lambda: lying.stalled.is_set() or answered, "a sync")
            assert answered == []
            assert not any(lying.left(tmp_path / "data" / "journal").values())
            # Others are answered meanwhile.
            assert server.http.get("/api/v1/healthcheck").status_code == 200
        sending.join(PATIENCE)
        assert answered == [200]


def test_an_event_that_cannot_be_synced_leaves_nothing(tmp_path: Path) -> None:
    """It is refused, and neither its row nor its part in the visit is stored, nor remembered."""
    lying = LyingDisk()
    with on(lying, tmp_path / "data") as server:

        def view(page: str, referrer: str = "", agent: str = "") -> int:
            more = {"user_agent": agent} if agent else {}
            headers = browser(f"{HOME}/{page}", X_Prisme_Document_Referrer=referrer, **more)
            answer = server.http.post(PAGEVIEWS, headers=headers)
            assert answer.status_code == 200 or answer.headers["retry-after"]
            return answer.status_code

        other = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        assert view("a") == 200
        lying.failing["fsync"] = EIO
        assert view("refused", f"{HOME}/a") == 503
        assert view("refused", f"{HOME}/a") == 503
        assert view("refused", agent=other) == 503
        health = server.http.get("/api/v1/healthcheck")
        assert (health.status_code, health.text) == (503, "journal: Input/output error\n")
        lying.failing.clear()
        # It heals by itself, without an event.
        wait_until(lambda: server.http.get("/api/v1/healthcheck").status_code == 200, "the server to recover")
        assert view("b", f"{HOME}/a") == 200
        assert view("c", agent=other) == 200
        columns = "entry_path, exit_path, pageviews"
        assert server.rows(f"SELECT {columns} FROM sessions ORDER BY entry_timestamp") == [
            ("/a", "/b", 2),
            ("/c", "/c", 1),
        ]
        assert server.rows("SELECT path FROM pageviews ORDER BY path") == [("/a",), ("/b",), ("/c",)]
