"""The admin server: its metrics against what was really sent, health, and where it is open."""

import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.counted_requests import CUSTOM, EVENTS, HEALTH, HOME, JSON, LIMIT, SENT, VIEWS, Sent
from tests.e2e.metrics import Samples, admin, ask_admin, key, scrape, value
from tests.e2e.operations_page import PAGE
from tests.process import Process
from tests.server import PATIENCE, LiveServer, browser, free_port, open_tables, wait_until

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
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
