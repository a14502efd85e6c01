"""Odd input: every case is answered with success or a refusal, and what was accepted reads back exactly."""

import json
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prisme.base import uri
from prisme.cli.serve import configure
from prisme.runtime.config import ConfigError
from tests.faults import fuzz
from tests.faults.load import LONG
from tests.server import CHROME, PATIENCE, LiveServer, browser

EXAMPLES = 10_000 if LONG else 250
EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
HOME = "https://example.com"
DIGITS = b"1" * 400
DEEP = 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server behind a proxy."""
    folder = tmp_path_factory.mktemp("input")
    with LiveServer(folder, trust_proxy="true", bot_filter="off") as started:
        yield started


class Speaker:
    """Sends requests byte for byte, on one connection for as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: socket.socket | None = None
        self._heard = b""

    def ask(self, method: str, path: bytes, headers: dict[str, bytes], body: bytes = b"") -> int:
        """The status of the answer, which has to be a success or a refusal."""
        head = [f"{method} ".encode() + path + b" HTTP/1.1", b"Host: prisme", b"Content-Length: %d" % len(body)]
        head += [name.encode() + b": " + value for name, value in headers.items()]
        status = self._send(b"\r\n".join((*head, b"", b"")) + body)
        assert 200 <= status < 500, (status, method, path, headers, body)
        return status

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire, self._heard = None, b""

    def _send(self, request: bytes) -> int:
        if self._wire is None or select.select([self._wire], [], [], 0)[0]:  # the server has hung up since
            self.close()
            self._wire = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
        self._wire.sendall(request)
        while b"\r\n\r\n" not in self._heard:
            self._hear()
        head, _, self._heard = self._heard.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
        while len(self._heard) < length:
            self._hear()
        self._heard = self._heard[length:]
        if b"connection: close" in head.lower():
            self.close()
        return int(head[9:12])

    def _hear(self) -> None:
        assert self._wire is not None
        part = self._wire.recv(65_536)
        assert part, "the server hung up without an answer"
        self._heard += part


@pytest.fixture(scope="module")
def speaker(server: LiveServer) -> Iterator[Speaker]:
    speaking = Speaker(server.port)
    yield speaking
    speaking.close()


# ----- what is odd in itself, in each place where a client may say it

ODD = {
    "nothing": b"",
    "NUL": b"a\0b",
    "NUL, escaped": b"a%00b",
    "invalid UTF-8": b"a\xff\xfe\xc3b",
    "lone surrogate": b"a\xed\xa0\x80b",
    "lone surrogate, escaped": b"a%ED%A0%80b",
    "integer of 400 digits": DIGITS,
    "negative integer of 400 digits": b"-" + DIGITS,
    "nested 1,000 times": b"[" * 1000 + b"]" * 1000,
    "nested 30,000 times": b"[" * 30_000,
    "line feed, escaped": b"a%0D%0ASet-Cookie:%20b=c",
    "noncharacters": "\ufffe\uffff\U0010ffff".encode(),
    "right to left": "\u202eabc\u2066".encode(),
    "percent signs": b"%" * 1000,
    "separators": b",;=&?#/\\\"'`" * 100,
}
HEADERS = [
    "Origin", "X-Prisme-Referrer", "X-Prisme-Document-Referrer", "X-Prisme-Visitor-Id", "X-Prisme-Status", "Referer",
    "User-Agent", "Sec-CH-UA-Platform", "Sec-CH-UA-Model", "Content-Type", "Ping-From", "Ping-To", "X-Forwarded-For",
    "X-Request-Id", "Cookie", "Accept-Encoding", "If-None-Match", "Authorization", "Access-Control-Request-Headers",
]  # fmt: skip
PLACES = [
    ("POST", EVENTS + "pageviews"), ("POST", EVENTS + "custom/x"), ("POST", EVENTS + "file-downloads"),
    ("POST", EVENTS + "outbound-links"), ("OPTIONS", EVENTS + "pageviews"), ("GET", NOSCRIPT + "pageviews"),
    ("GET", NOSCRIPT + "custom/x"), ("GET", NOSCRIPT + "outbound-links"), ("GET", "/static/wa.js"), ("GET", "/login"),
    ("POST", "/login"), ("GET", "/dashboard"), ("GET", "/api/v1/stats/counts"), ("POST", "/api/v1/users"),
]  # fmt: skip
PARAMETERS = ["referrer", "document-referrer", "visitor-id", "status", "url", "prop-a", "prop-", "from", "path", "tz"]


