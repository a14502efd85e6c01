"""The proxies of docs/proxy.md, configured as it says, in front of a real server: whom they say, and what they pass."""

import contextlib
import itertools
import json
import os
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # it comes without types

from prisme.assets import GIF
from prisme.runtime.config import load
from tests.checkout import ROOT
from tests.requirements import need
from tests.server import CHROME, PATIENCE, LiveServer, browser, free_port, wait_until

PAGE = (ROOT / "docs" / "proxy.md").read_text()
HOST = "stats.example.com"
EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/events/"
LINK = "https://files.example.org/a%20b.pdf?v=1&w=%2F#page=2"
LIMIT = 30  # events a minute and visitor
# Loopback addresses but the proxies' own, one for each visitor.
_addresses = (str(ip_address("127.0.1.0") + number) for number in itertools.count(1))


def blocks(language: str) -> list[str]:
    """The page's blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def put(text: str, changes: Mapping[str, str]) -> str:
    """Change what has to be another for a test; each of it must be there."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


class Front(NamedTuple):
    """A running proxy: its port, whom its certificate is from, the port that leads to HTTPS."""

    port: int
    trust: ssl.SSLContext
    plain_port: int

    @contextlib.contextmanager
    def visitor(self) -> Iterator[tuple[httpx.Client, str]]:
        """A browser with an address of its own."""
        address = next(_addresses)
        transport = httpx.HTTPTransport(verify=self.trust, local_address=address)
        with httpx.Client(
            transport=transport,
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"Host": HOST},
            timeout=PATIENCE,
        ) as client:
            yield client, address


