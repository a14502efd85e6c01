"""The tracking script as a file, through real HTTP: which bytes, which headers, and when none at all."""

import gzip
import http.client
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prisme import assets
from tests.server import PATIENCE, LiveServer

URL = "/static/wa.js"
HERE = Path(assets.__file__).parent
RAW, GZIP, BROTLI = ((HERE / f"wa.js{suffix}").read_bytes() for suffix in ("", ".gz", ".br"))

Ask = Callable[..., tuple[http.client.HTTPResponse, bytes]]


@pytest.fixture(scope="module")
def ask(live: LiveServer) -> Iterator[Ask]:
    """Asks for the script on one connection, bytes as they come; an answer too long or too short would show."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=PATIENCE)

    def send(method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        # Not `request`, which would add an Accept-Encoding of its own.
        connection.putrequest(method, URL, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer, answer.read()

    yield send
    connection.close()


def test_headers_say_what_it_is_and_to_whom(ask: Ask) -> None:
    answer, body = ask()
    assert (answer.status, body) == (200, RAW)
    told = {name.lower(): value for name, value in answer.getheaders()}
    assert told.pop("etag").startswith('"')
    for servers_own in ("date", "server"):
        told.pop(servers_own, None)
    assert told == {
        "access-control-allow-origin": "*",
        "cache-control": "public, max-age=86400",
        "content-length": str(len(RAW)),
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "content-type": "text/javascript; charset=utf-8",
        "cross-origin-resource-policy": "cross-origin",
        "referrer-policy": "no-referrer",
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize(
    ("accepted", "coding", "bytes_"),
    [
        pytest.param("gzip, deflate, br, zstd", "br", BROTLI, id="browser"),
        pytest.param("gzip, deflate", "gzip", GZIP, id="browser without TLS"),
        pytest.param("GZIP", "gzip", GZIP, id="capitals"),
        pytest.param("br;q=0, gzip", "gzip", GZIP, id="brotli refused"),
        pytest.param("gzip;q=1.0, br;q=0.5", "gzip", GZIP, id="weights count"),
        pytest.param("gzip ; q=0.001", "gzip", GZIP, id="small weight"),
        pytest.param("identity;q=0.5, gzip;q=0.4", None, RAW, id="identity liked better"),
        pytest.param("*", "br", BROTLI, id="anything"),
        pytest.param("br;q=0, *;q=0.1", "gzip", GZIP, id="anything else"),
        pytest.param("zstd", None, RAW, id="unknown"),
        pytest.param("", None, RAW, id="nothing"),
        pytest.param("*;q=0", None, RAW, id="all refused"),
        pytest.param("identity;q=0", None, RAW, id="identity refused, nothing else named"),
        pytest.param("br;q=much", None, RAW, id="weight that is no number"),
        pytest.param("br;level=9", "br", BROTLI, id="parameter that is no weight"),
        pytest.param("br," * 100, None, RAW, id="too long to read"),
    ],
)
def test_coding_is_the_best_that_is_accepted(ask: Ask, accepted: str, coding: str | None, bytes_: bytes) -> None:
    whole, body = ask(Accept_Encoding=accepted)
    assert (whole.status, whole.headers["content-encoding"], body) == (200, coding, bytes_)
    head, nothing = ask("HEAD", Accept_Encoding=accepted)
    assert nothing == b""
    changing = {"date"}
    assert {line for line in head.getheaders() if line[0] not in changing} == {
        line for line in whole.getheaders() if line[0] not in changing
    }


def test_each_coding_unpacks_to_the_script() -> None:
    assert gzip.decompress(GZIP) == RAW  # brotli: test_script_build.py
    assert len(BROTLI) < len(GZIP) < len(RAW)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("known", "status"),
    [
        pytest.param("{tag}", 304, id="the same"),
        pytest.param("W/{tag}", 304, id="weakened on the way"),
        pytest.param('"another", {tag}', 304, id="one of several"),
        pytest.param("*", 304, id="any"),
        pytest.param('"another"', 200, id="another"),
        pytest.param("{other}", 200, id="of another coding"),
    ],
)
def test_unchanged_script_is_not_sent_again(ask: Ask, method: str, known: str, status: int) -> None:
    whole, _ = ask(Accept_Encoding="br")
    other, _ = ask(Accept_Encoding="gzip")
    tag = whole.headers["etag"]
    asked = known.format(tag=tag, other=other.headers["etag"])
    again, body = ask(method, Accept_Encoding="br", If_None_Match=asked)
    assert (again.status, again.headers["etag"]) == (status, tag)
    assert body == (BROTLI if (method, status) == ("GET", 200) else b"")
    # A cache renews what it has with the headers of a 304.
    for name in ("cache-control", "vary", "access-control-allow-origin", "cross-origin-resource-policy"):
        assert again.headers[name] == whole.headers[name]


def test_codings_have_validators_of_their_own(ask: Ask) -> None:
    tags = {ask(Accept_Encoding=coding)[0].headers["etag"] for coding in ("br", "gzip", "identity")}
    assert len(tags) == 3


def test_version_in_the_query_is_the_same_file(live: LiveServer) -> None:
    assert live.http.get(f"{URL}?v=2").content == RAW


def test_other_methods_are_not_allowed(live: LiveServer) -> None:
    answer = live.http.post(URL)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_rate_limit_is_for_events(start: Callable[..., LiveServer]) -> None:
    server = start(api_events_rate_limit="1")
    assert {server.http.get(URL).status_code for _ in range(5)} == {200}


def test_ingestion_serves_no_script(start: Callable[..., LiveServer]) -> None:
    assert start(mode="ingestion").http.get(URL).status_code == 404