def page_headers(path: str = "/odd") -> dict[str, bytes]:
    return {name: value.encode() for name, value in browser(HOME + path).items()}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_values_in_every_place(server: LiveServer, speaker: Speaker, odd: bytes) -> None:
    for method, path in PLACES:
        for header in HEADERS:
            speaker.ask(method, path.encode(), page_headers() | {header: odd})
            speaker.ask(method, path.encode(), page_headers() | {header: HOME.encode() + b"/" + odd})
        for parameter in PARAMETERS:
            for value in (odd, quote_from_bytes(odd, "").encode()):
                speaker.ask(method, f"{path}?{parameter}=".encode() + value, page_headers())
        speaker.ask(method, path.encode() + b"/" + odd, page_headers())
        speaker.ask(method, path.encode(), page_headers() | {"Content-Type": b"application/json"}, odd)
        speaker.ask(
            method, path.encode(), page_headers() | {"Content-Type": b"application/json"}, b'{"a":' + odd + b"}"
        )
        form = page_headers() | {"Content-Type": b"application/x-www-form-urlencoded", "Sec-Fetch-Site": b"same-origin"}
        speaker.ask(method, path.encode(), form, b"name=" + odd + b"&password=" + odd)
    assert server.http.get("/api/v1/healthcheck").status_code == 200


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        pytest.param(b'{"a":' + DIGITS + b"}", 200, id="integer of 400 digits"),
        pytest.param(b'{"a":1' + b"0" * 300 + b"}", 200, id="integer of 300 digits"),
        pytest.param(b'{"a":-12345678901234567890123}', 200, id="integer of 23 digits"),
        pytest.param(b'{"a":0.1000000000000000055511151231257827}', 200, id="fraction of 34 digits"),
        pytest.param(b'{"a":' + b"1" * 5000 + b"}", 400, id="integer of 5,000 digits"),
        pytest.param(b'{"a":1e400}', 400, id="beyond a float"),
        pytest.param(b'{"a":-0.0}', 200, id="negative zero"),
        pytest.param(b'{"a":NaN}', 400, id="NaN"),
        pytest.param(b'{"a":"\\u0000"}', 200, id="NUL, escaped"),
        pytest.param(b'{"a":"\0"}', 400, id="NUL"),
        pytest.param(b'{"a":"\\ud800"}', 400, id="lone surrogate, escaped"),
        pytest.param(b'{"a":"\\ud83d\\ude00"}', 200, id="surrogate pair, escaped"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', 400, id="lone surrogate"),
        pytest.param(b'{"a":"\xff"}', 400, id="invalid UTF-8"),
        pytest.param(b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", 413, id="nested 100,000 times"),
        pytest.param(b'{"a":' + b"[" * 32_000 + b"]" * 32_000 + b"}", 400, id="nested 32,000 times"),
        pytest.param(b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", 200, id="nested 100 times"),
        pytest.param(b'{"a":1,"a":2}', 200, id="a name twice"),
        pytest.param(b'{"":{"":[]}}', 200, id="empty names"),
        pytest.param(b' \n{ "a" :\t1 }\r\n', 200, id="blanks"),
        pytest.param('{"\U0001f600":"\ufffe\u2028"}'.encode(), 200, id="odd characters"),
        pytest.param(b"[1]", 400, id="no object"),
    ],
)
def test_odd_properties_are_kept_or_refused(
    server: LiveServer, speaker: Speaker, request: pytest.FixtureRequest, properties: bytes, status: int
) -> None:
    name = quote_from_bytes(request.node.callspec.id.encode(), "")
    sent = page_headers("/properties") | {"Content-Type": b"application/json", "User-Agent": name.encode()}
    assert speaker.ask("POST", f"{EVENTS}pageviews".encode(), sent) == 200
    assert speaker.ask("POST", f"{EVENTS}custom/{name}".encode(), sent, properties) == status
    query = "SELECT properties::VARCHAR FROM events_custom WHERE name = $name"
    kept = server.rows(query, {"name": request.node.callspec.id})
    assert kept == ([(properties.decode(),)] if status == 200 else [])


# ----- what nobody thought of

texts = st.text(st.characters(codec="utf-8") | st.sampled_from('\0\x1f\x7f\u2028\ufeff\U0010ffff%"\\'))
# What HTTP lets into a header: anything but control characters, without blanks around.
CONTROLS = bytes({*range(32), 127} - {9})
values = st.binary(max_size=200).map(lambda raw: raw.translate(None, CONTROLS).strip(b" \t"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**400), 10**400)
documents = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, documents, max_size=4)
segments = st.binary(min_size=1, max_size=60).map(lambda raw: quote_from_bytes(raw, "").encode())
quick = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def test_whatever_is_accepted_reads_back_exactly(server: LiveServer, speaker: Speaker) -> None:
    views: list[tuple[str, str, int]] = []
    customs: list[tuple[str, str]] = []
    links: list[str] = []

    @quick
    @given(segments, values, st.integers(100, 599), texts, objects, segments, st.booleans())
    @example(b"a", b"", 200, "x", {"a": 10**399}, b"b", True)
    def send(
        path: bytes, visitor: bytes, code: int, name: str, document: dict[str, object], rest: bytes, ascii_: bool
    ) -> None:
        page = HOME.encode() + b"/" + path
        # A device of its own, so that its pageview begins a session.
        sent = {
            "Origin": HOME.encode(), "User-Agent": b"%s %d" % (CHROME.encode(), len(views)), "X-Prisme-Referrer": page,
            "X-Prisme-Visitor-Id": visitor, "X-Prisme-Status": b"%d" % code, "Content-Type": b"application/json",
        }  # fmt: skip
        known = uri.parse(page)
        if speaker.ask("POST", f"{EVENTS}pageviews".encode(), sent) != 200:
            assert known is None or len(visitor) > 256 or visitor.decode(errors="replace").encode() != visitor
            return
        assert known is not None
        views.append((known.path, visitor.decode(), code))
        body = json.dumps(document, ensure_ascii=ascii_).encode()
        event = f"{EVENTS}custom/{quote_from_bytes(name.encode(), '')}".encode()
        if speaker.ask("POST", event, sent, body) == 200:
            customs.append((name, body.decode()))
        link = b"https://other.example/" + rest
        assert speaker.ask("POST", f"{EVENTS}outbound-links".encode(), sent, link) == 200
        links.append(str(uri.parse(link)))
        query = b"referrer=" + quote_from_bytes(page, "").encode()
        for key, value in document.items():
            member = quote_from_bytes(json.dumps(value, ensure_ascii=ascii_).encode(), "")
            query += f"&prop-{quote_from_bytes(key.encode(), '')}={member}".encode()
        if speaker.ask("GET", f"{NOSCRIPT}custom/noscript?".encode() + query, sent) == 200:
            kept = {key: json.dumps(value, ensure_ascii=ascii_) for key, value in document.items()}
            noscripts.append(kept)

    noscripts: list[dict[str, str]] = []
    send()
    assert len(views) > EXAMPLES / 10
    assert customs
    assert noscripts
    assert links
    stored = server.rows("SELECT path, visitor_id, status FROM pageviews WHERE status <> 200 OR path NOT LIKE '/prop%'")
    # An empty visitor id is none, and gets an anonymous one.
    anonymous = [(path, "" if visitor.startswith("prisme_") else visitor, status) for path, visitor, status in stored]
    missing = [view for view in views if view not in anonymous]
    assert missing == []
    found = server.rows("SELECT name, properties::VARCHAR FROM events_custom")
    assert [one for one in customs if one not in found] == []
    assert [one for one in links if (one,) not in server.rows("SELECT link FROM outbound_link_clicks")] == []
    by_noscript = [json.loads(text, parse_float=str, parse_int=str) for name, text in found if name == "noscript"]
    for kept in noscripts:
        assert {key: json.loads(value, parse_float=str, parse_int=str) for key, value in kept.items()} in by_noscript


