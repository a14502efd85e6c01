"""What an operator sees and does: metrics, health, both logs, signals, copies, against what was really sent."""

import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prisme.runtime.config import load
from tests.certificate import make_pair
from tests.checkout import ROOT
from tests.process import Process
from tests.requirements import need
from tests.server import CHROME, PATIENCE, LiveServer, browser, free_port, open_tables, wait_until

PAGE = (ROOT / "docs" / "operations.md").read_text()
EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
VIEWS = EVENTS + "pageviews"
HEALTH = "/api/v1/healthcheck"
HOME, OTHER = "https://example.com", "https://example.org"
LINK = "https://files.example.org/a.pdf"
AGENT = {"User-Agent": CHROME}
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

Samples = Counter[tuple[str, frozenset[tuple[str, str]]]]


def block(language: str, part: str) -> str:
    """The page's only block of a language that has `part` in it."""
    (found,) = (
        str(text) for text in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) if part in text
    )
    return found


def admin() -> str:
    """An address for the admin server."""
    return f"127.0.0.1:{free_port()}"


def ask_admin(server: LiveServer, method: str, path: str) -> httpx.Response:
    assert server.config.admin_hostport is not None
    host, port = server.config.admin_hostport
    return server.http.request(method, f"http://{host}:{port}{path}")


