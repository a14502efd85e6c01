"""The access log: a line for each request, whatever was sent, and files that are moved away."""

import datetime
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prisme.runtime.config import load
from tests.e2e.counted_requests import EVENTS, HEALTH, HOME, LIMIT, SENT
from tests.e2e.metrics import admin, value
from tests.e2e.operations_page import block
from tests.process import Process
from tests.requirements import need
from tests.server import PATIENCE, LiveServer, browser, wait_until


def lines(path: Path) -> list[dict[str, Any]]:
    """An access log's lines, but for health checks: these are how a test waits."""
    return [line for line in map(json.loads, path.read_text().splitlines()) if line["path"] != HEALTH]


def wait_for_lines(path: Path, count: int) -> list[dict[str, Any]]:
    wait_until(lambda: path.exists() and len(lines(path)) >= count, f"{count} lines in {path.name}")
    found = lines(path)
    assert len(found) == count, found
    return found


def test_each_request_has_its_line(tmp_path: Path, start: Callable[..., LiveServer]) -> None:
    options = {"api_events_rate_limit": str(LIMIT), "trust_proxy": "true", "access_log_ip": "full"}
    server = start(access_log=str(tmp_path / "log"), **options)
    expected = []
    begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(milliseconds=1)
    begun -= datetime.timedelta(microseconds=begun.microsecond % 1000)  # a line tells no more than milliseconds
    for sent in [one for one in SENT if one.pattern != HEALTH]:
        for _ in range(sent.times):
            answer = server.http.request(sent.method, sent.path, headers=sent.headers, content=sent.content)
            client = sent.headers.get("X-Forwarded-For", "127.0.0.1")
            path = sent.path.partition("?")[0]
            reason = answer.headers.get("x-prisme-error", "")
            assert bool(reason) == bool(sent.reason)
            request_id = answer.headers.get("x-prisme-request-id")
            expected.append((client, sent.method, path, sent.status, reason, request_id))
    found = wait_for_lines(tmp_path / "log", len(expected))
    fields = ("source_ip", "method", "path", "status_code", "error", "request_id")
    # What is not refused has an id too, but no header that tells it.
    assert [tuple(line[name] for name in fields[: 5 + bool(line["error"])]) for line in found] == [
        line if line[5] else line[:5] for line in expected
    ]
    for line in found:
        assert list(line)[:7] == ["name", "hostname", "pid", "level", "time", "msg", "v"]
        assert (line["name"], line["level"], line["msg"], line["v"]) == ("prisme", 30, "request", 0)
        assert begun <= datetime.datetime.fromisoformat(line["time"]) <= datetime.datetime.now(datetime.UTC)
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", line["request_id"])
        assert line["duration_ms"] > 0
        assert len(line) == 14
    assert len({line["request_id"] for line in found}) == len(found)
    text = (tmp_path / "log").read_text()
    assert not re.search(r"\?|example\.(com|org)|Mozilla", text), "more than a path was logged"


ADDRESSES = ["", "203.0.113.77", "::ffff:203.0.113.77", "2001:DB8:1:2::3", "[2001:db8:1:2::3]:443", "unknown"]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param(
            "full",
            ["127.0.0.1", "203.0.113.77", "203.0.113.77", "2001:db8:1:2::3", "2001:db8:1:2::3", "unknown"],
            id="full",
        ),
        pytest.param(
            "masked",
            ["127.0.0.0/24", "203.0.113.0/24", "203.0.113.0/24", "2001:db8:1::/48", "2001:db8:1::/48", ""],
            id="masked",
        ),
        pytest.param("none", [""] * 6, id="none"),
    ],
)
def test_addresses_are_logged_as_wanted(
    tmp_path: Path, start: Callable[..., LiveServer], how: str, expected: list[str]
) -> None:
    server = start(access_log=str(tmp_path / "log"), access_log_ip=how, trust_proxy="true")
    for address in ADDRESSES:
        server.http.get("/", headers={"X-Forwarded-For": address} if address else {})
    assert [line["source_ip"] for line in wait_for_lines(tmp_path / "log", len(ADDRESSES))] == expected
    text = (tmp_path / "log").read_text()
    assert how == "full" or not re.search(r"0\.0\.1|113\.77|1:2::3", text)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({}, "203.0.{}.0/24", id="by default"),
        pytest.param({"access_log_ip": "full"}, "203.0.{}.77", id="full"),
        pytest.param({"access_log_ip": "none"}, "", id="none"),
    ],
)
def test_matched_with_the_tables(
    tmp_path: Path, start: Callable[..., LiveServer], options: dict[str, str], told: str
) -> None:
    """By the order of times, as anybody could who has both: which page is whose."""
    server = start(access_log=str(tmp_path / "log"), trust_proxy="true", **options)
    for number in range(5):
        headers = browser(f"https://example.com/{number}", X_Forwarded_For=f"203.0.{number}.77")
        assert server.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
    lines = sorted(wait_for_lines(tmp_path / "log", 5), key=lambda line: str(line["time"]))
    paths = server.rows("SELECT path FROM pageviews ORDER BY timestamp")
    found = [(path, line["source_ip"]) for (path,), line in zip(paths, lines, strict=True)]
    assert found == [(f"/{number}", told.format(number)) for number in range(5)]