lines = st.binary() | st.lists(st.sampled_from(fuzz.WORDS) | st.binary(max_size=20)).map(b"".join)


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, fuzz.Target]]:
    yield fuzz.TARGETS
    fuzz.close()


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_whatever_is_said_comes_to_an_end(targets: dict[str, fuzz.Target], target: str) -> None:
    # Each segment is a transaction on disk.
    @settings(quick, max_examples=EXAMPLES // 5 if target == "journal" else EXAMPLES)
    @given(lines)
    @example(b"")
    @example(b"a=" + b"[" * DEEP)
    @example(b"port = " + b"9" * 5000)
    @example(b"port = 0x" + b"f" * 9000)
    @example(b'data_dir = "\\u0000"')
    @example(b'{"kind":"pageview"}')
    @example(b'{"a":' * DEEP)
    @example(b"prop-a=" + DIGITS)
    def ask(data: bytes) -> None:
        targets[target](data)

    ask()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("a = " + "[" * DEEP, "is not valid TOML", id="nested 100,000 times"),
        pytest.param("port = " + "9" * 5000, "is not valid TOML", id="integer of 5,000 digits"),
        pytest.param("port = 0x" + "f" * 5000, "port (file prisme.toml key port)", id="integer of 5,000 hex digits"),
        pytest.param('data_dir = "a\\u0000b"', "data_dir (file prisme.toml key data_dir)", id="NUL"),
        pytest.param('data_dir = "\\ud800"', "is not valid TOML", id="lone surrogate"),
        pytest.param("port = 1e400", "port (file prisme.toml key port)", id="infinite"),
    ],
)
def test_odd_options_are_mistakes(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "prisme.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        configure([], {}, tmp_path)
    assert told in str(raised.value)