def scrape(server: LiveServer) -> Samples:
    """All samples, by name and labels."""
    text = ask_admin(server, "GET", "/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    read: Samples = Counter({(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples})
    assert len(read) == len(samples), "a sample came twice"
    return read


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def value(server: LiveServer, name: str, **labels: str) -> float:
    """One sample; 0 where there is none."""
    return scrape(server)[key(name, **labels)]


# ----- metrics


class Sent(NamedTuple):
    """A request, sent `times` times, and how it is counted: `reason` is the refusal's, empty for none."""

    pattern: str
    method: str
    path: str
    status: int
    reason: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed
    content: bytes = b""
    times: int = 1


LIMIT = 60
CUSTOM = EVENTS + "custom/:name"
DOWNLOADS, LINKS = EVENTS + "file-downloads", EVENTS + "outbound-links"
NOSCRIPT_CUSTOM, NOSCRIPT_VIEWS, NOSCRIPT_LINKS = (
    NOSCRIPT + end for end in ("custom/:name", "pageviews", "outbound-links")
)
FIRST, SECOND, THIRD = ({"X-Forwarded-For": address} for address in ("8.8.8.8", "2600:1f18::1", "203.0.113.7"))
AT_HOME = dict(browser(HOME + "/")) | FIRST
JSON = AT_HOME | {"Content-Type": "application/json"}


def _get(pattern: str, query: dict[str, str], status: int, reason: str = "", times: int = 1, referer: str = "") -> Sent:
    path = f"{pattern.replace(':name', 'sign_up')}?{httpx.QueryParams(query)}"
    headers = AGENT | SECOND | ({"Referer": referer} if referer else {})
    return Sent(pattern, "GET", path, status, reason, headers, times=times)


def _view(reason: str, status: int = 400, **headers: str) -> Sent:
    return Sent(VIEWS, "POST", VIEWS, status, reason, dict(browser(HOME + "/new", **headers)) | FIRST)


SENT = [
    # Sessions: one of each IP version, and one of what is no address.
    Sent(VIEWS, "POST", VIEWS, 200, headers=dict(browser(HOME + "/start")) | FIRST),
    Sent(VIEWS, "POST", VIEWS, 200, headers=AT_HOME | {"X-Prisme-Document-Referrer": HOME + "/start"}),
    Sent(VIEWS, "POST", VIEWS, 200, headers=dict(browser(HOME + "/")) | {"X-Forwarded-For": "unknown"}),
    _get(NOSCRIPT_VIEWS, {"referrer": HOME + "/"}, 200),
    # What is counted in them.
    Sent(CUSTOM, "POST", EVENTS + "custom/sign_up", 200, headers=JSON, content=b'{"plan":1}', times=2),
    _get(NOSCRIPT_CUSTOM, {"referrer": HOME + "/"}, 200),
    Sent(DOWNLOADS, "POST", DOWNLOADS, 200, headers=AT_HOME, content=LINK.encode(), times=4),
    Sent(LINKS, "POST", LINKS, 200, headers=AT_HOME, content=LINK.encode()),
    _get(NOSCRIPT_LINKS, {"referrer": HOME + "/", "url": LINK}, 302, times=4, referer=HOME + "/"),
    Sent(VIEWS, "OPTIONS", VIEWS, 204, times=3),
    Sent(HEALTH, "GET", HEALTH, 200, times=2),
    Sent(HEALTH, "HEAD", HEALTH, 200),
    Sent("/static/wa.js", "GET", "/static/wa.js", 200),
    # What is refused.
    _view("origin_not_registered", Origin=OTHER),
    _view("page_not_registered", X_Prisme_Referrer=OTHER + "/"),
    _view("page_url_missing", X_Prisme_Referrer=""),
    _view("page_url_invalid", X_Prisme_Referrer="/"),
    _view("document_referrer_invalid", X_Prisme_Document_Referrer="/"),
    _view("visitor_id_invalid", X_Prisme_Visitor_Id="v" * 257),
    _view("status_invalid", X_Prisme_Status="1"),
    _view("bot", user_agent=GOOGLEBOT),
    Sent(CUSTOM, "POST", EVENTS + "custom/x", 400, "content_type_not_json", AT_HOME, b"{}"),
    Sent(CUSTOM, "POST", EVENTS + "custom/x", 400, "properties_invalid", JSON, b"[]", times=2),
    Sent(CUSTOM, "POST", EVENTS + "custom/x", 413, "body_too_long", JSON, b"x" * 65_537),
    Sent(CUSTOM, "POST", EVENTS + "custom/x", 400, "page_not_registered", JSON | {"X-Prisme-Referrer": OTHER + "/"}),
    Sent(DOWNLOADS, "POST", DOWNLOADS, 400, "link_missing", AT_HOME),
    Sent(DOWNLOADS, "POST", DOWNLOADS, 400, "link_invalid", AT_HOME, b"/a.pdf"),
    Sent(LINKS, "POST", LINKS, 400, "internal_link", AT_HOME, HOME.encode()),
    _get(NOSCRIPT_CUSTOM, {"referrer": HOME + "/", "prop-x": "text"}, 400, "property_invalid"),
    # A link leads on all the same.
    _get(NOSCRIPT_LINKS, {"referrer": OTHER, "url": LINK}, 302, "page_not_registered", times=2, referer=HOME + "/"),
    _get(NOSCRIPT_LINKS, {"referrer": OTHER, "url": LINK}, 200, "origin_not_registered"),
    Sent(
        NOSCRIPT_VIEWS,
        "GET",
        f"{NOSCRIPT_VIEWS}?{'x' * 32_769}",
        400,
        "query_too_long",
        AGENT | SECOND | {"Referer": HOME + "/"},
    ),
    Sent(VIEWS, "POST", VIEWS, 400, "origin_not_registered", THIRD, times=LIMIT),
    Sent(VIEWS, "POST", VIEWS, 429, "rate_limited", THIRD, times=2),
    # What is not there, whatever clients say.
    Sent("unknown", "GET", "/nowhere", 404, "not_found"),
    Sent("unknown", "GET", "/wp-login.php%22%0A%7D?a=1", 404, "not_found", times=2),
    Sent("unknown", "POST", EVENTS + "custom/", 404, "not_found"),
    Sent("unknown", "POST", EVENTS + "custom/" + "x" * 257, 404, "not_found"),
    Sent("unknown", "BREW", "/coffee", 404, "not_found"),
    Sent(VIEWS, "GET", VIEWS, 405, "method_not_allowed", times=2),
    Sent(VIEWS, "BREW", VIEWS, 405, "method_not_allowed"),
    Sent(VIEWS, "X" * 300, VIEWS, 405, "method_not_allowed"),
    Sent(CUSTOM, "DELETE", EVENTS + "custom/secret", 405, "method_not_allowed"),
]
STORED = {"pageview": 4, "custom": 3, "download": 4, "outbound": 5}
# Every name of a histogram is three samples' name.
HISTOGRAM = ("_bucket", "_count", "_sum")
BOUNDS = ["0.001", "0.005", "0.01", "0.05", "0.1", "0.2", "0.3", "0.4", "0.5", "1.0", "5.0", "10.0", "+Inf"]


def send(server: LiveServer, sent: Sent) -> None:
    for _ in range(sent.times):
        answer = server.http.request(sent.method, sent.path, headers=sent.headers, content=sent.content)
        assert answer.status_code == sent.status, (sent, answer.headers)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, Samples]]:
    """A server to which all was sent, and by how much each sample grew."""
    options = {"api_events_rate_limit": str(LIMIT), "trust_proxy": "true"}
    with LiveServer(tmp_path_factory.mktemp("counted"), admin_hostport=admin(), **options) as server:
        scrape(server)
        before = scrape(server)
        for sent in SENT:
            send(server, sent)
        server.settle()

        def stored() -> float:
            return sum(value(server, "eventstore_events_total", type=kind) for kind in STORED)

        wait_until(lambda: stored() == sum(STORED.values()), "all events to be counted")
        grown = scrape(server)
        grown.subtract(before)
        yield server, grown


