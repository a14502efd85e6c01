"""Uploads that are refused: too large, without room, too slow, cut off, two at once, and bodies of another shape."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from prisme.runtime.freespace import FreeSpace
from prisme.web.uploads import receiving
from prisme.wiring import reading
from tests.e2e import import_program
from tests.e2e.dashboard import add_people, logged_in
from tests.e2e.uploading import UPLOAD, do, leftovers, shown, text_of, upload, wait_for
from tests.server import LiveServer, wait_until

BOUNDARY = "x" * 20
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n'
TAIL = f"\r\n--{BOUNDARY}--\r\n"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module")
def program() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "IMPORT_COMMAND", import_program.COMMAND)
        yield


@pytest.fixture(scope="module")
def server(program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("uploads")) as live:
        add_people(live, "example.com")
        yield live


@pytest.fixture(scope="module")
def ada(server: LiveServer) -> Iterator[httpx.Client]:
    with logged_in(server, "ada") as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_is_left(server: LiveServer, ada: httpx.Client) -> Iterator[None]:
    """Each test leaves the server ready for another upload."""
    yield
    do(ada, "discard")
    wait_until(lambda: not leftovers(server), "the files to be removed")
    assert "Upload files" in shown(ada)


def refused(answer: httpx.Response, status: int, reason: str) -> None:
    """On the page, with the form, and in the header; the connection ends."""
    assert answer.status_code == status
    assert reason in text_of(answer)
    assert "Imports" in text_of(answer)
    assert reason in answer.headers["x-prisme-error"]
    assert answer.headers["connection"] == "close"


def leave(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(FreeSpace, "room", lambda _: room)


def send(ada: httpx.Client, content: bytes | Iterator[bytes], kind: str = TYPE) -> httpx.Response:
    """A body as it is; an iterator is sent in chunks, without a length."""
    return ada.post(UPLOAD, content=content, headers={"Content-Type": kind})


def connect(server: LiveServer, ada: httpx.Client, length: int) -> socket.socket:
    """A connection on which an upload of so many bytes has begun."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    cookie = "; ".join(f"{name}={value}" for name, value in ada.cookies.items())
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Type: {TYPE}"
    connection.sendall(f"{head}\r\nContent-Length: {length}\r\n\r\n{HEAD}".encode())
    return connection


def test_too_large_by_its_length(ada: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, 2_000_000)
    refused(upload(ada, ("a.csv", b"x" * 1_000_001)), 413, "the files are larger than 1.0 MB, half of the free space")


def test_too_large_without_a_length(server: LiveServer, ada: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, 4_000_000)
    pieces = iter([HEAD.encode(), *[b"x" * 65_536] * 100, TAIL.encode()])
    refused(send(ada, pieces), 413, "the files are larger than 2.0 MB")
    assert leftovers(server) == []


def test_no_room(ada: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, 0)
    refused(upload(ada, ("a.csv", b"{}")), 507, "the disk is almost full")


