"""Other programs' trackers: what they send, to servers that look at it; and a run against a real Prisme."""

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from bench.__main__ import main
from bench.peers import peer as peer_module
from bench.peers import run as run_module
from bench.peers.peer import Peer
from bench.peers.tracker import TRACKERS
from bench.result import Report
from bench.server import ServerError, free_port, running, start_prisme
from bench.wrk import LOADS, Load, drive
from tests.checkout import ROOT
from tests.faults.load import slow
from tests.requirements import need

SITE = 'a "site"'


class Sent(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: str


class Answer(NamedTuple):
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    body: str = "{}"


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[int, list[Sent]]]:
    """A server that gives everybody the same answer; its port, and what was sent to it."""
    sent: list[Sent] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            sent.append(Sent(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body.encode())

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# A busy machine may leave one request of each connection pending, which wrk drops at its end.
CONNECTIONS = 4


def send(tracker: str, port: int) -> Report:
    need("wrk", "wrk")
    work = f"trackers/{TRACKERS[tracker].work}"
    return drive(Load(work, 1, connections=CONNECTIONS, addresses=20_000, open_visits=8, site=SITE), port, 0)


def is_page(url: str) -> bool:
    return (
        re.fullmatch(r"https://example\.com/[^?]*(\?utm_source=\w+&utm_medium=link&utm_campaign=\w+)?", url) is not None
    )


def check_plausible(sent: Sent) -> None:
    body = json.loads(sent.body)
    assert (sent.method, sent.path, body.keys()) == ("POST", "/api/event", {"n", "u", "d", "r"})
    assert (body["n"], body["d"]) == ("pageview", SITE)
    assert is_page(body["u"])
    assert body["r"] is None or urlsplit(body["r"]).scheme == "https"


def check_umami(sent: Sent) -> None:
    body = json.loads(sent.body)
    payload = body["payload"]
    assert (sent.method, sent.path, sent.headers["content-type"]) == ("POST", "/api/send", "application/json")
    assert (body["type"], payload["website"], payload["hostname"]) == ("event", SITE, "example.com")
    assert payload.keys() == {"website", "screen", "language", "title", "hostname", "url", "referrer"}
    assert is_page(f"https://example.com{payload['url']}")


def check_goatcounter(sent: Sent) -> None:
    url = urlsplit(sent.path)
    found = {name: value for name, (value,) in parse_qs(url.query, keep_blank_values=True, strict_parsing=True).items()}
    assert (sent.method, url.path, sent.body) == ("GET", "/count", "")
    assert found.keys() == {"p", "t", "e", "s", "b", "q", "r", "rnd"}
    assert is_page(f"https://example.com{found['p']}{found['q']}")
    assert (found["s"], found["b"], found["e"]) == ("1920,1080,1", "0", "false")


def check_liwan(sent: Sent) -> None:
    body = json.loads(sent.body)
    assert (sent.method, sent.path, sent.headers["content-type"]) == ("POST", "/api/event", "application/json")
    assert (body["entity_id"], body["name"]) == (SITE, "pageview")
    assert is_page(body["url"])
    assert "?" not in body["url"]
    assert body["utm"].keys() == {"campaign", "content", "medium", "source", "term"}
    assert body["utm"]["medium"] in (None, "link")


def check_medama(sent: Sent) -> None:
    body = json.loads(sent.body)
    assert (sent.method, sent.path, body["e"], body["q"]) == ("POST", "/api/event/hit", "load", True)
    assert body.keys() == {"b", "e", "u", "r", "p", "q", "t"}
    assert is_page(body["u"])
    assert body["p"] is not body["r"].startswith("https://example.com/")


def check_prisme(sent: Sent) -> None:
    assert (sent.method, sent.path, sent.body) == ("POST", "/api/v1/events/pageviews", "")
    assert is_page(sent.headers["x-prisme-referrer"])


CHECKS: dict[str, Callable[[Sent], None]] = {
    "plausible": check_plausible,
    "umami": check_umami,
    "goatcounter": check_goatcounter,
    "liwan": check_liwan,
    "medama": check_medama,
    "prisme": check_prisme,
    "prisme-go": check_prisme,
}


def test_each_tracker_has_its_requests() -> None:
    assert CHECKS.keys() == TRACKERS.keys()
    assert {one.work for one in TRACKERS.values()} == {path.stem for path in (LOADS / "trackers").glob("*.lua")}


@pytest.mark.parametrize("tracker", TRACKERS)
def test_requests_are_those_of_the_tracker(tracker: str) -> None:
    with serving(Answer()) as (port, sent):
        report = send(tracker, port)
    assert report.accepted == report.answered > 0
    assert report.accepted <= len(sent) <= report.sent <= report.accepted + CONNECTIONS
    assert report.rows == {"pageviews": report.sent}
    assert report.wrong == ""
    for one in sent:
        CHECKS[tracker](one)
        assert one.headers["user-agent"].startswith("Mozilla/5.0 ")
        assert one.headers["origin"] == "https://example.com"
    # A visit has one address, which no other has.
    addresses = {one.headers["x-forwarded-for"] for one in sent}
    assert report.visits - (report.sent - len(sent)) <= len(addresses) <= report.visits


@pytest.mark.parametrize(
    ("tracker", "answer"),
    [
        ("plausible", Answer(400, {}, 'no "domain"\n')),
        ("plausible", Answer(202, {"x-plausible-dropped": "1"}, "ok")),
        ("umami", Answer(200, {}, '{"beep":"boop"}')),
        ("goatcounter", Answer(202, {"X-Goatcounter": "ignored"}, "GIF")),
        ("liwan", Answer(302, {"Location": "/"}, "")),
        ("medama", Answer(500, {}, "{}")),
        ("prisme", Answer(400, {"X-Prisme-Error": "origin not registered"}, "")),
    ],
)
def test_wrong_answers_are_told(tracker: str, answer: Answer) -> None:
    with serving(answer) as (port, sent):
        report = send(tracker, port)
    assert (report.accepted, report.refusals) == (0, len(sent))
    assert report.wrong.startswith(f"{answer.status} {answer.body}")
    for name, value in answer.headers.items():
        assert f"{name}: {value}" in report.wrong


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "WARM_UP_SECONDS", 3)  # beside other tests, the first answer may take long
    monkeypatch.setattr(peer_module, "_UNCHANGED_SECONDS", 1.5)
    monkeypatch.setattr(peer_module, "_QUIET_SECONDS", 0.2)