def grown_by_label(grown: Samples, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """What has grown of one name."""
    return {labels: number for (sample, labels), number in grown.items() if sample == name and number}


def test_requests_are_counted_by_route_method_and_status(counted: tuple[LiveServer, Samples]) -> None:
    expected: Counter[frozenset[tuple[str, str]]] = Counter()
    for sent in SENT:
        method = "other" if sent.method in {"BREW", "X" * 300} else sent.method
        expected[frozenset({("path", sent.pattern), ("method", method), ("status", str(sent.status))})] += sent.times
    grown = counted[1]
    assert grown_by_label(grown, "http_requests_total") == expected
    assert grown_by_label(grown, "http_requests_duration_seconds_count") == expected
    for labels, number in expected.items():
        buckets = [grown["http_requests_duration_seconds_bucket", labels | {("le", bound)}] for bound in BOUNDS]
        assert buckets == sorted(buckets)
        assert buckets[-1] == number
        assert grown["http_requests_duration_seconds_sum", labels] > 0
    every = {labels for name, labels in grown if name == "http_requests_duration_seconds_bucket"}
    assert {bound for labels in every for label, bound in labels if label == "le"} == set(BOUNDS)


def test_refusals_are_counted_by_reason(counted: tuple[LiveServer, Samples]) -> None:
    expected: Counter[frozenset[tuple[str, str]]] = Counter()
    for sent in SENT:
        if sent.reason:
            expected[frozenset({("reason", sent.reason)})] += sent.times
    assert grown_by_label(counted[1], "events_refused_total") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eventstore_events_total", [({"type": kind}, number) for kind, number in STORED.items()]),
        ("eventstore_batch_size_events_sum", [({}, sum(STORED.values()))]),
        ("sessionstorage_sessions_total", [({"type": "inserted"}, 3)]),
        ("sessionstorage_devices_total", [({"type": "inserted"}, 3)]),
        (
            "ipgeolocator_search_total",
            [
                ({"country_code": "US", "ip_version": "4"}, 1),
                ({"country_code": "US", "ip_version": "6"}, 1),
                ({"country_code": "XX", "ip_version": "0"}, 1),
            ],
        ),
        ("uaparser_parse_total", [({"is_bot": "false"}, 3), ({"is_bot": "true"}, 1)]),
        ("sessionstorage_sessions_pageviews_count", []),
        ("eventstore_batch_retry_total", []),
        ("eventstore_batch_dropped_total", []),
        ("accesslog_dropped_total", []),
        ("http_active_requests", []),
        ("eventstore_pending_events", []),
        ("eventstore_pending_bytes", []),
    ],
)
def test_grown_by(counted: tuple[LiveServer, Samples], name: str, expected: list[tuple[dict[str, str], float]]) -> None:
    assert grown_by_label(counted[1], name) == {frozenset(labels.items()): number for labels, number in expected}


