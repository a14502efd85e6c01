"""The proxies of docs/proxy.md, configured as it says: one, or two in a row, in front of a real server."""

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

from tests.checkout import ROOT
from tests.requirements import need
from tests.server import PATIENCE, LiveServer, free_port, wait_until

PAGE = (ROOT / "docs" / "proxy.md").read_text()
HOST = "stats.example.com"
EVENTS = "/api/v1/events/"
HEALTH = "/api/v1/healthcheck"
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


def answers(port: int, trust: ssl.SSLContext | None = None, health: str = HEALTH) -> bool:
    """Whether a proxy leads to Prisme."""
    scheme = "http" if trust is None else "https"
    try:
        with httpx.Client(verify=trust or True, base_url=f"{scheme}://127.0.0.1:{port}") as client:
            return ask(client, "GET", health, headers={"Host": HOST}).status_code == 200
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
    key, certificate = make_certificate(folder)
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


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A key, and its certificate, which nobody else has signed."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subject = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    subprocess.run(
        [need("openssl", "openssl"), "req", *options, *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return key, certificate


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
    with running_caddy(folder, sites, port, plain_port) as front:
        yield front


@contextlib.contextmanager
def running_caddy(folder: Path, sites: str, port: int, plain_port: int, health: str = HEALTH) -> Iterator[Front]:
    """Caddy with a certificate authority of its own, which this machine does not get to know."""
    options = f"local_certs\nskip_install_trust\nhttps_port {port}\nhttp_port {plain_port}\ndefault_bind 127.0.0.1\n"
    root = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    def is_ready() -> bool:
        # Caddy may still be writing it.
        written = root.exists() and root.read_text().endswith("-----END CERTIFICATE-----\n")
        return written and answers(port, ssl.create_default_context(cafile=root), health)

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
                access_log_ip="full",
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