@slow
@pytest.mark.usefixtures("hurried")
def test_beside_a_real_prisme(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    status = f"PYTHONPATH={ROOT} {sys.executable} -m prisme status --json --data-dir {tmp_path / 'data'}"
    count = f'{status} | {sys.executable} -c \'import json, sys; print(json.load(sys.stdin)["rows"]["pageviews"])\''
    with running(start_prisme(tmp_path)) as server:
        words = ["--against", f"http://127.0.0.1:{server.port}", "--tracker", "prisme", "--rounds=1", "--seconds=3"]
        assert main([*words, "--pid", str(server.pid), "--stored", count]) == 0
        said = capsys.readouterr()
        assert "|  | other prisme | Prisme | ratio |" in said.out
        assert re.search(r"other prisme stored ([\d,]+) of \1 accepted", said.out)
        assert main([*words, "--stored", "echo 7"]) == 1
        assert "other prisme stored 0 of" in capsys.readouterr().err


@pytest.mark.usefixtures("hurried")
def test_wrong_answer_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    with serving(Answer(200, {}, '{"beep":"boop"}')) as (port, _):
        assert main(["--against", f"http://127.0.0.1:{port}", "--tracker", "umami", "--rounds=1", "--seconds=3"]) == 1
    said = capsys.readouterr().err
    assert "FAILED: umami: no request was accepted" in said
    assert 'the first response that is none of success: 200 {"beep":"boop"}' in said


@pytest.mark.parametrize(
    "words",
    [["--against", "http://localhost:1"], ["--against", "ftp://localhost", "--tracker", "umami"],
     ["--against", "localhost:80", "--tracker", "umami"], ["--against", "http://localhost/a", "--tracker", "umami"]],
    ids=["no tracker", "scheme", "no scheme", "path"],
)  # fmt: skip
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    assert main(words) == 2
    assert "--against takes an address" in capsys.readouterr().err


def test_nobody_at_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    assert main(["--against", f"http://127.0.0.1:{free_port()}", "--tracker", "umami"]) == 1
    assert "takes no connections" in capsys.readouterr().err


def test_process_tree_is_measured() -> None:
    peer = Peer("a", "127.0.0.1", 1, os.getpid(), "")
    assert peer.peak_memory() > 1_000_000
    before = peer.cpu_seconds()
    sum(range(5_000_000))
    assert peer.cpu_seconds() > before


@pytest.mark.parametrize("command", ["echo many", "exit 1", "echo -3"])
def test_count_that_is_no_number(command: str) -> None:
    with pytest.raises(ServerError, match="printed no number"):
        Peer("a", "127.0.0.1", 1, 0, command).count()
