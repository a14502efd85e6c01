"""Operations of commands: with a server, through its socket, and without one."""

import contextlib
import io
import os
import signal
import socket
import stat
import threading
from pathlib import Path

import httpx
import msgspec
import pytest

from prisme.base.errors import InputError
from prisme.cli import operate
from prisme.cli.main import main
from prisme.cli.operate import Operator
from prisme.operations import status
from prisme.operations.job import Job
from prisme.operations.registry import OPERATIONS, Operation
from prisme.runtime import local_socket
from prisme.runtime.local_socket import FILE
from tests.server import CHROME, LiveServer, wait_until

VIEW = {"Origin": "http://example.com", "X-Prisme-Referrer": "http://example.com/", "User-Agent": CHROME}


class Repeat(msgspec.Struct):
    """What the operation of these tests is sent."""

    fails: bool = False


def repeat(context: object, arguments: Repeat, job: Job) -> dict[str, int]:
    """Send everything back."""
    sizes = 0
    for part in job.received():
        job.tell("repeating", sizes, unit="bytes")
        job.send(part)
        sizes += len(part)
    if arguments.fails:
        raise RuntimeError("secret")
    return {"bytes": sizes}


def wait(context: object, arguments: Repeat, job: Job) -> None:
    """Never end by itself."""
    started.append(1)
    wait_until(lambda: job.cancellation.is_cancelled, "the client to leave")
    ended.append(1)
    job.check()


started: list[int] = []
ended: list[int] = []


@pytest.fixture(autouse=True)
def operations(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**OPERATIONS, "repeat": Operation(Repeat, repeat), "wait": Operation(Repeat, wait, is_alone=True)}
    monkeypatch.setattr("prisme.operations.registry.OPERATIONS", table)


def test_with_a_server_and_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LiveServer(tmp_path) as server:
        mode = (tmp_path / FILE).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        assert httpx.post(server.url + "/api/v1/events/pageviews", headers=VIEW).status_code == 200
        server.settle()
        found = Operator(server.config).run("status", status.Arguments(), status.Status)
        assert (found.process, found.rows["pageviews"]) == (os.getpid(), 1)
        parts = [b"x" * 3_000_000, b"end"]
        got: list[bytes] = []
        sent = Operator(server.config).run("repeat", Repeat(), dict[str, int], got.append, parts)
        assert sent == {"bytes": 3_000_003}
        assert b"".join(got) == b"".join(parts)
        with pytest.raises(InputError, match="the server's log has it"):
            Operator(server.config).run("repeat", Repeat(fails=True), dict[str, int])
        with pytest.raises(InputError, match="another version"):
            Operator(server.config).run("unknown", Repeat(), dict[str, int])
    assert not (tmp_path / FILE).exists()
    assert main(["status", "--data-dir", str(tmp_path)]) == 0
    assert "does not run" in capsys.readouterr().out
    got.clear()
    assert Operator(server.config).run("repeat", Repeat(), dict[str, int], got.append, parts) == sent


def test_a_client_that_leaves_cancels_and_so_does_a_stop(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        for number, leaves in enumerate((True, False), start=1):
            client = local_socket.connect(tmp_path)
            assert client is not None
            request = local_socket.Request("wait", {"fails": False})
            local_socket.send(client, local_socket.REQUEST, msgspec.json.encode(request))
            wait_until(lambda number=number: len(started) == number, "the operation to begin")
            with pytest.raises(InputError, match="busy with `wait`"):
                Operator(server.config).run("wait", Repeat(), type(None))
            if leaves:
                client.close()
                wait_until(lambda: len(ended) == 1, "its end")
            else:
                left = client
    assert len(ended) == 2
    left.close()


def test_what_is_no_request_is_dropped(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        for text in (b"GET / HTTP/1.1\r\n\r\n", b"Q\xff\xff\xff\xff", b"Q\0\0\0\2{]"):
            client = local_socket.connect(tmp_path)
            assert client is not None
            client.settimeout(10)
            with contextlib.closing(client), contextlib.suppress(ConnectionResetError):
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                assert client.recv(10) == b""
        assert Operator(server.config).run("status", status.Arguments(), status.Status).process


def test_a_socket_of_a_killed_server_and_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    (folder / FILE).touch()
    with LiveServer(folder) as server:
        assert Operator(server.config).run("status", status.Arguments(), status.Status).process


def test_without_a_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--data-dir", str(tmp_path / "none")]) == 1
    assert "there is no data folder" in capsys.readouterr().err


def test_nobody_can_confirm_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    operate.confirm("Delete?", yes=True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(InputError, match="--yes"):
        operate.confirm("Delete?", yes=False)


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "yeah\n"])
def test_whatever_is_not_yes_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(InputError, match="nothing was changed"):
        operate.confirm("Delete?", yes=False)
    out, error = capsys.readouterr()
    assert (out, error.rstrip("\n")) == ("", "Delete? [y/N] ")


def test_yes_may_be_short(monkeypatch: pytest.MonkeyPatch) -> None:
    for typed in ("y\n", "Yes \n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        operate.confirm("Delete?", yes=False)


def last(context: object, arguments: Repeat, job: Job) -> str:
    """Like `wait`, but it was past the point where it can be cancelled."""
    started.append(1)
    wait_until(lambda: job.cancellation.is_cancelled, "the client to cancel")
    return "done"


@pytest.mark.parametrize("name", ["wait", "last"])
def test_ctrl_c_cancels_and_tells_what_became_of_it(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**OPERATIONS, "wait": Operation(Repeat, wait), "last": Operation(Repeat, last)}
    monkeypatch.setattr("prisme.operations.registry.OPERATIONS", table)
    before = len(started)

    def interrupt() -> None:
        wait_until(lambda: len(started) > before, "the operation to begin")
        os.kill(os.getpid(), signal.SIGINT)

    with LiveServer(tmp_path) as server:
        threading.Thread(target=interrupt).start()
        if name == "last":
            assert Operator(server.config).run(name, Repeat(), str) == "done"
        else:
            with pytest.raises(KeyboardInterrupt):
                Operator(server.config).run(name, Repeat(), str)
