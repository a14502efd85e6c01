"""The client: hosts, credentials and certificates, and errors that say what to do, but never a password."""

import base64
import http.server
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prisme.runtime.clickhouse_types import Endpoint
from prisme.store.clickhouse.client import Access, Client
from prisme.store.clickhouse.errors import ServerError, UnansweredError, UnreachableError
from prisme.store.errors import StoreError
from prisme.store.sink import SinkDownError
from tests.certificate import make_pair
from tests.checkout import ROOT
from tests.clickhouse.engine import Engine
from tests.clickhouse.proxy import Fault, Proxy
from tests.server import PATIENCE, free_port
from tests.store.clickhouse.visits import NASTY

PASSWORD = "s3cret pass\N{SNOWMAN}word"


def test_values_come_back_as_they_are(client: Client) -> None:
    for text in NASTY:
        assert client.query("SELECT {x:String}, {l:Array(String)}", {"x": text, "l": [text, "a"]}) == [
            (text, [text, "a"])
        ]
    numbers = {"n": -(2**63), "m": 2**64 - 1, "l": []}
    assert client.query("SELECT {n:Int64}, {m:UInt64}, {l:Array(UInt64)}", numbers) == [(-(2**63), 2**64 - 1, [])]


def test_many_values_come_back_as_they_are(client: Client) -> None:
    """They are too long for a URL."""
    texts = [f"{text}{number}" for number in range(100) for text in NASTY]
    assert client.query("SELECT {l:Array(String)}, {x:String}", {"l": texts, "x": "".join(NASTY)}) == [
        (texts, "".join(NASTY))
    ]


def test_the_servers_errors_have_their_code(client: Client) -> None:
    with pytest.raises(ServerError, match=r"refuses a request \(a table is missing.*UNKNOWN_TABLE") as caught:
        client.query("SELECT * FROM system.nothing")
    assert caught.value.code == 60
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, SinkDownError)  # no segment could be stored
    with pytest.raises(ServerError, match=r"refuses a request: .*UNKNOWN_IDENTIFIER") as caught:
        client.query("SELECT nothing")
    assert not isinstance(caught.value, SinkDownError)


def test_a_slow_server_is_not_waited_for(engine: Engine) -> None:
    with Proxy(engine.endpoint) as proxy:
        client = proxy.client(timeout=1)
        assert client.query("SELECT 1") == [(1,)]
        proxy.plan = lambda _: Fault("slow", 3)
        with pytest.raises(UnansweredError, match=f"127.0.0.1:{proxy.endpoint.port} does not answer"):
            client.query("SELECT 1")
        proxy.plan = lambda _: None
        assert client.query("SELECT 1") == [(1,)]
        client.close()


def test_a_connection_that_was_closed_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prisme.store.clickhouse.client._PAUSE", PATIENCE)
    with Engine(tmp_path / "data") as engine:
        client = engine.client()
        assert client.query("SELECT 1") == [(1,)]
        engine.kill()
        with pytest.raises(UnansweredError):
            client.query("SELECT 1")
        reason = f"is it running\\? 127.0.0.1:{engine.port}: Connection refused$"
        with pytest.raises(UnreachableError, match=reason):
            client.query("SELECT 1")
        engine.start()
        with pytest.raises(UnreachableError, match=reason):
            client.query("SELECT 1")  # it was tried just now
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + PATIENCE)
        monkeypatch.setattr("prisme.store.clickhouse.client.time", later)
        assert client.query("SELECT 1") == [(1,)]
        client.close()


def test_the_password_is_in_no_error_whatever_fails(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    client = Client(Access([Endpoint("127.0.0.1", free_port(), False)], password_file=secret))
    with pytest.raises(UnreachableError) as caught:
        client.query("SELECT 1")
    error: BaseException | None = caught.value
    while error is not None:
        assert PASSWORD not in str(error)
        error = error.__cause__
    assert caught.value.__cause__ is None


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    client = Client(Access([Endpoint("127.0.0.1", 1, False)], password_file=tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="nowhere of clickhouse_password_file cannot be read: No such file"):
        client.query("SELECT 1")


class Guard(http.server.BaseHTTPRequestHandler):
    """A server that wants a user and a password, and says of each request that the password was right, or wrong."""

    protocol_version = "HTTP/1.1"
    wanted = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") == self.wanted:
            self._answer(500, 60, "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)")
        else:
            self._answer(403, 516, "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")

    def _answer(self, status: int, code: int, text: str) -> None:
        self.send_response(status)
        self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def serve() -> Iterator[Callable[[ssl.SSLContext | None], int]]:
    """Start a `Guard`, gives its port."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def begin(tls: ssl.SSLContext | None = None) -> int:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard)
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_credentials_are_read_again_after_they_failed(
    serve: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Guard, "wanted", basic("writer", PASSWORD))
    user, password = tmp_path / "user", tmp_path / "password"
    user.write_text("writer\n")
    password.write_text("old")
    client = Client(Access([Endpoint("127.0.0.1", serve(), False)], user, password))
    with pytest.raises(ServerError, match="user or password is wrong: check clickhouse_user_file") as caught:
        client.query("SELECT 1")
    assert caught.value.code == 516
    password.write_text(PASSWORD)
    with pytest.raises(ServerError, match="a table is missing"):
        client.query("SELECT 1")


def test_a_certificate_has_to_be_trusted(
    serve: Callable[[ssl.SSLContext], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Guard, "wanted", basic("default", ""))
    pair, other = make_pair(tmp_path), make_pair(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    endpoint = Endpoint("127.0.0.1", serve(context), True)
    with pytest.raises(ServerError, match="a table is missing"):
        Client(Access([endpoint], ca_file=pair.tls_certificate)).query("SELECT 1")
    for trusted in (None, other.tls_certificate):
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            Client(Access([endpoint], ca_file=trusted)).query("SELECT 1")
    with pytest.raises(UnreachableError, match="No such file"):
        Client(Access([endpoint], ca_file=tmp_path / "nowhere")).query("SELECT 1")


def test_without_the_extra_it_is_said_how_to_get_it() -> None:
    code = "import sys; sys.modules['clickhouse_connect'] = None; import prisme.store.clickhouse.client"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("install it with `pip install 'prisme[clickhouse]'`")


def test_compressed_files_are_read_as_before() -> None:
    code = "import io; before = io.DEFAULT_BUFFER_SIZE; import prisme.store.clickhouse.client; "
    code += "assert io.DEFAULT_BUFFER_SIZE == before"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