def test_each_batch_has_a_size_and_a_duration(counted: tuple[LiveServer, Samples]) -> None:
    grown = counted[1]
    batches = grown[key("eventstore_batch_size_events_count")]
    assert 1 <= batches <= sum(STORED.values())
    assert grown[key("eventstore_send_batch_duration_seconds_count")] == batches
    assert grown[key("eventstore_send_batch_duration_seconds_sum")] > 0


def test_nothing_that_a_client_sent_is_a_label(counted: tuple[LiveServer, Samples]) -> None:
    told = {text for _, labels in scrape(counted[0]) for name, text in labels if name in {"path", "method", "reason"}}
    assert told <= {word for sent in SENT for word in (sent.pattern, sent.reason)} | {
        *("GET", "HEAD", "POST", "DELETE", "OPTIONS", "other")
    }


@LINUX
def test_metrics_are_those_that_are_explained(counted: tuple[LiveServer, Samples]) -> None:
    families = list(text_string_to_metric_families(ask_admin(counted[0], "GET", "/metrics").text))
    told = {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            ", ".join(sorted({f"`{label}`" for sample in family.samples for label in sample.labels} - {"`le`"})),
        )
        for family in families
    }
    section = PAGE.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\|", section, re.MULTILINE)
    explained = {name: (kind, labels.strip()) for name, kind, labels in rows}
    assert len(explained) == len(rows)
    assert told == explained
    assert all(family.documentation for family in families)


def test_metrics_are_all_that_were_promised(counted: tuple[LiveServer, Samples]) -> None:
    names = {name for name, _ in scrape(counted[0])}
    histograms = ["http_requests_duration_seconds", "eventstore_batch_size_events"]
    histograms += ["eventstore_send_batch_duration_seconds", "sessionstorage_sessions_pageviews"]
    assert names >= {histogram + end for histogram in histograms for end in HISTOGRAM}
    assert names >= {
        *("http_active_requests", "http_requests_total", "events_refused_total"),
        *("eventstore_events_total", "eventstore_batch_retry_total", "eventstore_batch_dropped_total"),
        *("eventstore_pending_events", "eventstore_pending_bytes"),
        *("sessionstorage_sessions_total", "sessionstorage_devices_total"),
        *("sessionstorage_gc_cycles_total", "ipgeolocator_search_total", "uaparser_parse_total"),
    }
    assert "sessionstorage_sessions_wait" not in names  # nobody waits


def test_slow_requests_show(start: Callable[..., LiveServer]) -> None:
    """In a gauge while they last, and in the durations afterwards."""
    server = start(admin_hostport=admin())
    headers = "".join(f"{name}: {text}\r\n" for name, text in (dict(browser(HOME + "/")) | JSON).items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as wire:
        wire.sendall(f"POST {EVENTS}custom/slow HTTP/1.1\r\nContent-Length: 7\r\n{headers}\r\n".encode())
        wait_until(lambda: value(server, "http_active_requests") == 1, "the request to arrive")
        time.sleep(0.02)
        wire.sendall(b'{"a":1}')
        assert wire.recv(65_536).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: value(server, "http_active_requests") == 0, "the request to end")
    grown, labels = scrape(server), frozenset({"path": CUSTOM, "method": "POST", "status": "200"}.items())
    assert grown["http_requests_duration_seconds_bucket", labels | {("le", "0.01")}] == 0
    assert grown["http_requests_duration_seconds_count", labels] == 1
    assert grown["http_requests_duration_seconds_sum", labels] > 0.02


def test_gauges_show_what_the_journal_holds(start: Callable[..., LiveServer]) -> None:
    server = start(eventstore_max_batch_timeout="1h", admin_hostport=admin())
    for step in range(3):
        assert server.http.post(VIEWS, headers=browser(f"{HOME}/{step}")).status_code == 200
    assert value(server, "eventstore_pending_events") == 3
    (segment,) = (server.folder / "journal").glob("*.ndjson")
    assert value(server, "eventstore_pending_bytes") == segment.stat().st_size > 0