def test_room_that_ends(ada: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = iter([1 << 30, 1 << 30, *[0] * 50])
    monkeypatch.setattr(FreeSpace, "room", lambda _: next(rooms))
    refused(upload(ada, ("a.csv", b"x" * 5_000_000)), 507, "the disk is almost full")


def test_a_full_disk(ada: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prisme.web.uploads.form.UploadForm.write", fail)
    refused(upload(ada, ("a.csv", b"{}")), 507, "the disk is almost full")


def test_silence(server: LiveServer, ada: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_SILENT_SECONDS", 0.2)
    with connect(server, ada, 1000) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_an_upload_that_is_cut_off(server: LiveServer, ada: httpx.Client) -> None:
    with connect(server, ada, 1000):
        assert "ada uploads files" in wait_for(ada, "so far")
        wait_until(lambda: leftovers(server), "a folder")
    wait_until(lambda: "Upload files" in shown(ada), "the form")


def test_two_at_once(server: LiveServer, ada: httpx.Client) -> None:
    said = b'{"rows": 5}'
    with connect(server, ada, len(HEAD) + len(said) + len(TAIL)) as connection:
        page = wait_for(ada, "ada uploads files")
        assert "Upload files" not in page
        refused(upload(ada, ("b.csv", b"{}")), 409, "another upload is under way")
        connection.sendall(said + TAIL.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 303 ")
    page = wait_for(ada, "What would be imported")
    assert "Rows read 5" in page
    refused(upload(ada, ("b.csv", b"{}")), 409, "another upload is under way")


def test_one_of_many_at_once_is_received(ada: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: upload(ada, (f"{number}.csv", b"{}")).status_code, range(8)))
    assert sorted(answers) == [303] + [409] * 7
    wait_for(ada, "What would be imported")


def test_an_upload_is_stopped_by_another_page(server: LiveServer, ada: httpx.Client) -> None:
    with connect(server, ada, 1000) as connection:
        wait_for(ada, "ada uploads files")
        do(ada, "discard")
        wait_until(lambda: "Upload files" in shown(ada), "the form")
        connection.sendall(b"x" * 900)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).startswith(b"HTTP/1.1 503 ")


def test_a_stop_ends_an_upload(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as live:
        add_people(live, "example.com")
        with logged_in(live, "ada") as client, connect(live, client, 1000):
            wait_for(client, "ada uploads files")
            live.stop()
    assert leftovers(live) == []


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("application/x-www-form-urlencoded", "format=auto", "not a form with files"),
        ("", "format=auto", "not a form with files"),
        ("multipart/form-data", f"{HEAD}{{}}{TAIL}", "not a form with files"),
        (f"multipart/form-data; boundary={'x' * 71}", "", "not a form with files"),
        (TYPE, "no boundary", "not a form with files"),
        (TYPE, f"{HEAD}{{}}", "the upload was cut off"),
        (TYPE, "", "the upload was cut off"),
        (TYPE, f"{HEAD}{TAIL}", "choose at least one file that is not empty"),
        (TYPE, f'{HEAD.replace("a.csv", "")}{TAIL}', "choose at least one file that is not empty"),
        (TYPE, f'{HEAD}{{}}\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="site"\r\n\r\n{"x" * 2000}{TAIL}',
            "the field site is too long"),
        (TYPE, f"--{BOUNDARY}\r\n{'X' * 10_000}: y\r\n\r\n{TAIL}", "not a form with files"),
        (TYPE, f"{HEAD}{{}}\r\n" * 2001 + TAIL, "at most 2000 files can be uploaded at once"),
    ],
)  # fmt: skip
def test_other_bodies(ada: httpx.Client, kind: str, body: str, reason: str) -> None:
    refused(send(ada, body.encode(), kind), 400, reason)


def test_large_files_come_whole(server: LiveServer, ada: httpx.Client) -> None:
    """In pieces that end anywhere, also within what ends a file."""
    whole = b"{}\n" + b"".join(f"\r\n--{BOUNDARY[: number % 20]}-".encode() for number in range(200_000))
    body = f"{HEAD}".encode() + whole + TAIL.encode()
    pieces = (body[at : at + 4093] for at in range(0, len(body), 4093))
    assert send(ada, pieces).status_code == 303
    wait_for(ada, "What would be imported")
    (folder,) = leftovers(server)
    assert (folder / "files" / "a.csv").read_bytes() == whole
    assert folder.stat().st_mode & 0o077 == 0


def test_names_are_cleaned(server: LiveServer, ada: httpx.Client) -> None:
    names = [
        "../../etc/passwd",
        "C:\\logs\\a b.csv",
        ".hidden",
        "-rf",
        "ä\u202eü.csv",
        "x" * 300 + ".zip",
        "a_b.csv",
        '"',
    ]
    upload(ada, *((name, b"{}") for name in names))
    wait_for(ada, "What would be imported")
    (folder,) = leftovers(server)
    found = {path.name for path in (folder / "files").iterdir()}
    assert found == {
        "passwd", "a_b.csv", "2-a_b.csv", "hidden", "rf", "_.csv", "x" * 96 + ".zip", "_22",
    }  # fmt: skip