def ask(client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    """Send a request that asks for the proxy's name in TLS as well."""
    return client.request(method, path, extensions={"sni_hostname": HOST}, **more)


@contextlib.contextmanager
def running(command: list[str], folder: Path, is_ready: Callable[[], bool], **more: str) -> Iterator[None]:
    """A program, from ready to the end of the block."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | more, stdout=output, stderr=output)
    try:
        wait_until(lambda: process.poll() is not None or is_ready(), f"{command[0]} to answer")
        assert process.poll() is None, (folder / "output").read_text()
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int, trust: ssl.SSLContext | None = None) -> bool:
    """Whether a proxy leads to Prisme."""
    scheme = "http" if trust is None else "https"
    try:
        with httpx.Client(verify=trust or True, base_url=f"{scheme}://127.0.0.1:{port}") as client:
            return ask(client, "GET", "/api/v1/healthcheck", headers={"Host": HOST}).status_code == 200
    except httpx.TransportError:
        return False


# ----- nginx


def nginx(folder: Path, sites: str) -> list[str]:
    """The command that serves some sites, with nothing outside of a folder."""
    program = need("nginx", "nginx-light")
    temporary = "".join(f"{kind}_temp_path {kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        # Its workers would not reach a folder of root's.
        f"{'user root;' if os.geteuid() == 0 else ''}\ndaemon off;\nworker_processes 1;\npid pid;\n"
        f"events {{}}\nhttp {{\n{temporary}{sites}}}\n"
    )
    return [program, "-p", f"{folder}/", "-e", "error.log", "-c", "nginx.conf"]


@contextlib.contextmanager
def outer_nginx(folder: Path, backend: int) -> Iterator[Front]:
    port, plain_port = free_port(), free_port()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subject = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    subprocess.run(
        [need("openssl", "openssl"), "req", *options, *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    sites = put(
        blocks("nginx")[0],
        {
            "127.0.0.1:8000": f"127.0.0.1:{backend}",
            "listen [::]:80;": "",
            "listen [::]:443 ssl;": "",
            "listen 80;": f"listen 127.0.0.1:{plain_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;\n    add_header X-Proxy-Id $request_id always;",
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(certificate),
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(key),
        },
    )
    trust = ssl.create_default_context(cafile=certificate)
    with running(nginx(folder, sites), folder, lambda: answers(port, trust)):
        yield Front(port, trust, plain_port)


@contextlib.contextmanager
def inner_nginx(folder: Path, backend: int) -> Iterator[int]:
    port = free_port()
    sites = put(blocks("nginx")[1], {"127.0.0.1:8000": f"127.0.0.1:{backend}", "10.0.0.2:8080": f"127.0.0.1:{port}"})
    with running(nginx(folder, sites), folder, lambda: answers(port)):
        yield port


# ----- Caddy


def caddy(folder: Path, sites: str, options: str = "") -> list[str]:
    """The command that serves some sites, on loopback alone."""
    program = need("caddy", "caddy")
    (folder / "Caddyfile").write_text(f"{{\nadmin off\n{options}}}\n{sites}")
    return [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]


def homes(folder: Path) -> dict[str, str]:
    """Where Caddy keeps what it keeps."""
    return {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


@contextlib.contextmanager
def outer_caddy(folder: Path, backend: int) -> Iterator[Front]:
    port, plain_port = free_port(), free_port()
    sites = put(
        blocks("caddyfile")[0],
        {"127.0.0.1:8000": f"127.0.0.1:{backend}", f"{HOST} {{": f"{HOST} {{\nheader X-Proxy-Id {{http.request.uuid}}"},
    )
    # A certificate authority of its own, which this machine does not get to know.
    options = f"local_certs\nskip_install_trust\nhttps_port {port}\nhttp_port {plain_port}\ndefault_bind 127.0.0.1\n"
    root = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    def is_ready() -> bool:
        return root.exists() and answers(port, ssl.create_default_context(cafile=root))

    with running(caddy(folder, sites, options), folder, is_ready, **homes(folder)):
        yield Front(port, ssl.create_default_context(cafile=root), plain_port)


@contextlib.contextmanager
def inner_caddy(folder: Path, backend: int) -> Iterator[int]:
    port = free_port()
    sites = put(
        blocks("caddyfile")[1],
        {
            "127.0.0.1:8000": f"127.0.0.1:{backend}",
            "http://:8080": f"http://:{port}",
            "10.0.0.2": "127.0.0.1",
            "10.0.0.1": "127.0.0.1",
        },
    )
    with running(caddy(folder, sites), folder, lambda: answers(port), **homes(folder)):
        yield port


OUTER = {"nginx": outer_nginx, "caddy": outer_caddy}
INNER = {"nginx": inner_nginx, "caddy": inner_caddy}


# ----- one or two proxies, and a server


class Chain(NamedTuple):
    """A proxy in front of a server, perhaps with another one between."""

    front: Front
    server: LiveServer
    access_log: Path

    def line(self, answer: httpx.Response) -> dict[str, Any]:
        """What the access log says of a request: the outer proxy told its id in the answer as well."""

        def found() -> list[dict[str, Any]]:
            read = map(json.loads, self.access_log.read_text().splitlines())
            return [line for line in read if line["request_id"] == answer.headers["x-proxy-id"]]

        wait_until(found, "the request's line")
        (line,) = found()
        return line


@contextlib.contextmanager
def chain(folder: Path, outer: str, inner: str = "") -> Iterator[Chain]:
    """Start all from the back to the front."""
    with contextlib.ExitStack() as stack:
        access_log = folder / "access.log"
        server = stack.enter_context(
            LiveServer(
                folder / "data",
                origins="example.com,*.example.com",
                access_log=str(access_log),
                api_events_rate_limit=str(LIMIT),
                proxy_hops="2" if inner else "1",
            )
        )
        backend = server.port
        if inner:
            (folder / "inner").mkdir()
            backend = stack.enter_context(INNER[inner](folder / "inner", backend))
        (folder / "outer").mkdir()
        yield Chain(stack.enter_context(OUTER[outer](folder / "outer", backend)), server, access_log)


@pytest.fixture(scope="module", params=OUTER)
def one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """One proxy."""
    with chain(tmp_path_factory.mktemp("one"), request.param) as started:
        yield started


@pytest.fixture(scope="module", params=[("caddy", "nginx"), ("nginx", "caddy")], ids="-".join)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Two proxies in a row."""
    with chain(tmp_path_factory.mktemp("two"), *request.param) as started:
        yield started


FORGERIES = [
    pytest.param([], id="none"),
    pytest.param([("X-Forwarded-For", "8.8.8.8")], id="one address"),
    pytest.param([("X-Forwarded-For", "8.8.8.8, 1.1.1.1")], id="two addresses"),
    pytest.param([("X-Forwarded-For", "8.8.8.8"), ("X-Forwarded-For", "8.8.8.8")], id="two headers"),
    pytest.param([("X-Forwarded-For", "")], id="empty"),
    pytest.param([("X_Forwarded_For", "8.8.8.8")], id="underscores"),
    pytest.param([("Forwarded", "for=8.8.8.8"), ("X-Real-IP", "8.8.8.8")], id="other headers"),
    pytest.param([("Connection", "X-Forwarded-For, X-Request-Id")], id="a header for the next hop alone"),
]


def assert_visitor_is_told(chain: Chain, site: str, forged: list[tuple[str, str]]) -> None:
    with chain.front.visitor() as (visitor, address):
        headers = [*browser(f"https://{site}/").items(), *forged]
        answer = ask(visitor, "POST", EVENTS + "pageviews", headers=headers)
    assert answer.status_code == 200
    assert chain.line(answer)["source_ip"] == address
    assert chain.server.rows("SELECT country_code FROM sessions WHERE domain = ?", [site]) == [("XX",)]


@pytest.mark.parametrize("forged", FORGERIES)
def test_one_proxy_tells_who_it_is(one: Chain, site: str, forged: list[tuple[str, str]]) -> None:
    assert_visitor_is_told(one, site, forged)


@pytest.mark.parametrize("forged", FORGERIES)
def test_two_proxies_tell_who_it_is(two: Chain, site: str, forged: list[tuple[str, str]]) -> None:
    assert_visitor_is_told(two, site, forged)


def test_rate_limit_is_for_the_visitor(one: Chain) -> None:
    def send(visitor: httpx.Client, step: int) -> int:
        headers = browser(f"https://example.com/{step}", X_Forwarded_For=f"8.8.8.{step}")
        return ask(visitor, "POST", EVENTS + "pageviews", headers=headers).status_code

    with one.front.visitor() as (first, _), one.front.visitor() as (second, _):
        assert [send(first, step) for step in range(LIMIT + 1)] == [200] * LIMIT + [429]
        assert send(second, 0) == 200


def assert_request_id_is_the_proxys(chain: Chain) -> None:
    with chain.front.visitor() as (visitor, _):
        answer = ask(visitor, "POST", EVENTS + "outbound-links", headers={"X-Request-Id": "forged"})
    assert answer.status_code == 400
    assert answer.headers["x-prisme-request-id"] == answer.headers["x-proxy-id"] != "forged"
    assert chain.line(answer)["path"] == EVENTS + "outbound-links"


def test_request_id_of_one_proxy(one: Chain) -> None:
    assert_request_id_is_the_proxys(one)


def test_request_id_of_the_outer_of_two_proxies(two: Chain) -> None:
    assert_request_id_is_the_proxys(two)


class Case(NamedTuple):
    """A request, and what comes back of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    expected: bytes | None = b""  # None for what is not looked at


def _get(path: str, query: dict[str, str], status: int, expected: bytes = GIF, **headers: str) -> Case:
    headers["User-Agent"] = CHROME
    return Case("GET", f"{NOSCRIPT}{path}?{httpx.QueryParams(query)}", headers, b"", status, expected)


SITE = {"referrer": "https://example.com/"}
SENT = dict(browser("https://example.com/"))
JSON = SENT | {"Content-Type": "application/json"}
PROPERTIES = b'{"text":"%s"}'
ASKED = {"Origin": "https://example.com", "Access-Control-Request-Headers": "x-prisme-referrer,content-type"}
PASSED = {
    "pageview": Case("POST", EVENTS + "pageviews", SENT, b"", 200),
    "noscript pageview": _get("pageviews", SITE, 200),
    "custom event": Case("POST", EVENTS + "custom/sign_up", JSON, b'{"plan":"pro"}', 200),
    "name with a slash": Case("POST", EVENTS + "custom/a%2Fb%3F%25%20%C3%BC", JSON, b"", 200),
    "name with two slashes": Case("POST", EVENTS + "custom//x", JSON, b"", 404, b"no such endpoint\n"),
    "longest body": Case("POST", EVENTS + "custom/long", JSON, PROPERTIES % (b"x" * (65_536 - 11)), 200),
    "body too long": Case("POST", EVENTS + "custom/long", JSON, PROPERTIES % (b"x" * 65_536), 413, None),
    "noscript custom event": _get("custom/x", SITE | {"prop-plan": '"pro"'}, 200),
    "long query": _get("custom/x", SITE | {"prop-text": '"' + "x" * 30_000 + '"'}, 200),
    "download": Case("POST", EVENTS + "file-downloads", SENT, LINK.encode(), 200),
    "ping": Case(
        "POST",
        EVENTS + "outbound-links",
        {"Origin": "https://example.com", "User-Agent": CHROME, "Content-Type": "text/ping"}
        | {"Ping-From": "https://example.com/", "Ping-To": LINK},
        b"PING",
        200,
    ),
    "redirect": _get("outbound-links", SITE | {"url": LINK}, 302, b"", Referer="https://example.com/"),
    "preflight": Case("OPTIONS", EVENTS + "pageviews", ASKED, b"", 204),
    "refusal": Case("POST", EVENTS + "pageviews", {"Origin": "null"}, b"", 400, b"origin not registered\n"),
    "noscript refusal": _get("pageviews", {}, 400),
    "wrong method": Case("GET", EVENTS + "pageviews", {}, b"", 405, b"method not allowed\n"),
    "script": Case("GET", "/static/wa.js", {"Accept-Encoding": "identity"}, b"", 200, None),
    "packed script": Case("GET", "/static/wa.js", {"Accept-Encoding": "br"}, b"", 200, None),
    "head": Case("HEAD", "/static/wa.js", {"Accept-Encoding": "gzip"}, b"", 200),
    "health": Case("GET", "/api/v1/healthcheck", {}, b"", 200, b"ok\n"),
}
# What is the connection's, or another one for each request.
OWN_HEADERS = {"date", "connection", "keep-alive", "transfer-encoding", "server", "alt-svc", "x-proxy-id"}
OWN_HEADERS |= {"x-prisme-request-id", "content-length", "via"}


def told(answer: httpx.Response) -> dict[str, str]:
    """The headers that are Prisme's own."""
    return {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}


@pytest.mark.parametrize("case", PASSED.values(), ids=PASSED)
def test_all_is_passed_as_it_is(one: Chain, case: Case) -> None:
    with one.front.visitor() as (visitor, address):
        # Straight to the server, as the same visitor: what a proxy is to change nothing of.
        same = {"X-Forwarded-For": address}
        assert one.server.http.post(EVENTS + "pageviews", headers=SENT | same).status_code == 200
        direct = one.server.http.request(case.method, case.path, headers=case.headers | same, content=case.body)
        passed = ask(visitor, case.method, case.path, headers=case.headers, content=case.body)
    assert (direct.status_code, passed.status_code) == (case.status, case.status)
    assert told(passed) == told(direct)
    assert passed.content == direct.content
    assert case.expected is None or passed.content == case.expected
    if case.status == 302:
        assert passed.headers["location"] == LINK


def test_names_of_events_keep_their_slashes(one: Chain, site: str) -> None:
    with one.front.visitor() as (visitor, _):
        sent = dict(browser(f"https://{site}/"))
        assert ask(visitor, "POST", EVENTS + "pageviews", headers=sent).status_code == 200
        sent["Content-Type"] = "application/json"
        assert ask(visitor, "POST", EVENTS + "custom/a%2Fb%3F%25", headers=sent).status_code == 200
    assert one.server.rows("SELECT name FROM events_custom WHERE domain = ?", [site]) == [("a/b?%",)]


def test_script_does_not_come_twice(one: Chain) -> None:
    with one.front.visitor() as (visitor, _):
        first = ask(visitor, "GET", "/static/wa.js")
        again = ask(visitor, "GET", "/static/wa.js", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_http_leads_to_https(one: Chain) -> None:
    answer = httpx.get(f"http://127.0.0.1:{one.front.plain_port}/static/wa.js?x=1", headers={"Host": HOST})
    assert answer.status_code in {301, 308}
    assert re.fullmatch(rf"https://{HOST}(:\d+)?/static/wa\.js\?x=1", answer.headers["location"])


# ----- what is not run


@pytest.mark.parametrize("options", blocks("toml"))
def test_options_are_prismes(tmp_path: Path, options: str) -> None:
    (tmp_path / "prisme.toml").write_text(options)
    config, notices = load({}, {}, tmp_path)
    assert config.trust_proxy == "auto"
    assert [notice for notice in notices if "unknown" in notice] == []


def test_traefik_is_whole() -> None:
    static, dynamic = map(yaml.safe_load, blocks("yaml"))
    http = dynamic["http"]
    (router,) = http["routers"].values()
    assert router["rule"] == f"Host(`{HOST}`)"
    assert set(router["entryPoints"]) <= set(static["entryPoints"])
    assert router["tls"]["certResolver"] in static["certificatesResolvers"]
    assert f"# {static['providers']['file']['filename']}\n" == blocks("yaml")[1].splitlines(keepends=True)[0]
    assert not any("forwardedHeaders" in entry for entry in static["entryPoints"].values())
    (middleware,) = (http["middlewares"][name] for name in router["middlewares"])
    assert middleware["headers"]["customRequestHeaders"] == {"X-Request-Id": ""}
    balancer = http["services"][router["service"]]["loadBalancer"]
    assert balancer["servers"] == [{"url": "http://127.0.0.1:8000"}]
    assert http["serversTransports"][balancer["serversTransport"]]["forwardingTimeouts"]["idleConnTimeout"] == "5s"