def test_loads_that_fail_are_counted_and_told(start: Callable[..., LiveServer]) -> None:
    server = start(admin_hostport=admin(), eventstore_max_batch_timeout="10ms")
    with open_tables(server.config) as tables:
        tables.execute("ALTER TABLE pageviews RENAME TO hidden")
        assert server.http.post(VIEWS, headers=browser(HOME + "/")).status_code == 200
        wait_until(lambda: value(server, "eventstore_batch_retry_total") >= 2, "two tries")
        assert value(server, "eventstore_pending_events") == 1
        assert value(server, "eventstore_pending_bytes") > 0
        told = [ask_admin(server, "GET", "/healthcheck"), server.http.get(HEALTH)]
        assert [(answer.status_code, answer.text[:7]) for answer in told] == [(503, "store: ")] * 2
        tables.execute("ALTER TABLE hidden RENAME TO pageviews")
    wait_until(lambda: ask_admin(server, "GET", "/healthcheck").status_code == 200, "the load to succeed")
    samples = scrape(server)
    assert samples[key("eventstore_events_total", type="pageview")] == 1
    assert samples[key("eventstore_pending_events")] == samples[key("eventstore_batch_dropped_total")] == 0


def test_ended_sessions_are_counted(start: Callable[..., LiveServer]) -> None:
    server = start(admin_hostport=admin(), trust_proxy="true")
    # A sweep looks at a 256th of all devices: among so many, it soon finds some.
    for number in range(400):
        headers = browser(HOME + "/", X_Forwarded_For=f"10.0.{number // 256}.{number % 256}")
        assert server.http.post(VIEWS, headers=headers).status_code == 200
    server.time.move(1801)
    wait_until(lambda: value(server, "sessionstorage_devices_total", type="deleted"), "devices to be forgotten")
    samples = scrape(server)
    assert samples[key("sessionstorage_devices_total", type="inserted")] == 400
    assert samples[key("sessionstorage_sessions_total", type="inserted")] == 400
    ended = samples[key("sessionstorage_devices_total", type="deleted")]
    assert samples[key("sessionstorage_sessions_total", type="expired")] == ended
    # Each had one pageview.
    assert samples[key("sessionstorage_sessions_pageviews_bucket", le="1")] == ended
    assert samples[key("sessionstorage_sessions_pageviews_sum")] == ended
    assert samples[key("sessionstorage_gc_cycles_total")] >= 1


# ----- the admin server


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("GET", "/metrics?name[]=x", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("GET", "/healthcheck", 200, "text/plain; charset=utf-8"),
        ("POST", "/metrics", 405, "text/plain; charset=utf-8"),
        ("DELETE", "/healthcheck", 405, "text/plain; charset=utf-8"),
        ("GET", "/nowhere", 404, "text/plain; charset=utf-8"),
        ("GET", "/metrics/", 404, "text/plain; charset=utf-8"),
        ("GET", HEALTH, 404, "text/plain; charset=utf-8"),
        ("POST", VIEWS, 404, "text/plain; charset=utf-8"),
        ("GET", "/static/wa.js", 404, "text/plain; charset=utf-8"),
    ],
)
def test_admin_answers(counted: tuple[LiveServer, Samples], method: str, path: str, status: int, kind: str) -> None:
    before = value(counted[0], "http_requests_total", path="unknown", method=method, status=str(status))
    answer = ask_admin(counted[0], method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert answer.headers.get("allow") == ("GET, HEAD" if status == 405 else None)
    assert path != "/healthcheck" or status != 200 or answer.text == "ok\n"
    # It counts visitors' requests, not its own.
    assert value(counted[0], "http_requests_total", path="unknown", method=method, status=str(status)) == before


@pytest.mark.parametrize("path", ["/metrics", "/healthcheck"])
def test_public_port_has_no_admin(counted: tuple[LiveServer, Samples], path: str) -> None:
    assert counted[0].http.get(path).status_code == 404


@LINUX
@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
def test_admin_port_is_open_only_where_wanted(tmp_path: Path, is_on: bool) -> None:
    port = free_port()
    with Process(tmp_path / "data", admin_hostport=f"127.0.0.1:{port}" if is_on else "") as server:
        process = server.start()
        if is_on:
            wait_until(lambda: port in listening(process.pid), "the admin server to listen")
        assert listening(process.pid) == ({server.port, port} if is_on else {server.port})
        assert server.stop() == 0


def listening(pid: int) -> set[int]:
    """The TCP ports that a process listens on."""
    links = [path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    sockets = {name.removeprefix("socket:[").removesuffix("]") for name in links if name.startswith("socket:[")}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[1].partition(":")[2], 16) for line in lines if line[3] == "0A" and line[9] in sockets}


