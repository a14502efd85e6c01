"""The logs that real servers wrote read back as what was sent to them, but for what the servers lose."""

import datetime
import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from prisme.base.errors import InputError
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.parsers import find_format
from tests.imports.logs.reading import make_reading, parse_text
from tests.imports.logs.sent import DATA, SENT, SITE, Sent, number_of

_ZONE: Final = ZoneInfo("America/St_Johns")
_METHOD, _STATUS = "not a pageview: method", "not a pageview: status"
_REQUEST, _ASSET = "not a pageview: no HTTP request", "not a page: asset"


class Server(NamedTuple):
    """A log: its format, the numbers of requests that were refused, and how its lines differ from what was sent.

    `agents` and `hosts` are whether the log has these.
    """

    log: str
    version: str
    format: str
    refused: set[int]
    others: Mapping[str | None, int]
    agents: bool = True
    hosts: bool = False
    changed: Mapping[int, Sent] = {}


_LATIN: Final = {22: SENT[22]._replace(user_agent="caf\u00e9 latin")}
_CUT: Final = SENT[30].target[:200]
SERVERS: Final = [
    Server("nginx-combined", "1.22.1", "combined", {16, 23, 30}, {_METHOD: 3, _STATUS: 2, _REQUEST: 2, _ASSET: 1}),
    Server("nginx-main", "1.22.1", "combined", {16, 23, 30}, {_METHOD: 3, _STATUS: 2, _REQUEST: 2, _ASSET: 1}),
    Server(
        "nginx-vhost",
        "1.22.1",
        "combined",
        {16, 23, 30},
        {_METHOD: 3, _STATUS: 2, _REQUEST: 2, _ASSET: 1},
        hosts=True,
        # Without Host and in HTTP/0.9, it is the server's name; the port is that of the server.
        changed={
            6: SENT[6]._replace(host=SITE),
            8: SENT[8]._replace(host=SITE),
            29: SENT[29]._replace(host="blog.example.com"),
        },
    ),
    Server("apache-combined", "2.4.71", "combined", {23, 30, 31}, {_METHOD: 3, _STATUS: 2, _REQUEST: 2, _ASSET: 1}),
    Server(
        "apache-common",
        "2.4.71",
        "combined",
        {23, 30, 31},
        {_METHOD: 3, _STATUS: 2, _REQUEST: 2, _ASSET: 1},
        agents=False,
    ),
    Server(
        "apache-vhost",
        "2.4.71",
        "combined",
        {23, 30, 31},
        {_METHOD: 3, _STATUS: 2, _REQUEST: 2, _ASSET: 1},
        hosts=True,
        # The name in the configuration, whatever the client sent.
        changed={number: SENT[number]._replace(host=SITE) for number in (6, 8, 29)},
    ),
    Server(
        "lighttpd",
        "1.4.69",
        "combined",
        {8, 16, 30},
        {_METHOD: 3, _STATUS: 1, _REQUEST: 2, _ASSET: 1},
        hosts=True,
        changed={7: SENT[7]._replace(target="/abs?t=7"), 29: SENT[29]._replace(host="blog.example.com:8443")},
    ),
    Server(
        "h2o",
        "2.2.5",
        "combined",
        {8, 10, 16, 23, 30},
        {_METHOD: 3, _STATUS: 1, _ASSET: 1},
        # It escapes quotes as \x22, and no backslash: a client's own \x22 reads the same.
        changed={28: Sent("/?t=28", 'https://example.org/"?A\\\\n', '" \\\\ \\n')},
    ),
    Server(
        "varnish",
        "7.1.1",
        "combined",
        {8, 10, 16, 23},
        {_METHOD: 3, _STATUS: 1, _REQUEST: 4, _ASSET: 1},
        changed={6: SENT[6]._replace(host="localhost"), 30: SENT[30]._replace(target=_CUT)},
    ),
    Server(
        "gunicorn", "27.0.1", "combined", {4, 8, 10, 16, 23, 30}, {_METHOD: 3, _STATUS: 1, _ASSET: 1}, changed=_LATIN
    ),
    Server("morgan", "1.12.1", "combined", {4, 8, 16, 23, 30}, {_METHOD: 3, _STATUS: 1, _ASSET: 1}, changed=_LATIN),
    Server(
        "haproxy-captures",
        "2.6.12",
        "HAProxy httplog",
        {16, 23},
        {_METHOD: 3, _STATUS: 1, _REQUEST: 3, _ASSET: 1},
        hosts=True,
        changed={8: SENT[8]._replace(host=""), 30: SENT[30]._replace(target=_CUT)},
    ),
    Server("haproxy-clf", "2.6.12", "combined", {23, 30}, {_METHOD: 3, _REQUEST: 3, _ASSET: 1}, agents=False),
    Server(
        "haproxy-iso",
        "2.6.12",
        "HAProxy httplog",
        {23},
        {_METHOD: 3, _REQUEST: 3, _ASSET: 1},
        agents=False,
        changed={30: SENT[30]._replace(target=_CUT)},
    ),
    Server("daphne", "4.2.3", "combined", {4, 8, 23, 30}, {_METHOD: 3, _ASSET: 1}, agents=False),
]