def converse(server: LiveServer, sent: bytes) -> bytes:
    """Everything that is answered until the server hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as wire:
        wire.sendall(sent)
        answer = b""
        while received := wire.recv(65_536):
            answer += received
        return answer


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        pytest.param(b"/%00%0a%0d%1b[31m", "/%00%0a%0d%1b[31m", id="encoded control characters"),
        pytest.param(b"/%22%5C%ff%C3%28", "/%22%5C%ff%C3%28", id="encoded quotes and no UTF-8"),
        pytest.param(b"/'<script>`{}|~$&;=,[]", None, id="other marks"),
        pytest.param("/\u00fc\u20ac".encode(), "/%C3%BC%E2%82%AC", id="UTF-8"),
        pytest.param(b"/\xc2\x9b31m", "/%C2%9B31m", id="a terminal's control sequence"),
        pytest.param(b"/%", "/%", id="broken escape"),
        pytest.param(b"//a/../b;c?x=%22#y", "//a/../b;c", id="query and fragment"),
        pytest.param(b"*", "*", id="asterisk"),
        pytest.param(b"http://user:secret@other.example/p?q", "/p", id="whole URL"),
        pytest.param(b"/" + b"a" * 60_000, "/" + "a" * 60_000, id="long"),
        pytest.param(b'/a"b', '/a"b', id="quote"),
        pytest.param(b"/a\\b", "/a\\b", id="backslash"),
        pytest.param(b"/a\x01b", None, id="control character"),
        pytest.param(b"/a\x7fb", None, id="delete"),
        pytest.param(b"/\xff\xfe", None, id="no UTF-8"),
    ],
)
def test_hostile_paths_make_lines_of_json(
    counted_log: tuple[LiveServer, Path], path: bytes, logged: str | None
) -> None:
    """`logged` is None for what the HTTP server refuses by itself; then there is no line."""
    server, log = counted_log
    before = len(lines(log))
    answer = converse(server, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 " if logged else b"HTTP/1.1 400 ")
    server.http.get("/after")
    found = wait_for_lines(log, before + 1 + bool(logged))[before:]
    assert [line["path"] for line in found] == [*filter(None, [logged]), "/after"]
    assert log.read_bytes().isascii()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", log.read_bytes())


@pytest.fixture(scope="module")
def counted_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, Path]]:
    """A server with an access log."""
    folder = tmp_path_factory.mktemp("logged")
    options = {"access_log": str(folder / "log"), "admin_hostport": admin()}
    with LiveServer(folder / "data", **options) as server:
        yield server, folder / "log"


def test_requests_of_one_moment_have_a_line_each(counted_log: tuple[LiveServer, Path]) -> None:
    server, log = counted_log
    before = len(lines(log))
    requests = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(500)]
    requests.append(b"GET /500 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert converse(server, b"".join(requests)).count(b"HTTP/1.1 404 ") == 501
    found = wait_for_lines(log, before + 501)[before:]
    assert [line["path"] for line in found] == [f"/{number}" for number in range(501)]


def test_clients_who_leave_are_logged(counted_log: tuple[LiveServer, Path]) -> None:
    server, log = counted_log
    before = len(lines(log))
    headers = "".join(f"{name}: {text}\r\n" for name, text in browser(HOME + "/gone").items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as wire:
        wire.sendall(f"POST {EVENTS}custom/gone HTTP/1.1\r\nContent-Length: 10\r\n{headers}\r\n".encode())
        wait_until(lambda: value(server, "http_active_requests") == 1, "the request to arrive")
    (line,) = wait_for_lines(log, before + 1)[before:]
    assert (line["status_code"], line["error"]) == (400, "body is incomplete")
    wait_until(lambda: value(server, "http_active_requests") == 0, "the request to end")


def test_standard_output_is_the_default(tmp_path: Path) -> None:
    config, _ = load({}, {}, tmp_path)
    assert config.access_log == Path("/dev/stdout")
    assert config.admin_hostport == ("127.0.0.1", 9090)
    redirect = ("sh", "-c", 'exec "$@" > "$0"', str(tmp_path / "stdout"))
    with Process(tmp_path / "data", prefix=redirect, access_log="/dev/stdout") as server:
        server.start()
        server.http.get("/first")
        assert [line["path"] for line in wait_for_lines(tmp_path / "stdout", 1)] == ["/first"]
        assert server.stop() == 0
        assert [line for line in server.log() if line["msg"] == "request"] == []


def test_empty_turns_it_off(tmp_path: Path) -> None:
    redirect = ("sh", "-c", 'exec "$@" > "$0"', str(tmp_path / "stdout"))
    with Process(tmp_path / "data", prefix=redirect, access_log="") as server:
        server.start()
        assert server.http.get("/first").status_code == 404
        assert server.stop() == 0
        assert (tmp_path / "stdout").read_text() == ""
        assert [line for line in server.log() if line["msg"] == "request"] == []


def test_both_logs_may_be_one_file(tmp_path: Path) -> None:
    """`prisme serve > log 2>&1`, where neither is opened for appending."""
    redirect = ("sh", "-c", 'exec "$@" > "$0" 2>&1', str(tmp_path / "both"))
    with Process(tmp_path / "data", prefix=redirect, access_log="/dev/stdout") as server:
        server.start()
        for number in range(20):
            server.http.get(f"/{number}")
        assert server.stop() == 0
    found = [json.loads(line) for line in (tmp_path / "both").read_text().splitlines()]
    assert [line["path"] for line in found if line.get("status_code") == 404] == [f"/{number}" for number in range(20)]
    assert any(line["msg"].endswith(f"listens on http://127.0.0.1:{server.port}") for line in found if "msg" in line)
    assert found[-1]["msg"] == "stopped"


def test_reader_who_reads_nothing_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    hostport = admin()
    redirect = ("sh", "-c", 'exec "$@" > "$0"', str(tmp_path / "pipe"))
    with Process(tmp_path / "data", prefix=redirect, access_log="/dev/stdout", admin_hostport=hostport) as server:
        server.start()

        def has_dropped() -> bool:
            for _ in range(200):
                assert server.http.get("/" + "x" * 4000).status_code == 404
            return "accesslog_dropped_total 0.0\n" not in server.http.get(f"http://{hostport}/metrics").text

        wait_until(has_dropped, "lines to be dropped")
        assert server.stop() == 0
    os.close(reader)


def test_rotation_goes_on_in_a_new_file(tmp_path: Path) -> None:
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    with Process(tmp_path / "data", access_log=str(log)) as server:
        process = server.start()
        server.http.get("/before")
        log.rename(old)
        server.http.get("/moved")
        process.send_signal(signal.SIGHUP)
        wait_until(log.exists, "the new file")
        server.http.get("/after")
        assert [line["path"] for line in wait_for_lines(log, 1)] == ["/after"]
        assert [line["path"] for line in lines(old)] == ["/before", "/moved"]
        assert server.stop() == 0


def test_logrotate_as_explained(tmp_path: Path) -> None:
    program = need("logrotate", "logrotate")
    log = tmp_path / "access.log"
    with Process(tmp_path / "data", access_log=str(log)) as server:
        process = server.start()
        server.http.get("/before")
        wait_for_lines(log, 1)  # an empty file is not rotated
        written = block("text", "rotate")
        for told, here in (("/var/log/prisme", str(tmp_path)), ("systemctl reload prisme", f"kill -HUP {process.pid}")):
            assert told in written
            written = written.replace(told, here)
        (tmp_path / "logrotate.conf").write_text(written)
        (tmp_path / "logrotate.conf").chmod(0o600)
        command = [program, "--force", "--state", str(tmp_path / "state"), str(tmp_path / "logrotate.conf")]
        subprocess.run(command, check=True)
        wait_until(log.exists, "the new file")
        server.http.get("/after")
        assert [line["path"] for line in wait_for_lines(log, 1)] == ["/after"]
        assert [line["path"] for line in lines(tmp_path / "access.log.1")] == ["/before"]
        assert log.stat().st_mode & 0o777 == 0o600
        assert server.stop() == 0