def test_ingestion_mode_takes_events_and_nothing_else(start: Callable[..., LiveServer]) -> None:
    server = start(mode="ingestion", admin_hostport=admin())
    for sent in SENT:
        if sent.pattern == "/static/wa.js":
            assert server.http.get(sent.path).status_code == 404
        elif sent.reason not in {"rate_limited", "origin_not_registered"}:
            send(
                server,
                sent._replace(times=1, headers={k: v for k, v in sent.headers.items() if k != "X-Forwarded-For"}),
            )
    assert ask_admin(server, "GET", "/healthcheck").status_code == 200
    assert value(server, "http_requests_total", path="unknown", method="GET", status="404") >= 1


# ----- the access log


def lines(path: Path) -> list[dict[str, Any]]:
    """An access log's lines, but for health checks: these are how a test waits."""
    return [line for line in map(json.loads, path.read_text().splitlines()) if line["path"] != HEALTH]


def wait_for_lines(path: Path, count: int) -> list[dict[str, Any]]:
    wait_until(lambda: path.exists() and len(lines(path)) >= count, f"{count} lines in {path.name}")
    found = lines(path)
    assert len(found) == count, found
    return found


def test_each_request_has_its_line(tmp_path: Path, start: Callable[..., LiveServer]) -> None:
    options = {"api_events_rate_limit": str(LIMIT), "trust_proxy": "true"}
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
    assert (line["status_code"], line["error"]) == (400, "body ended before it was whole")
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


# ----- Prisme's own log


def test_own_log_is_bunyans(tmp_path: Path) -> None:
    """All levels that an operator meets: a start, a warning, an error, a start that fails."""
    (tmp_path / "logs").mkdir()
    odd = ("env", "PRISME_ORIGIN=example.org")
    with Process(tmp_path / "data", prefix=odd, access_log=str(tmp_path / "logs" / "log")) as server:
        process = server.start()
        (tmp_path / "logs").rename(tmp_path / "elsewhere")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: any(line["level"] == 50 for line in server.log()), "an error")
        with Process(tmp_path / "data") as second:
            failed = second.start(ready=False)
            assert failed.wait(PATIENCE) == 1
        assert server.http.get(HEALTH).status_code == 200
        assert server.stop() == 0
    told = server.log()
    for line in told:
        assert list(line)[:7] == ["name", "hostname", "pid", "level", "time", "msg", "v"]
        assert (line["name"], line["hostname"], line["v"]) == ("prisme", socket.gethostname(), 0)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    (fatal,) = (line for line in told if line["level"] == 60)
    assert fatal["pid"] == failed.pid
    assert "in use by another prisme" in fatal["msg"]
    (warning,) = (line for line in told if line["level"] == 40)
    assert "PRISME_ORIGIN" in warning["msg"]
    (error,) = (line for line in told if line["level"] == 50)
    assert "access log" in error["msg"]
    infos = [line for line in told if line["level"] == 30]
    assert len(infos) + 3 == len(told)
    assert {line["pid"] for line in told} == {process.pid, failed.pid}
    assert infos[-1] == infos[-1] | {"msg": "stopped", "events_stored": 0}


# ----- the rest of the page


