"""A journal without room: refused events leave no trace, neither on disk nor in memory, and it heals by itself."""

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.requirements import miss, need
from tests.server import LiveServer, browser, wait_until

PAGEVIEWS = "/api/v1/events/pageviews"
HOME = "https://example.com"


@pytest.fixture
def small_journal(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose journal is on a file system of 256 KiB."""
    mount = need("mount", "mount")
    if os.geteuid() != 0:
        miss("needs root, to mount a small file system")
    journal = tmp_path / "data" / "journal"
    journal.mkdir(parents=True)
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", journal], check=True)
    yield tmp_path / "data"
    subprocess.run(["umount", journal], check=True)


def fill(filler: Path) -> None:
    """Write until nothing fits any more."""
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        file.writelines(itertools.repeat(b"x" * 4096))


def held(folder: Path) -> list[str]:
    """The removed files of a folder that this process, and so the server in it, still has open."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(descriptor.readlink()))
    return [link for link in links if link.startswith(f"{folder}/") and link.endswith(" (deleted)")]


def test_full_disk_refuses_and_recovers(small_journal: Path) -> None:
    filler = small_journal / "journal" / "filler"
    with LiveServer(small_journal) as server:

        def view(page: str, referrer: str = "") -> int:
            headers = browser(f"{HOME}/{page}", X_Prisme_Document_Referrer=referrer)
            return server.http.post(PAGEVIEWS, headers=headers).status_code

        assert view("a") == 200
        server.settle()
        wait_until(lambda: not held(filler.parent), "the loaded segment to be let go, which frees its room")
        fill(filler)
        answer = server.http.post(PAGEVIEWS, headers=browser(f"{HOME}/b", X_Prisme_Document_Referrer=f"{HOME}/a"))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        health = server.http.get("/api/v1/healthcheck")
        assert (health.status_code, health.text) == (503, "journal: No space left on device\n")
        assert view("elsewhere") == 503

        filler.unlink()
        wait_until(lambda: server.http.get("/api/v1/healthcheck").status_code == 200, "the server to recover")
        # The session is still at /a, as if the refused events had never come.
        assert view("b", f"{HOME}/a") == 200
        assert view("elsewhere") == 200
        columns = "entry_path, exit_path, pageviews"
        assert server.rows(f"SELECT {columns} FROM sessions ORDER BY entry_timestamp") == [
            ("/a", "/b", 2),
            ("/elsewhere", "/elsewhere", 1),
        ]
        assert server.rows("SELECT path FROM pageviews ORDER BY path") == [("/a",), ("/b",), ("/elsewhere",)]