def _expect(server: Server, number: int) -> Sent:
    sent = server.changed.get(number, SENT[number])
    return sent if server.agents else sent._replace(referrer="", user_agent="")


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: f"{server.log}-{server.version}")
def test_a_log_reads_back(server: Server) -> None:
    text = (DATA / f"{server.log}.log").read_bytes()
    found = find_format(text)
    assert found is not None
    assert (found.name, found.has_agents(text)) == (server.format, server.agents)
    parsed = parse_text(text, _ZONE)
    lines = {number_of(line.target): line for line in parsed if isinstance(line, LogLine)}
    assert set(SENT) - set(lines) == server.refused
    assert Counter(line for line in parsed if not isinstance(line, LogLine)) == server.others
    for number, line in lines.items():
        sent = _expect(server, number)
        shown = line.target
        if server.log == "varnish":  # the host is in the target
            assert shown.startswith(f"http://{sent.host}/")
            shown = shown if sent.target.startswith("http") else shown.removeprefix(f"http://{sent.host}")
        if sent.target == _CUT:
            assert SENT[number].target.startswith(shown)
            assert len(shown) >= len(_CUT)
        else:
            assert shown == sent.target, number
        assert (line.referrer, line.user_agent) == (sent.referrer, sent.user_agent), number
        assert line.host == (sent.host if server.hosts else ""), number
        assert (line.method, line.status) == ("GET", 200)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: f"{server.log}-{server.version}")
def test_times_are_those_of_the_requests(server: Server) -> None:
    """All were sent within half a minute, in a zone half an hour off, or in UTC."""
    lines = [line for line in parse_text((DATA / f"{server.log}.log").read_bytes(), _ZONE) if isinstance(line, LogLine)]
    first = datetime.datetime(2026, 11, 29, 19, 38, 15, tzinfo=_ZONE).timestamp() * 1e6
    assert lines
    assert all(first <= line.at <= first + 30e6 for line in lines)
    assert all(before.at <= after.at + 1e6 for before, after in itertools.pairwise(lines))


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: f"{server.log}-{server.version}")
def test_addresses(server: Server) -> None:
    lines = [line for line in parse_text((DATA / f"{server.log}.log").read_bytes(), _ZONE) if isinstance(line, LogLine)]
    addresses = {number_of(line.target): line.address for line in lines}
    # Some of the servers listened to IPv4 only. nginx's `main` has X-Forwarded-For, and documentation addresses are
    # no public ones, as those of a proxy.
    assert addresses.pop(2) in ("2001:db8::7", "203.0.113.7")
    assert addresses.pop(26) == ("2001:db8::9" if server.log == "nginx-main" else "203.0.113.7")
    assert set(addresses.values()) == {"203.0.113.7"}


def test_squid_has_no_queries() -> None:
    combined = [line for line in parse_text((DATA / "squid-combined.log").read_bytes()) if isinstance(line, LogLine)]
    native = [line for line in parse_text((DATA / "squid-native.log").read_bytes()) if isinstance(line, LogLine)]
    assert {line.target for line in native} >= {"http://www.example.com/page", "http://www.example.com/caf\u00e9"}
    assert {(line.content_type, line.user_agent, line.referrer) for line in native} == {("text/html", "", "")}
    assert {line.target for line in combined} >= {"http://www.example.com/page?", "http://www.example.com/caf\u00e9?"}
    wanted = {(sent.referrer, sent.user_agent) for number, sent in SENT.items() if number not in (10, 30)}
    assert wanted <= {(line.referrer, line.user_agent) for line in combined}
    moment = datetime.datetime(2026, 11, 29, 19, 38, 21, tzinfo=_ZONE).timestamp() * 1e6
    # Its own bug in such zones: it writes -03-30.
    assert combined[0].at == moment
    assert native[1].at == moment + 940_000


@pytest.mark.parametrize("log", ["granian", "hypercorn"])
def test_servers_that_log_decoded_paths(log: str) -> None:
    text = (DATA / f"{log}.log").read_bytes()
    lines = [line for line in parse_text(text) if isinstance(line, LogLine)]
    assert len(lines) >= 20
    assert {"/", "/page", "/caf%C3%A9", "/p%22q%5C", "/auth", "//double/../x"} <= {line.target for line in lines}
    agents = {line.user_agent for line in lines}
    wanted = {SENT[number].user_agent for number in (1, 3, 11, 13, 27, 28, 32)}
    assert (agents >= wanted) if log == "hypercorn" else agents == {""}


def test_a_log_without_times_says_so() -> None:
    text = (DATA / "uvicorn.log").read_bytes()
    found = find_format(text)
    assert found is not None
    with pytest.raises(InputError, match="Uvicorn's access log has no times"):
        found.make(text, make_reading())


@pytest.mark.parametrize("log", ["daphne", "haproxy-captures"])
def test_a_log_without_a_zone_asks_for_it(log: str) -> None:
    text = (DATA / f"{log}.log").read_bytes()
    found = find_format(text)
    assert found is not None
    with pytest.raises(InputError, match="--time-zone"):
        found.make(text, make_reading())


def test_the_repeated_hour_without_a_zone_is_that_with_one() -> None:
    """HAProxy and nginx in Paris, as the clock was set back: each request was sent to both."""
    without, with_zone = (
        [line.at for line in parse_text((DATA / f"{server}-autumn.log").read_bytes(), ZoneInfo("Europe/Paris"))
         if isinstance(line, LogLine)]
        for server in ("haproxy", "nginx")
    )  # fmt: skip
    assert len(without) == len(with_zone) == 18
    assert all(abs(one - other) < 2e6 for one, other in zip(without, with_zone, strict=True))
    assert with_zone[-1] - with_zone[0] == 3604e6