def test_unit_is_systemds_and_prismes(tmp_path: Path) -> None:
    verify = need("systemd-analyze", "systemd")
    unit = block("ini", "ExecStart=")
    given = dict(re.findall(r"^Environment=(PRISME_\w+)=(.*)$", unit, re.MULTILINE))
    config, notices = load({}, given, tmp_path)
    assert notices == []
    assert config.trust_proxy
    assert (config.host, config.data_dir) == ("127.0.0.1", Path("/var/lib/prisme"))
    assert config.access_log == Path("/var/log/prisme/access.log")
    program = "/opt/prisme/.venv/bin/prisme"
    assert f"ExecStart={program} serve\n" in unit
    (tmp_path / "prisme").write_text("#!/bin/sh\n")
    (tmp_path / "prisme").chmod(0o755)
    (tmp_path / "prisme.service").write_text(
        unit.replace(program, str(tmp_path / "prisme")).replace("User=prisme", "User=root")
    )
    done = subprocess.run([verify, "verify", tmp_path / "prisme.service"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_units_addition_for_https_is_systemds_and_prismes(tmp_path: Path) -> None:
    verify = need("systemd-analyze", "systemd")
    addition, unit = block("ini", "LoadCredential="), block("ini", "ExecStart=")
    program = tmp_path / "prisme"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    service = tmp_path / "prisme.service"
    # As systemd puts the two together: what comes later counts.
    service.write_text(
        unit.replace("/opt/prisme/.venv/bin/prisme", str(program)).replace("User=prisme", "User=root") + addition
    )
    done = subprocess.run([verify, "verify", service], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pair = make_pair(tmp_path)
    given = dict(re.findall(r"^Environment=(PRISME_\w+)=(.*)$", unit + addition, re.MULTILINE))
    config, notices = load({}, {name: text.replace("%d", str(tmp_path)) for name, text in given.items()}, tmp_path)
    assert notices == []
    assert (config.tls_certificate, config.tls_key) == pair
    assert (config.port, config.trust_proxy) == (443, "false")
    assert set(re.findall(r"^LoadCredential=([\w.]+):", addition, re.MULTILINE)) == {path.name for path in pair}


def shell(text: str, folder: Path) -> None:
    """Run the page's commands on another folder, without systemd."""
    for told, here in (("/var/lib", folder / "lib"), ("/var/backups", folder / "backups")):
        assert str(told) in text
        text = text.replace(told, str(here))
    commands = [line for line in text.splitlines() if not line.startswith("systemctl ")]
    subprocess.run(["sh", "-ec", "\n".join(commands)], check=True)


def test_copy_goes_on_where_it_was_made(tmp_path: Path) -> None:
    for name in ("lib", "backups"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "lib" / "prisme"

    def view(server: Process, page: str, referrer: str = "") -> int:
        headers = browser(f"{HOME}/{page}", X_Prisme_Document_Referrer=referrer)
        return server.http.post(VIEWS, headers=headers).status_code

    with Process(folder) as server:
        server.start()
        assert view(server, "a") == 200
        assert server.stop() == 0
        shell(block("sh", "tar -czf"), tmp_path)
        server.start()
        assert view(server, "lost", f"{HOME}/a") == 200
        server.kill()
        shell(block("sh", "prisme.old"), tmp_path)
        server.start()
        assert view(server, "b", f"{HOME}/a") == 200
        assert server.stop() == 0
        columns = "entry_path, exit_path, pageviews"
        assert server.rows(f"SELECT {columns} FROM sessions") == [("/a", "/b", 2)]
        assert server.rows("SELECT path FROM pageviews ORDER BY path") == [("/a",), ("/b",)]
    shutil.rmtree(tmp_path / "lib")


def test_a_copy_takes_the_place_of_a_damaged_database(tmp_path: Path) -> None:
    for name in ("lib", "backups"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "lib" / "prisme"
    with Process(folder, eventstore_max_batch_timeout="1m") as server:
        for page in ("copied", "between"):
            server.start()
            assert server.http.post(VIEWS, headers=browser(f"{HOME}/{page}")).status_code == 200
            assert server.stop() == 0
            if page == "copied":
                shell(block("sh", "tar -czf"), tmp_path)
        server.start()
        assert server.http.post(VIEWS, headers=browser(f"{HOME}/waits")).status_code == 200
        server.kill()
        (folder / "prisme.duckdb").write_bytes(b"this is no database" * 1000)
        assert server.start(ready=False).wait(PATIENCE) == 1
        shell(block("sh", "mkdir damaged"), tmp_path)
        server.start()
        assert server.stop() == 0
        assert server.rows("SELECT path FROM pageviews ORDER BY path") == [("/copied",), ("/waits",)]
