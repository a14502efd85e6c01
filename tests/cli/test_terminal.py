"""`prisme serve` on a terminal, and with its output in a pipe."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from prisme.runtime.clickhouse_types import Endpoint
from prisme.runtime.terminal import Painter
from prisme.wiring.banner import browser_url, write_banner
from tests.runtime.settings import DEFAULTS
from tests.server import PATIENCE, browser, free_port
from tests.terminal import Terminal

COLOR = re.compile(r"\033\[\d+m")
PLAIN = {"NO_COLOR": "1"}


Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Terminal] = []

    def begin(*words: str, **environ: str) -> Terminal:
        options = ["--data-dir", str(tmp_path / "data"), "--admin-hostport", "", "--host", "localhost"]
        started.append(Terminal([sys.executable, "-m", "prisme", "serve", *options, *words], environ))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()


def test_banner_leads_to_the_first_account(start: Start, tmp_path: Path) -> None:
    port = free_port()
    terminal = start("-p", str(port), **PLAIN)
    link = terminal.read_until(r"First time +(\S+)")[1]
    terminal.read_until("Press Ctrl-C to stop")
    assert re.search(rf"Dashboard +http://127\.0\.0\.1:{port}/\r", terminal.text)
    assert re.search(r"Counting +localhost, 127\.0\.0\.1\r", terminal.text)
    assert re.search(rf"Data +{tmp_path}/data\r", terminal.text)
    assert '{"' not in terminal.text
    with httpx.Client(follow_redirects=True) as client:
        key = link.partition("key=")[2]
        fields = {"key": key, "name": "ada", "password": "correct horse battery", "again": "correct horse battery"}
        assert "Waiting for the first session" in client.post(link.partition("?")[0], data=fields).text
    assert terminal.end() == 0
    again = start("-p", str(port), **PLAIN)
    again.read_until("Press Ctrl-C to stop")
    assert "First time" not in again.text


def test_one_line_a_request_and_a_last_line(start: Start, tmp_path: Path) -> None:
    port = free_port()
    terminal = start("-p", str(port), **PLAIN)
    terminal.read_until("Press Ctrl-C to stop")
    events = f"http://localhost:{port}/api/v1/events/pageviews"
    assert httpx.post(events, headers=browser("http://localhost/")).status_code == 200
    assert httpx.post(events, headers=browser("http://nope.example/")).status_code == 400
    terminal.read_until(r"\d\d:\d\d:\d\d POST /api/v1/events/pageviews 200 \d+\.\d ms\r")
    terminal.read_until(r"POST /api/v1/events/pageviews 400 \d+\.\d ms origin not registered\r")
    assert terminal.end() == 0
    assert re.search(rf"stopped: 1 event stored in {tmp_path}/data\r\n\Z", terminal.text)
    assert not COLOR.search(terminal.text)


@pytest.mark.parametrize(
    ("environ", "colored"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colors_are_a_choice(start: Start, environ: dict[str, str], colored: bool) -> None:
    terminal = start("-p", str(free_port()), **environ)
    terminal.read_until("Press Ctrl-C to stop")
    assert bool(COLOR.search(terminal.text)) is colored


def test_failed_start_is_one_line(start: Start) -> None:
    port = free_port()
    start("-p", str(port)).read_until("Press Ctrl-C to stop")
    second = start("-p", str(port), **PLAIN)
    assert second.process.wait(PATIENCE) == 1
    second.read_until("cannot start")
    assert len(second.text.splitlines()) == 1


@pytest.mark.parametrize(("words", "is_json"), [([], True), (["--log-format", "text"], False)])
def test_pipe_gets_json_unless_told(tmp_path: Path, words: list[str], is_json: bool) -> None:
    port, options = free_port(), ["--data-dir", str(tmp_path), "--admin-hostport", "", "--host", "127.0.0.1"]
    command = [sys.executable, "-m", "prisme", "serve", *options, "--port", str(port), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "origins is not set" in line:
                httpx.get(f"http://127.0.0.1:{port}/api/v1/healthcheck", verify=False)
            if "healthcheck" in line:
                process.send_signal(signal.SIGTERM)
    assert any(line.startswith("{") for line in lines) is is_json
    if is_json:
        found = [json.loads(line) for line in lines]
        (first,) = [line for line in found if "link" in line]
        assert first["msg"].endswith(first["link"])
        assert found[-1]["msg"] == "stopped"


def test_files_stay_json_beside_a_terminal(start: Start, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "access.log"
    terminal = start("-p", str(port), "--access-log", str(log), **PLAIN)
    terminal.read_until("Press Ctrl-C to stop")
    httpx.get(f"http://localhost:{port}/api/v1/healthcheck")
    assert terminal.end() == 0
    assert "/api/v1/healthcheck" in {json.loads(line)["path"] for line in log.read_text().splitlines()}
    assert "/api/v1/healthcheck" not in terminal.text


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://localhost:8000"),
        ("::", "http://localhost:8000"),
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_banner_shows_what_a_browser_can_open(host: str, url: str) -> None:
    assert browser_url(msgspec.structs.replace(DEFAULTS, host=host)) == url


def test_banner_of_an_ingestion_node_says_where_events_go() -> None:
    config = msgspec.structs.replace(
        DEFAULTS,
        mode="ingestion",
        host="127.0.0.1",
        eventstore="clickhouse",
        clickhouse_url=(Endpoint("db1.example", 8443, True), Endpoint("db2.example", 8443, True)),
    )
    text = write_banner(config, ["example.com"], "", Painter(colors=False))
    assert re.search(r"Events +http://127\.0\.0\.1:8000/, no dashboard\n", text)
    assert re.search(r"Stored in +ClickHouse, database prisme at db1\.example:8443, db2\.example:8443\n", text)
    assert "Dashboard" not in text
    assert "Stored in" not in write_banner(DEFAULTS, ["example.com"], "", Painter(colors=False))
